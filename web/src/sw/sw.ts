/**
 * The service worker: the shell from its cache, and reminders as notifications that can be answered without the page.
 * What it precaches is one version; it is replaced whole.
 */

import { pushChannel } from '../core/push';
import { answer, register } from './answer';
import { messagesOf } from './messages';
import { type FiredPush, readPush } from './payload';

declare const self: {
  __proto__: EventTarget;
  registration: ServiceWorkerRegistration;
  clients: Clients;
  skipWaiting(): Promise<void>;
  addEventListener(type: string, listener: (event: never) => void): void;
};
declare const __VERSION__: string;
declare const __SHELL__: string[];

interface Clients {
  claim(): Promise<void>;
  openWindow(url: string): Promise<unknown>;
  matchAll(options: { type: 'window'; includeUncontrolled: boolean }): Promise<WindowClient[]>;
}
interface WindowClient {
  url: string;
  visibilityState: string;
  focus(): Promise<WindowClient>;
  postMessage(message: unknown): void;
}
interface Extendable {
  waitUntil(promise: Promise<unknown>): void;
}

const CACHE = `punctual-shell-${__VERSION__}`;
/** Paths that are no view of the app: a click on them must reach the server. */
const SERVER = /^\/(api|act|events|mcp|healthz|assets|icons)(\/|$)/;

self.addEventListener('install', (event: Extendable) => {
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => cache.addAll(__SHELL__.map((path) => new Request(path, { cache: 'reload' })))),
  );
});

self.addEventListener('activate', (event: Extendable) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys())
        if (name.startsWith('punctual-shell-') && name !== CACHE) await caches.delete(name);
      await self.clients.claim();
    })(),
  );
});

self.addEventListener('message', (event: { data?: { kind?: string } }) => {
  if (event.data?.kind === 'take-over') void self.skipWaiting();
});

self.addEventListener(
  'fetch',
  (event: { request: Request; respondWith(response: Promise<Response>): void }) => {
    const { request } = event;
    const url = new URL(request.url);
    if (request.method !== 'GET' || url.origin !== location.origin) return;
    const page = request.mode === 'navigate' && !SERVER.test(url.pathname);
    if (!page && !__SHELL__.includes(url.pathname)) return;
    event.respondWith(
      caches
        .open(CACHE)
        .then((cache) => cache.match(page ? '/' : url.pathname))
        .then((kept) => kept ?? fetch(request)),
    );
  },
);

async function show(push: FiredPush): Promise<void> {
  const options: NotificationOptions & { actions: unknown[]; timestamp: number; renotify: boolean } = {
    body: push.body,
    tag: push.id,
    lang: push.lang,
    icon: '/icons/icon-192.png',
    badge: '/icons/badge-96.png',
    timestamp: Date.parse(push.due_for) || Date.now(),
    renotify: true,
    requireInteraction: true,
    data: push,
    actions: push.actions
      ? [
          { action: 'done', title: push.actions.done },
          { action: 'snooze', title: push.actions.snooze },
        ]
      : [],
  };
  await self.registration.showNotification(push.title, options);
}

self.addEventListener('push', (event: Extendable & { data: { json(): unknown } | null }) => {
  let content: unknown = null;
  try {
    content = event.data?.json();
  } catch {
    // Not ours, or of a version that this worker does not know.
  }
  const push = readPush(content);
  if (push?.kind === 'fired') event.waitUntil(show(push));
  if (push?.kind === 'close') event.waitUntil(close(push.id));
});

self.addEventListener(
  'pushsubscriptionchange',
  (event: Extendable & { oldSubscription?: PushSubscription; newSubscription?: PushSubscription }) => {
    const renew = async () => {
      const key = event.oldSubscription?.options.applicationServerKey;
      const renewed =
        event.newSubscription ??
        (key &&
          (await self.registration.pushManager.subscribe({
            userVisibleOnly: true,
            applicationServerKey: key,
          })));
      if (renewed) await register(pushChannel(renewed));
    };
    event.waitUntil(renew());
  },
);

async function close(id: string): Promise<void> {
  for (const notification of await self.registration.getNotifications({ tag: id })) notification.close();
}

async function open(url: string): Promise<void> {
  const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const best = windows.find((client) => client.visibilityState === 'visible') ?? windows[0];
  if (!best) {
    await self.clients.openWindow(url);
    return;
  }
  await best.focus();
  best.postMessage({ kind: 'open', url });
}

self.addEventListener(
  'notificationclick',
  (event: Extendable & { action: string; notification: Notification }) => {
    const push = readPush(event.notification.data);
    event.notification.close();
    if (push?.kind !== 'fired') return;
    const { action } = event;
    if (!push.actions || (action !== 'done' && action !== 'snooze')) {
      event.waitUntil(open(push.url));
      return;
    }
    event.waitUntil(
      answer(action, push).catch(() => {
        // It must not look as if it had been done: the reminder comes back and says so.
        const words = messagesOf(push.lang);
        return show({ ...push, body: words[action === 'done' ? 'notDone' : 'notSnoozed'] });
      }),
    );
  },
);
