import { describe, expect, test } from 'vitest';
import { base64Url, fromBase64Url } from '../src/core/push';
import { answer } from '../src/sw/answer';
import { type FiredPush, readPush } from '../src/sw/payload';

const FIRED = {
  kind: 'fired',
  id: 'r1',
  task_id: 't1',
  title: 'Call Ada',
  body: 'Due 09:00',
  due_for: '2026-11-24T08:00:00Z',
  url: '/task/t1',
  lang: 'de',
  actions: { done: 'Erledigt', snooze: '10 Min. später' },
};

describe('what a push may say', () => {
  test('a reminder that fired, as the server sends it', () => {
    expect(readPush(FIRED)).toEqual(FIRED);
  });

  test('a digest is of no task: it leads to the day, and has no actions', () => {
    const { task_id: _, actions: __, ...digest } = { ...FIRED, title: '2 due today', url: '/today' };
    expect(readPush(digest)).toEqual({ ...digest, task_id: '', actions: null });
    expect(readPush({ ...digest, url: 'https://example.org/' })).toMatchObject({ url: '/today' });
  });

  test('a reminder that was read elsewhere', () => {
    expect(readPush({ kind: 'close', id: 'r1' })).toEqual({ kind: 'close', id: 'r1' });
  });

  test('an address of another site is not opened', () => {
    for (const url of [
      'https://example.org/',
      '//example.org/',
      '/\\example.org',
      'javascript:alert(1)',
      undefined,
    ])
      expect(readPush({ ...FIRED, url })).toMatchObject({ url: '/task/t1' });
  });

  test('anything else is nothing', () => {
    for (const content of [
      null,
      1,
      'x',
      {},
      { kind: 'fired' },
      { ...FIRED, id: '' },
      { kind: 'other', id: 'a' },
    ])
      expect(readPush(content)).toBeNull();
  });
});

describe('answering a notification', () => {
  const push = readPush(FIRED) as FiredPush;

  function server(statuses: Record<string, number> = {}) {
    const calls: { path: string; headers: Record<string, string>; body: unknown; credentials: unknown }[] =
      [];
    const send = (async (path: string, init: RequestInit) => {
      calls.push({
        path,
        headers: init.headers as Record<string, string>,
        body: init.body ? JSON.parse(String(init.body)) : undefined,
        credentials: init.credentials,
      });
      return new Response(JSON.stringify({ access_token: 'at' }), { status: statuses[path] ?? 200 });
    }) as typeof fetch;
    return { calls, send };
  }

  test('Done renews the session by its cookie, then completes the task', async () => {
    const { calls, send } = server();
    await answer('done', push, send);
    expect(calls.map((call) => call.path)).toEqual(['/api/auth/refresh', '/api/tasks/t1/complete']);
    expect(calls[0]).toMatchObject({ body: {}, credentials: 'same-origin' });
    expect(calls[1]?.headers.authorization).toBe('Bearer at');
  });

  test('Snooze is ten minutes; pressed twice, both carry one key', async () => {
    const { calls, send } = server();
    await answer('snooze', push, send);
    await answer('snooze', push, send);
    const snoozes = calls.filter((call) => call.path === '/api/reminders/r1/snooze');
    expect(snoozes.map((call) => call.body)).toEqual([{ for: 'PT10M' }, { for: 'PT10M' }]);
    expect(new Set(snoozes.map((call) => call.headers['idempotency-key'])).size).toBe(1);
  });

  test('a task that was done elsewhere meanwhile is no failure; anything else is one', async () => {
    const done = '/api/tasks/t1/complete';
    await expect(answer('done', push, server({ [done]: 409 }).send)).resolves.toBeUndefined();
    await expect(answer('done', push, server({ [done]: 503 }).send)).rejects.toThrow('503');
    await expect(answer('done', push, server({ '/api/auth/refresh': 401 }).send)).rejects.toThrow('401');
  });
});

test('keys in base64url, there and back', () => {
  const bytes = Uint8Array.from({ length: 65 }, (_, index) => (index * 37) % 256);
  expect(base64Url(bytes.buffer)).toMatch(/^[\w-]+$/);
  expect([...fromBase64Url(base64Url(bytes.buffer))]).toEqual([...bytes]);
});
