/** The page's side of the service worker: its updates, and notifications that were read elsewhere. */

import { t } from '../i18n';
import { toast } from '../ui/toasts';
import { navigate } from './router';

let reloading = false;

function offer(worker: ServiceWorker): void {
  toast(t('update.ready'), {
    stay: true,
    actions: [{ label: t('update.reload'), run: () => worker.postMessage({ kind: 'take-over' }) }],
  });
}

export function startWorker(): void {
  if (!('serviceWorker' in navigator) || import.meta.env.DEV) return;
  const { serviceWorker } = navigator;
  // The first worker takes the page as it is; a later one brings another version of it.
  const had = serviceWorker.controller !== null;
  serviceWorker.addEventListener('controllerchange', () => {
    if (!had || reloading) return;
    reloading = true;
    location.reload();
  });
  serviceWorker.addEventListener('message', (event: MessageEvent<{ kind?: string; url?: string }>) => {
    if (event.data?.kind === 'open' && event.data.url?.startsWith('/')) navigate(event.data.url);
  });
  void serviceWorker.register('/sw.js').then(
    (registration) => {
      const watch = (worker: ServiceWorker | null) => {
        worker?.addEventListener('statechange', () => {
          if (worker.state === 'installed' && serviceWorker.controller) offer(worker);
        });
      };
      if (registration.waiting && had) offer(registration.waiting);
      watch(registration.installing);
      registration.addEventListener('updatefound', () => watch(registration.installing));
    },
    () => {
      // Not allowed here (a private window, say): the app works, only not offline.
    },
  );
}

/** Takes down the notification of a reminder that was read in some window. */
export async function closeNotification(id: string): Promise<void> {
  if (!('serviceWorker' in navigator)) return;
  const registration = await navigator.serviceWorker.getRegistration().catch(() => undefined);
  const shown = await registration?.getNotifications?.({ tag: id }).catch(() => []);
  for (const notification of shown ?? []) notification.close();
}
