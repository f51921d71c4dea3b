/** Addresses: a path for the view, `?task=` for the open task. */

import { useSyncExternalStore } from 'react';

const listeners = new Set<() => void>();
const tell = () => {
  for (const listener of listeners) listener();
};
window.addEventListener('popstate', tell);

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
};

/** Kept with an entry that opened a task over a list: to close it is to go back. */
const OPENED = { opened: true };

export function navigate(to: string, options: { replace?: boolean; state?: unknown } = {}): void {
  if (to === location.pathname + location.search) return;
  if (options.replace) history.replaceState(options.state ?? history.state, '', to);
  else history.pushState(options.state ?? null, '', to);
  tell();
}

export const useAddress = (): URL => {
  const href = useSyncExternalStore(subscribe, () => location.href);
  return new URL(href);
};

/** The present address with the task opened, or with none. */
export function withTask(id: string | null): string {
  const url = new URL(location.href);
  if (id) url.searchParams.set('task', id);
  else url.searchParams.delete('task');
  return url.pathname + url.search;
}

export function openTask(id: string): void {
  const open = new URL(location.href).searchParams.has('task');
  if (open) navigate(withTask(id), { replace: true });
  else navigate(withTask(id), { state: OPENED });
}

export function closeTask(): void {
  if ((history.state as typeof OPENED | null)?.opened) history.back();
  else navigate(withTask(null), { replace: true });
}
