/** One way to the server: every call has a time limit, carries the access token, and fails as a Problem. */

import { exclusively } from './lock';
import type { Session, User } from './types';

const TIMEOUT_MS = 15_000;

interface ProblemBody {
  detail?: string;
  title?: string;
  errors?: { field?: string; pointer?: string; reason?: string; detail?: string }[];
}

export class Problem extends Error {
  readonly status: number;
  /** Seconds, as `Retry-After` asks. */
  readonly retryAfter: number | null;
  readonly fields: { field: string; reason: string }[];

  constructor(status: number, body: ProblemBody, retryAfter: number | null) {
    super(body.detail ?? body.title ?? `HTTP ${status}`);
    this.status = status;
    this.retryAfter = retryAfter;
    this.fields = (body.errors ?? []).map((error) => ({
      field: error.field ?? error.pointer ?? '',
      reason: error.reason ?? error.detail ?? '',
    }));
  }
}

/** The server was not reached: no network, or no answer in time. */
export class Unreachable extends Error {}

/** The session is over: sign in again. */
export class SignedOut extends Error {}

export interface Call {
  method?: string;
  body?: unknown;
  ifMatch?: number;
  key?: string;
  signal?: AbortSignal;
  /** Without a token: sign-in, sign-up. */
  open?: boolean;
}

let access: { token: string; until: number } | null = null;
let refreshing: Promise<Session> | null = null;

async function problem(response: Response): Promise<Problem> {
  const wait = Number(response.headers.get('retry-after'));
  const body = (await response.json().catch(() => ({}))) as ProblemBody;
  return new Problem(response.status, body, Number.isFinite(wait) && wait > 0 ? wait : null);
}

async function send(path: string, call: Call): Promise<Response> {
  const headers = new Headers({ accept: 'application/json' });
  if (call.body !== undefined)
    headers.set(
      'content-type',
      call.method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
    );
  if (call.ifMatch !== undefined) headers.set('if-match', `"${call.ifMatch}"`);
  if (call.key) headers.set('idempotency-key', call.key);
  if (!call.open && access) headers.set('authorization', `Bearer ${access.token}`);
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  try {
    return await fetch(path, {
      method: call.method ?? 'GET',
      headers,
      body: call.body === undefined ? undefined : JSON.stringify(call.body),
      credentials: 'same-origin',
      cache: 'no-store',
      signal: call.signal ? AbortSignal.any([call.signal, limit]) : limit,
    });
  } catch (error) {
    if (call.signal?.aborted) throw error;
    throw new Unreachable();
  }
}

/** The JSON of the answer; `null` where there is none. */
export async function api<T>(path: string, call: Call = {}): Promise<T> {
  if (!call.open) await accessToken();
  let response = await send(path, call);
  if (response.status === 401 && !call.open) {
    access = null;
    await accessToken();
    response = await send(path, call);
  }
  if (response.status === 401 && !call.open) throw new SignedOut();
  if (!response.ok) throw await problem(response);
  return (response.status === 204 ? null : await response.json()) as T;
}

/** All pages of a list, up to `limit` items. */
export async function pages<T>(path: string, limit = 5000, signal?: AbortSignal): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null = null;
  do {
    const glue: string = path.includes('?') ? '&' : '?';
    const next: string = cursor ? `${path}${glue}cursor=${encodeURIComponent(cursor)}` : path;
    const page: { items: T[]; next: string | null } = await api(next, { signal });
    items.push(...page.items);
    cursor = page.next;
  } while (cursor && items.length < limit);
  return items;
}

function hold(session: Session): Session {
  // Renewed half a minute early, so that a token never ends on the way.
  access = { token: session.access_token, until: Date.now() + (session.expires_in - 30) * 1000 };
  return session;
}

/** A token that is good for now, from the cookie where needed. */
export async function accessToken(): Promise<string> {
  if (!access || Date.now() >= access.until) await refresh();
  if (!access) throw new SignedOut();
  return access.token;
}

export function refresh(): Promise<Session> {
  refreshing ??= exclusively('refresh', async () => {
    const response = await send('/api/auth/refresh', { method: 'POST', body: {}, open: true });
    if (response.status === 401 || response.status === 422) throw new SignedOut();
    if (!response.ok) throw await problem(response);
    return hold((await response.json()) as Session);
  }).finally(() => {
    refreshing = null;
  });
  return refreshing;
}

export async function signIn(email: string, password: string): Promise<User> {
  const body = { email, password, cookie: true };
  return hold(await api<Session>('/api/auth/login', { method: 'POST', body, open: true })).user;
}

export async function signUp(form: {
  email: string;
  password: string;
  timezone: string;
  invite?: string;
}): Promise<User> {
  const body = { ...form, cookie: true };
  return hold(await api<Session>('/api/auth/register', { method: 'POST', body, open: true })).user;
}

export async function signOut(): Promise<void> {
  try {
    await api('/api/auth/logout', { method: 'POST', body: {}, open: true });
  } finally {
    access = null;
  }
}

export function registration(): Promise<{ registration: 'open' | 'invite' | 'closed'; first: boolean }> {
  return api('/api/auth/registration', { open: true });
}
