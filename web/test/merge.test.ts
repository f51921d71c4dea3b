import { describe, expect, test } from 'vitest';
import { mergeEvent } from '../src/core/merge';
import { event, notification, project, task, view } from './support/rows';

describe('a task’s event', () => {
  const rows = view({ tasks: [task('a', { version: 3, title: 'old', missed: 2 })] });

  test('the next version changes the fields it names, and only those', () => {
    const merged = mergeEvent(rows, event('task.updated', 'a', 4, { title: 'new' }));
    expect(merged.fetch).toEqual([]);
    expect(merged.tasks).toEqual([
      task('a', { version: 4, title: 'new', missed: 2, updated_at: '2026-11-24T09:00:00Z' }),
    ]);
  });

  test('one that is known already, or older, changes nothing', () => {
    for (const version of [1, 3])
      expect(mergeEvent(rows, event('task.updated', 'a', version, { title: 'x' }))).toEqual({
        fetch: [],
        cursor: '10',
      });
  });

  test('after a gap, the row is read again', () => {
    const merged = mergeEvent(rows, event('task.updated', 'a', 6, { title: 'x' }));
    expect(merged.tasks).toBeUndefined();
    expect(merged.fetch).toEqual([{ store: 'tasks', id: 'a' }]);
  });

  test('one that is too large to carry its fields is read again', () => {
    const merged = mergeEvent(rows, event('task.updated', 'a', 4, { ref: '/api/tasks/a' }));
    expect(merged.tasks).toBeUndefined();
    expect(merged.fetch).toEqual([{ store: 'tasks', id: 'a' }]);
  });

  test('a new task is whole from its first event; a later version of an unknown one is read', () => {
    const merged = mergeEvent(rows, event('task.created', 'b', 1, { title: 'B', project_id: 'inbox' }));
    expect(merged.tasks?.[0]).toMatchObject({ id: 'b', title: 'B', status: 'open', version: 1, rank: '' });
    expect(mergeEvent(rows, event('task.updated', 'b', 2, { title: 'B' })).fetch).toEqual([
      { store: 'tasks', id: 'b' },
    ]);
  });

  test('a new one has a start and later values, even where its event names none', () => {
    const merged = mergeEvent(rows, event('task.created', 'b', 1, { title: 'B', project_id: 'inbox' }));
    expect(merged.tasks?.[0]).toMatchObject({ start: null, later: null, series_start: null });
    const again = mergeEvent(
      rows,
      event('task.updated', 'a', 4, { later: { title: 'all' }, start: '2026-12-01' }),
    );
    expect(again.tasks?.[0]).toMatchObject({ later: { title: 'all' }, start: '2026-12-01' });
  });

  test('a deletion takes it away, whatever lies between', () => {
    expect(mergeEvent(rows, event('task.deleted', 'a', 9, null)).removed).toEqual([
      { store: 'tasks', id: 'a' },
    ]);
  });

  test('another day has missed nothing', () => {
    const merged = mergeEvent(rows, event('task.updated', 'a', 4, { due: '2026-12-01' }));
    expect(merged.tasks?.[0]?.missed).toBe(0);
  });
});

test('a project is renamed and deleted', () => {
  const rows = view({ projects: [project('p', { version: 1 })] });
  expect(mergeEvent(rows, event('project.updated', 'p', 2, { name: 'New' })).projects?.[0]).toMatchObject({
    name: 'New',
    version: 2,
  });
  expect(mergeEvent(rows, event('project.created', 'q', 1, { name: 'Q' })).projects?.[0]).toMatchObject({
    reminders: [],
  });
  expect(mergeEvent(rows, event('project.deleted', 'p', 2, null)).removed).toEqual([
    { store: 'projects', id: 'p' },
  ]);
});

describe('a reminder’s event', () => {
  test('one that fired is read, and rings', () => {
    const merged = mergeEvent(view(), event('reminder.fired', 'r', 2, null));
    expect(merged).toMatchObject({ rang: 'r', fetch: [{ store: 'notifications', id: 'r' }] });
  });

  test('one that was read elsewhere is read here', () => {
    const rows = view({ notifications: [notification('r')] });
    const merged = mergeEvent(rows, event('reminder.read', 'r', 3, { read_at: '2026-11-24T09:00:00Z' }));
    expect(merged.notifications?.[0]?.read_at).toBe('2026-11-24T09:00:00Z');
    expect(merged.rang).toBeUndefined();
    expect(merged.read).toBe('r');
  });

  test('one that was read before its row came here is told all the same', () => {
    const merged = mergeEvent(view(), event('reminder.read', 'r', 3, { read_at: '2026-11-24T09:00:00Z' }));
    expect(merged).toMatchObject({ read: 'r', fetch: [] });
  });
});

test('an event that nothing here shows still moves the cursor', () => {
  expect(mergeEvent(view(), event('channel.created', 'c', 1, {}, '77'))).toEqual({ fetch: [], cursor: '77' });
});
