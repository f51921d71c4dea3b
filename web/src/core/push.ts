/** Web push: this browser's own subscription. */

import { api } from './api';
import type { Channel } from './types';

export function pushSupported(): boolean {
  return 'serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window;
}

export const base64Url = (bytes: ArrayBuffer): string =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');

export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

const AGENTS: [RegExp, string][] = [
  [/Edg\//, 'Edge'],
  [/Firefox\//, 'Firefox'],
  [/Chrome\//, 'Chrome'],
  [/Safari\//, 'Safari'],
];
const SYSTEMS: [RegExp, string][] = [
  [/Android/, 'Android'],
  [/iPhone|iPad/, 'iOS'],
  [/Windows/, 'Windows'],
  [/Mac OS/, 'macOS'],
  [/Linux/, 'Linux'],
];

const find = (list: [RegExp, string][]): string =>
  list.find(([pattern]) => pattern.test(navigator.userAgent))?.[1] ?? '';

/** `Chrome · Linux` */
export const deviceName = (): string => [find(AGENTS), find(SYSTEMS)].filter(Boolean).join(' · ') || 'Web';

export async function currentSubscription(): Promise<PushSubscription | null> {
  if (!pushSupported()) return null;
  const registration = await navigator.serviceWorker.getRegistration();
  return (await registration?.pushManager.getSubscription()) ?? null;
}

/** Whether it was made for the server's present key; pushes under another one are refused. */
export function isFor(subscription: PushSubscription, publicKey: string): boolean {
  const key = subscription.options.applicationServerKey;
  return key !== null && base64Url(key) === publicKey;
}

/** Asks the person, then the browser. Fails with `denied` where the person or the browser says no. */
export async function subscribe(publicKey: string): Promise<PushSubscription> {
  if ((await Notification.requestPermission()) !== 'granted') throw new Error('denied');
  const registration = await navigator.serviceWorker.ready;
  const old = await registration.pushManager.getSubscription();
  if (old && !isFor(old, publicKey)) await old.unsubscribe();
  return registration.pushManager.subscribe({
    userVisibleOnly: true,
    applicationServerKey: fromBase64Url(publicKey),
  });
}

/** Signing out: this device must not ring for somebody who has left it. */
export async function unsubscribe(channels: readonly Channel[]): Promise<void> {
  const subscription = await currentSubscription();
  if (!subscription) return;
  const own = channels.find((channel) => channel.kind === 'push' && channel.target === subscription.endpoint);
  if (own)
    await api(`/api/settings/channels/${encodeURIComponent(own.id)}`, { method: 'DELETE' }).catch(() => {});
  await subscription.unsubscribe();
}

export function pushChannel(subscription: PushSubscription): Record<string, unknown> {
  const key = (name: PushEncryptionKeyName) => base64Url(subscription.getKey(name) ?? new ArrayBuffer(0));
  return {
    kind: 'push',
    target: subscription.endpoint,
    keys: { p256dh: key('p256dh'), auth: key('auth') },
    name: deviceName(),
  };
}
