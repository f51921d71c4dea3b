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

  const series = task('s', {
    due: '2026-12-07',
    occurrence: '2026-12-07',
    repeat: { rrule: 'FREQ=WEEKLY', from: 'due', exdates: ['2026-12-14'] },
  });
  const withSeries = view({ tasks: [series] });
  const seen = (...ops: Op[]) => applyOps(withSeries, ops).tasks.get('s');

  test('a new rule keeps the exceptions, as the server merges it', () => {
    const body = { repeat: { rrule: 'FREQ=DAILY', from: 'due' } };
    expect(seen(op('task.update', 's', { body }))?.repeat).toEqual({
      rrule: 'FREQ=DAILY',
      from: 'due',
      exdates: ['2026-12-14'],
    });
    expect(seen(op('task.update', 's', { body: { repeat: null } }))?.repeat).toBeNull();
  });

  test('a date of the series is left out and moved at once', () => {
    const ops = [
      op('task.occurrence', 's', { occurrence: '2026-12-21', body: { skipped: true } }),
      op('task.occurrence', 's', { occurrence: '2026-12-28', body: { due: '2026-12-29' } }),
    ];
    expect(seen(...ops)?.repeat).toMatchObject({
      exdates: ['2026-12-14', '2026-12-21'],
      moved: { '2026-12-28': '2026-12-29' },
    });
  });

  test('a title is this one’s, until it is said for all later ones; what says so is no field', () => {
    const once = op('task.update', 's', { body: { title: 'once' } });
    expect(seen(once)).toMatchObject({ title: 'once', later: { title: 's' } });
    const all = op('task.update', 's', { body: { title: 'once', apply: 'later' } });
    expect(seen(once, all)).toMatchObject({ title: 'once', later: null });
    expect(seen(all)).not.toHaveProperty('apply');
  });

  test('a due for all later ones begins the series anew', () => {
    const all = op('task.update', 's', { body: { due: '2026-12-08', apply: 'later' } });
    expect(seen(all)).toMatchObject({
      due: '2026-12-08',
      occurrence: '2026-12-08',
      series_start: '2026-12-08',
    });
  });

  test('a new task is reminded as its project says, where nothing else is said', () => {
    const own = view({ projects: [project('p', { reminders: [{ before: 'P1D' }] })] });
    const created = (body: object) =>
      applyOps(own, [op('task.create', 'new-1', { body: { project_id: 'p', ...body } })]).tasks.get('new-1');
    expect(created({ due: '2026-12-01' })?.reminders).toEqual([{ before: 'P1D' }]);
    expect(created({})?.reminders).toEqual([]);
    expect(created({ due: '2026-12-01', reminders: [] })?.reminders).toEqual([]);
  });

  test('a project has its reminders at once', () => {
    const made = op('project.create', 'new-p', { body: { name: 'P', reminders: [{ before: 'PT0M' }] } });
    expect(applyOps(base, [made]).projects.get('new-p')?.reminders).toEqual([{ before: 'PT0M' }]);
    const changed = op('project.update', 'p', { body: { reminders: [{ before: 'P1D' }] } });
    expect(applyOps(base, [changed]).projects.get('p')).toMatchObject({
      name: 'p',
      reminders: [{ before: 'P1D' }],
    });
  });

  test('acknowledged is a ring with those before it, not those after, nor another reminder’s', () => {
    const first = '11111111-1111-7111-8111-111111111111';
    const rows = [first, `${first}-1`, `${first}-2`, `22222222${first.slice(8)}`].map((id) =>
      notification(id),
    );
    const acknowledged = applyOps(view({ notifications: rows }), [
      op('notification.acknowledge', `${first}-1`),
    ]).notifications;
    expect([...acknowledged.values()].map((row) => row.read_at !== null)).toEqual([true, true, false, false]);
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
  const one = op('task.occurrence', 'a', { occurrence: '2026-12-01T09:00', body: { due: null } });
  expect(requestOf(one)).toEqual({
    method: 'PATCH',
    path: '/api/tasks/a/occurrences/2026-12-01T09%3A00',
  });
  expect(requestOf(op('notification.acknowledge', 'r')).path).toBe('/api/reminders/r/acknowledge');
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

  test('a rule that both changed to the same is no clash, whatever exceptions there are', () => {
    const rule = { rrule: 'FREQ=DAILY', from: 'due' as const };
    const weekly = { ...rule, rrule: 'FREQ=WEEKLY' };
    const change = op('task.update', 'a', {
      body: { repeat: rule, apply: 'later' },
      was: { repeat: weekly },
    });
    expect(clashes(change, task('a', { repeat: { ...rule, exdates: ['2026-12-01'] } }))).toEqual([]);
    expect(clashes(change, task('a', { repeat: { ...weekly, rrule: 'FREQ=YEARLY' } }))).toEqual(['repeat']);
  });

  test('a deletion clashes with what was changed since, and with nothing else', () => {
    const gone = op('task.delete', 'a', { was: { title: 'a', notes: '' } });
    expect(clashes(gone, task('a', { notes: 'theirs' }))).toEqual(['notes']);
    expect(clashes(gone, task('a', { missed: 3 }))).toEqual([]);
  });
});
