import { describe, expect, test } from 'vitest';
import { applyOps, clashes, type Op, type OpKind, renameIn, requestOf } from '../src/core/ops';
import { notification, project, task, view } from './support/rows';

let seq = 0;
const op = (kind: OpKind, target: string, rest: Partial<Op> = {}): Op => ({
  id: `key-${seq}`,
  seq: seq++,
  at: '2026-11-24T09:00:00Z',
  tab: 'tab',
  kind,
  target,
  ...rest,
});

describe('a change as it is seen at once', () => {
  const base = view({
    tasks: [task('a', { due: '2026-11-24' }), task('b')],
    projects: [project('p')],
    notifications: [notification('r'), notification('later', { fired_at: '2026-11-24T10:00:00Z' })],
  });

  test('created, changed, done, reopened, deleted, restored, in this order', () => {
    const ops = [op('task.create', 'new-1', { body: { title: 'N', project_id: 'p' } })];
    expect(applyOps(base, ops).tasks.get('new-1')).toMatchObject({ title: 'N', status: 'open', version: 0 });
    ops.push(op('task.update', 'new-1', { body: { title: 'M' } }));
    expect(applyOps(base, ops).tasks.get('new-1')?.title).toBe('M');
    ops.push(op('task.complete', 'new-1'));
    expect(applyOps(base, ops).tasks.get('new-1')).toMatchObject({
      status: 'completed',
      completed_at: '2026-11-24T09:00:00Z',
    });
    ops.push(op('task.reopen', 'new-1'));
    expect(applyOps(base, ops).tasks.get('new-1')).toMatchObject({ status: 'open', completed_at: null });
    ops.push(op('task.delete', 'new-1'));
    expect(applyOps(base, ops).tasks.has('new-1')).toBe(false);
    ops.push(op('task.restore', 'new-1', { row: task('new-1', { title: 'back' }) }));
    expect(applyOps(base, ops).tasks.get('new-1')?.title).toBe('back');
  });

  test('the server’s rows stay as they are', () => {
    applyOps(base, [op('task.update', 'a', { body: { title: 'x' } }), op('task.delete', 'b')]);
    expect(base.tasks.get('a')?.title).toBe('a');
    expect(base.tasks.has('b')).toBe(true);
  });

  test('rows of another kind are not even copied', () => {
    const seen = applyOps(base, [op('task.complete', 'a')]);
    expect(seen.projects).toBe(base.projects);
    expect(seen.notifications).toBe(base.notifications);
    expect(seen.tasks).not.toBe(base.tasks);
  });

  test('a change of a row that is gone does nothing', () => {
    expect(applyOps(base, [op('task.update', 'gone', { body: { title: 'x' } })]).tasks).toEqual(base.tasks);
  });

  test('all read means all that had rung by then', () => {
    const seen = applyOps(base, [op('notification.readAll', 'all')]).notifications;
    expect(seen.get('r')?.read_at).toBe('2026-11-24T09:00:00Z');
    expect(seen.get('later')?.read_at).toBeNull();
  });
});

test('ids that the server has given take the place of the ones from here, in target and body', () => {
  const names = new Map([
    ['new-1', 't1'],
    ['new-p', 'p1'],
  ]);
  const renamed = renameIn(
    op('task.update', 'new-1', { body: { project_id: 'new-p', title: 'new-1 x' } }),
    names,
  );
  expect(renamed).toMatchObject({ target: 't1', body: { project_id: 'p1', title: 'new-1 x' } });
});

test('each change has its call', () => {
  expect(requestOf(op('task.create', 'new-1'))).toEqual({ method: 'POST', path: '/api/tasks' });
  expect(requestOf(op('task.update', 'a b'))).toEqual({ method: 'PATCH', path: '/api/tasks/a%20b' });
  expect(requestOf(op('notification.snooze', 'r'))).toEqual({
    method: 'POST',
    path: '/api/reminders/r/snooze',
  });
});

describe('after a 412', () => {
  const mine = op('task.update', 'a', { body: { title: 'mine' }, was: { title: 'a' } });

  test('another field was changed: both stand', () => {
    expect(clashes(mine, task('a', { title: 'a', notes: 'theirs' }))).toEqual([]);
  });

  test('the same field to the same value is no clash', () => {
    expect(clashes(mine, task('a', { title: 'mine' }))).toEqual([]);
  });

  test('the same field to another value is one', () => {
    expect(clashes(mine, task('a', { title: 'theirs' }))).toEqual(['title']);
  });

  test('a deletion clashes with what was changed since, and with nothing else', () => {
    const gone = op('task.delete', 'a', { was: { title: 'a', notes: '' } });
    expect(clashes(gone, task('a', { notes: 'theirs' }))).toEqual(['notes']);
    expect(clashes(gone, task('a', { missed: 3 }))).toEqual([]);
  });
});
