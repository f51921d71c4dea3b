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

export function navigate(to: string, options: { replace?: boolean } = {}): void {
  if (to === location.pathname + location.search) return;
  if (options.replace) history.replaceState(null, '', to);
  else history.pushState(null, '', to);
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

export const openTask = (id: string): void => navigate(withTask(id));
export const closeTask = (): void => navigate(withTask(null));
