/** Done and Snooze on a notification: two calls with the session's cookie, without the page. */

import { exclusively } from '../core/lock';
import type { FiredPush } from './payload';

export const SNOOZE = 'PT10M';

type Fetch = typeof fetch;

async function call(
  path: string,
  body: unknown,
  headers: Record<string, string>,
  send: Fetch,
): Promise<Response> {
  const response = await send(path, {
    method: 'POST',
    headers: {
      accept: 'application/json',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
    credentials: 'same-origin',
    cache: 'no-store',
  });
  if (!response.ok && response.status !== 409) throw new Error(`HTTP ${response.status}`);
  return response;
}

async function authorization(send: Fetch): Promise<string> {
  const answer = await exclusively('refresh', () => call('/api/auth/refresh', {}, {}, send));
  return `Bearer ${((await answer.json()) as { access_token: string }).access_token}`;
}

/** A subscription that the browser has renewed by itself: reminders must find it. */
export async function register(channel: Record<string, unknown>, send: Fetch = fetch): Promise<void> {
  const headers = { authorization: await authorization(send), 'idempotency-key': crypto.randomUUID() };
  await call('/api/settings/channels', channel, headers, send);
}

/** Fails where the server did not take it. Pressed twice, it happens once: the key is the notification's. */
export async function answer(action: 'done' | 'snooze', push: FiredPush, send: Fetch = fetch): Promise<void> {
  const authorized = {
    authorization: await authorization(send),
    'idempotency-key': `notification-${push.id}-${action}`,
  };
  if (action === 'done')
    await call(`/api/tasks/${encodeURIComponent(push.task_id)}/complete`, undefined, authorized, send);
  else await call(`/api/reminders/${encodeURIComponent(push.id)}/snooze`, { for: SNOOZE }, authorized, send);
}
