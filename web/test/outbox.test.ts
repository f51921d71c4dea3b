import 'fake-indexeddb/auto';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Call, Problem, SignedOut, Unreachable } from '../src/core/api';
import { Database } from '../src/core/db';
import type { Op } from '../src/core/ops';
import { LIMIT, Outbox } from '../src/core/outbox';
import { task } from './support/rows';

interface Sent {
  path: string;
  call: Call;
}
type Reply = unknown | Error | ((sent: Sent) => unknown);

let account = 0;
let db: Database;
let outboxes: Outbox[] = [];

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  db = await Database.open(`account-${account++}`);
});
afterEach(() => {
  for (const outbox of outboxes) outbox.stop();
  outboxes = [];
  db.close();
  vi.useRealTimers();
});

/** An outbox against a server that gives these answers in turn, then 200 for ever. */
function start(replies: Reply[] = []) {
  const sent: Sent[] = [];
  const answered: [Op, unknown][] = [];
  const refused: [Op, Problem][] = [];
  const reachable: boolean[] = [];
  let signedOut = 0;
  const send = async (path: string, call: Call = {}) => {
    const request = { path, call };
    sent.push(request);
    const reply = replies.shift() ?? { id: `server-${sent.length}`, version: 1 };
    if (reply instanceof Error) throw reply;
    return typeof reply === 'function' ? await reply(request) : reply;
  };
  const outbox = new Outbox(
    db,
    {
      changed: () => {},
      answered: (op, answer) => answered.push([op, answer]),
      refused: (op, reason) => refused.push([op, reason]),
      signedOut: () => signedOut++,
      reachable: (yes) => reachable.push(yes),
    },
    send as never,
  );
  outboxes.push(outbox);
  return { outbox, sent, answered, refused, reachable, signedOut: () => signedOut };
}

const idle = (outbox: Outbox) => vi.waitFor(() => expect(outbox.ops).toEqual([]));
const refusal = (status: number, seconds: number | null = null) =>
  new Problem(status, { detail: 'no' }, seconds);

describe('sending', () => {
  test('one after the other, each under its own key', async () => {
    const { outbox, sent } = start();
    outbox.add({ kind: 'task.complete', target: 'a' });
    outbox.add({ kind: 'task.complete', target: 'b' });
    await idle(outbox);
    expect(sent.map((request) => request.path)).toEqual(['/api/tasks/a/complete', '/api/tasks/b/complete']);
    expect(new Set(sent.map((request) => request.call.key)).size).toBe(2);
  });

  test('a second change waits for the first one’s answer', async () => {
    let land: (value: unknown) => void = () => {};
    const { outbox, sent } = start([() => new Promise((resolve) => (land = resolve))]);
    outbox.add({ kind: 'task.complete', target: 'a' });
    outbox.add({ kind: 'task.complete', target: 'b' });
    await vi.waitFor(() => expect(sent.length).toBe(1));
    await Promise.resolve();
    expect(sent.length).toBe(1);
    land({ id: 'a', version: 2 });
    await idle(outbox);
    expect(sent.length).toBe(2);
  });

  test('not reached, it is sent again under the same key, and later ones stay behind it', async () => {
    const { outbox, sent, reachable } = start([new Unreachable(), refusal(503)]);
    outbox.add({ kind: 'task.complete', target: 'a' });
    outbox.add({ kind: 'task.complete', target: 'b' });
    await vi.waitFor(() => expect(reachable).toEqual([false]));
    await vi.advanceTimersByTimeAsync(60_000);
    await idle(outbox);
    expect(sent.map((request) => request.path)).toEqual([
      '/api/tasks/a/complete',
      '/api/tasks/a/complete',
      '/api/tasks/a/complete',
      '/api/tasks/b/complete',
    ]);
    expect(new Set(sent.slice(0, 3).map((request) => request.call.key)).size).toBe(1);
  });

  test('Retry-After is kept', async () => {
    const { outbox, sent } = start([refusal(429, 7)]);
    outbox.add({ kind: 'task.complete', target: 'a' });
    await vi.waitFor(() => expect(sent.length).toBe(1));
    await vi.advanceTimersByTimeAsync(6_900);
    expect(sent.length).toBe(1);
    await vi.advanceTimersByTimeAsync(200);
    await idle(outbox);
    expect(sent.length).toBe(2);
  });

  test('a session that has ended keeps everything', async () => {
    const { outbox, signedOut } = start([new SignedOut()]);
    outbox.add({ kind: 'task.complete', target: 'a' });
    await vi.waitFor(() => expect(signedOut()).toBe(1));
    expect(outbox.ops.length).toBe(1);
  });

  test('changes of one field after the other are one request while nothing of them was sent', async () => {
    const { outbox, sent } = start();
    outbox.add({ kind: 'task.update', target: 'a', body: { title: 'x' }, was: { title: 'a' }, version: 1 });
    outbox.add({ kind: 'task.update', target: 'a', body: { notes: 'n' }, was: { notes: '' }, version: 1 });
    await idle(outbox);
    expect(sent.map((request) => request.call.body)).toEqual([{ title: 'x', notes: 'n' }]);
  });

  test('a change that was not sent can still be said to be for all later ones; a sent one can’t', async () => {
    let land: (value: unknown) => void = () => {};
    const { outbox, sent } = start([() => new Promise((resolve) => (land = resolve))]);
    const first = outbox.add({ kind: 'task.update', target: 'a', body: { title: 'x' } });
    await vi.waitFor(() => expect(sent.length).toBe(1));
    const second = outbox.add({ kind: 'task.update', target: 'b', body: { due: '2026-12-01' } });
    expect(outbox.applyToLater(first?.id ?? '')).toBe(false);
    expect(outbox.applyToLater(second?.id ?? '')).toBe(true);
    await vi.waitFor(async () => {
      const kept = (await db.queued()).find((op) => op.id === second?.id);
      expect(kept?.body).toEqual({ due: '2026-12-01', apply: 'later' });
    });
    land({ id: 'a', version: 2 });
    await idle(outbox);
    expect(sent.map((request) => request.call.body)).toEqual([
      { title: 'x' },
      { due: '2026-12-01', apply: 'later' },
    ]);
  });

  test('what is for this one and what is for all later ones are two requests', async () => {
    const { outbox, sent } = start();
    outbox.add({ kind: 'task.update', target: 'a', body: { title: 'x' } });
    outbox.add({ kind: 'task.update', target: 'a', body: { title: 'x', apply: 'later' } });
    outbox.add({ kind: 'task.update', target: 'a', body: { due: '2026-12-01', apply: 'later' } });
    await idle(outbox);
    expect(sent.map((request) => request.call.body)).toEqual([
      { title: 'x' },
      { title: 'x', due: '2026-12-01', apply: 'later' },
    ]);
  });

  test('two parts of a rule are one request, unless the first takes something away', async () => {
    const { outbox, sent } = start();
    const add = (repeat: unknown) => outbox.add({ kind: 'task.update', target: 'a', body: { repeat } });
    add({ rrule: 'FREQ=DAILY', from: 'due' });
    add({ from: 'completion' });
    add({ moved: null });
    add({ moved: { '2026-12-01': '2026-12-02' } });
    await idle(outbox);
    expect(sent.map((request) => (request.call.body as { repeat: unknown }).repeat)).toEqual([
      { rrule: 'FREQ=DAILY', from: 'completion', moved: null },
      { moved: { '2026-12-01': '2026-12-02' } },
    ]);
  });

  test('beyond its limit it takes nothing more', () => {
    const { outbox } = start([() => new Promise(() => {})]);
    for (let turn = 0; turn < LIMIT; turn++)
      expect(outbox.add({ kind: 'task.complete', target: `t${turn}` })).not.toBeNull();
    expect(outbox.add({ kind: 'task.complete', target: 'one more' })).toBeNull();
  });
});

describe('new rows', () => {
  test('changed before it was sent, a task is made so', async () => {
    let land: (value: unknown) => void = () => {};
    const { outbox, sent } = start([() => new Promise((resolve) => (land = resolve))]);
    outbox.add({ kind: 'task.complete', target: 'other' });
    await vi.waitFor(() => expect(sent.length).toBe(1));
    const rule = { rrule: 'FREQ=DAILY', from: 'due' };
    outbox.add({ kind: 'task.create', target: 'new-t', body: { title: 'T', project_id: 'p', repeat: rule } });
    outbox.add({ kind: 'task.update', target: 'new-t', body: { title: 'U' } });
    outbox.add({ kind: 'task.update', target: 'new-t', body: { repeat: { from: 'completion' } } });
    land({ id: 'other', version: 2 });
    await idle(outbox);
    expect(sent.slice(1)).toMatchObject([
      {
        path: '/api/tasks',
        call: { body: { title: 'U', project_id: 'p', repeat: { ...rule, from: 'completion' } } },
      },
    ]);
  });

  test('what was done to them before they had an id is sent under the id they got', async () => {
    const { outbox, sent } = start([
      { id: 'p1', version: 1 },
      { id: 't1', version: 1 },
    ]);
    outbox.add({ kind: 'project.create', target: 'new-p', body: { name: 'P' } });
    outbox.add({ kind: 'task.create', target: 'new-t', body: { title: 'T', project_id: 'new-p' } });
    outbox.add({ kind: 'task.complete', target: 'new-t' });
    await idle(outbox);
    expect(sent[1]?.call.body).toEqual({ title: 'T', project_id: 'p1' });
    expect(sent[2]?.path).toBe('/api/tasks/t1/complete');
    expect(outbox.nameOf('new-t')).toBe('t1');
  });

  test('refused, it takes along what was built on it', async () => {
    const { outbox, sent, refused } = start([refusal(422)]);
    outbox.add({ kind: 'project.create', target: 'new-p', body: { name: '' } });
    outbox.add({ kind: 'task.create', target: 'new-t', body: { title: 'T', project_id: 'new-p' } });
    await idle(outbox);
    expect(refused.map(([op]) => op.kind)).toEqual(['project.create']);
    expect(sent.length).toBe(1);
  });
});

describe('If-Match', () => {
  const update = {
    kind: 'task.update',
    target: 'a',
    body: { title: 'mine' },
    was: { title: 'a' },
    version: 1,
  } as const;

  test('a second change goes on from the version that the first has led to', async () => {
    const { outbox, sent } = start([{ id: 'a', version: 2 }]);
    outbox.add(update);
    await idle(outbox);
    outbox.add({ ...update, body: { title: 'again' } });
    await idle(outbox);
    expect(sent.map((request) => request.call.ifMatch)).toEqual([1, 2]);
  });

  test('a change without a guard in between, the person’s own, is taken into account', async () => {
    let land: (value: unknown) => void = () => {};
    const { outbox, sent } = start([
      () => new Promise((resolve) => (land = resolve)),
      { id: 'a', version: 3 },
    ]);
    outbox.add({ kind: 'task.update', target: 'a', body: { rank: 'k' } });
    await vi.waitFor(() => expect(sent.length).toBe(1));
    outbox.add(update);
    land({ id: 'a', version: 2 });
    await idle(outbox);
    expect(sent[1]?.call.ifMatch).toBe(2);
  });

  test('somebody else’s in between is not', async () => {
    let land: (value: unknown) => void = () => {};
    const { outbox, sent } = start([
      () => new Promise((resolve) => (land = resolve)),
      { id: 'a', version: 4 },
    ]);
    outbox.add({ kind: 'task.update', target: 'a', body: { rank: 'k' } });
    await vi.waitFor(() => expect(sent.length).toBe(1));
    outbox.add(update);
    land({ id: 'a', version: 3 });
    await idle(outbox);
    expect(sent[1]?.call.ifMatch).toBe(1);
  });

  test('where both changes fit together, it is sent again for the newer version', async () => {
    const theirs = task('a', { version: 5, title: 'a', notes: 'theirs' });
    const { outbox, sent } = start([refusal(412), theirs, { id: 'a', version: 6 }]);
    outbox.add(update);
    await idle(outbox);
    expect(sent.map((request) => request.call.ifMatch)).toEqual([1, undefined, 5]);
  });

  test('where they don’t, it waits for the person, and other rows go on', async () => {
    const theirs = task('a', { version: 5, title: 'theirs' });
    const { outbox, sent } = start([refusal(412), theirs]);
    outbox.add(update);
    await vi.waitFor(() => expect(outbox.ops[0]?.conflict?.fields).toEqual(['title']));
    outbox.add({ kind: 'task.complete', target: 'b' });
    await vi.waitFor(() => expect(outbox.ops.length).toBe(1));
    expect(sent.at(-1)?.path).toBe('/api/tasks/b/complete');

    outbox.resolve(outbox.ops[0]?.id ?? '', 'mine');
    await idle(outbox);
    expect(sent.at(-1)).toMatchObject({
      path: '/api/tasks/a',
      call: { ifMatch: 5, body: { title: 'mine' } },
    });
  });

  test('the other one’s kept: nothing is sent', async () => {
    const { outbox, sent } = start([refusal(412), task('a', { version: 5, title: 'theirs' })]);
    outbox.add(update);
    await vi.waitFor(() => expect(outbox.ops[0]?.conflict).toBeDefined());
    outbox.resolve(outbox.ops[0]?.id ?? '', 'theirs');
    await idle(outbox);
    expect(sent.length).toBe(2);
  });
});

describe('refusals', () => {
  test('a refused change leaves the queue with its reason', async () => {
    const { outbox, refused } = start([refusal(409)]);
    outbox.add({ kind: 'task.skip', target: 'a' });
    await idle(outbox);
    expect(refused[0]?.[1].status).toBe(409);
  });

  test('deleting what is gone is done', async () => {
    const { outbox, refused, answered } = start([refusal(404)]);
    outbox.add({ kind: 'task.delete', target: 'a' });
    await idle(outbox);
    expect(refused).toEqual([]);
    expect(answered.map(([op]) => op.kind)).toEqual(['task.delete']);
  });
});

describe('the queue outlives its page', () => {
  test('what was not answered is sent by the next page, in order, under its old keys', async () => {
    const first = start([new Unreachable()]);
    await first.outbox.start();
    const keys = ['a', 'b', 'c'].map((id) => first.outbox.add({ kind: 'task.complete', target: id })?.id);
    await vi.waitFor(async () => expect((await db.queued()).length).toBe(3));
    await vi.waitFor(() => expect(first.reachable).toEqual([false]));
    first.outbox.stop();

    const second = start();
    await second.outbox.start();
    await idle(second.outbox);
    expect(second.sent.map((request) => request.call.key)).toEqual(keys);
    await vi.waitFor(async () => expect(await db.queued()).toEqual([]));
  });

  test('taken back before it was sent, it is never sent', async () => {
    const { outbox, sent } = start([() => new Promise(() => {})]);
    outbox.add({ kind: 'task.complete', target: 'a' });
    await vi.waitFor(() => expect(sent.length).toBe(1));
    const op = outbox.add({ kind: 'task.complete', target: 'b' });
    expect(outbox.cancel(op?.id ?? '')).toBe(true);
    expect(outbox.cancel(outbox.ops[0]?.id ?? '')).toBe(false);
    await vi.waitFor(async () => expect((await db.queued()).map((left) => left.target)).toEqual(['a']));
  });
});
