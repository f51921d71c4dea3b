/** What components read. */

import { createContext, useContext, useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import type { View } from '../core/ops';
import type { Status, Store } from '../core/store';
import type { Project, Task } from '../core/types';
import { browserZone, todayIn } from '../time/zone';

export const StoreContext = createContext<Store | null>(null);

export function useStore(): Store {
  const store = useContext(StoreContext);
  if (!store) throw new Error('outside of a StoreContext');
  return store;
}

export function useView(): View {
  const store = useStore();
  return useSyncExternalStore(store.subscribe, () => store.view);
}

/** One kind of rows: draws again only when one of them has changed. */
export function useRows<K extends keyof View>(kind: K): View[K] {
  const store = useStore();
  return useSyncExternalStore(store.subscribe, () => store.view[kind]);
}

export function useStatus(): Status {
  const store = useStore();
  return useSyncExternalStore(store.subscribe, () => store.status);
}

export function useZone(): string {
  return useRows('settings')?.timezone ?? browserZone();
}

/** The time, renewed as each minute begins and when the window comes back. */
export function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const tick = () => {
      setNow(Date.now());
      clearTimeout(timer);
      timer = setTimeout(tick, 60_050 - (Date.now() % 60_000));
    };
    timer = setTimeout(tick, 60_050 - (Date.now() % 60_000));
    document.addEventListener('visibilitychange', tick);
    return () => {
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', tick);
    };
  }, []);
  return now;
}

export interface Clock {
  now: number;
  zone: string;
  today: string;
}

export const ClockContext = createContext<Clock>({ now: 0, zone: 'UTC', today: '1970-01-01' });
export const useClock = (): Clock => useContext(ClockContext);

export function useMakeClock(): Clock {
  const now = useNow();
  const zone = useZone();
  const today = todayIn(zone, now);
  return useMemo(() => ({ now, zone, today }), [now, zone, today]);
}

export function useTask(id: string | null): Task | null {
  const tasks = useRows('tasks');
  return (id && tasks.get(id)) || null;
}

/** The Inbox is not among them. */
export function useProjects(): Project[] {
  const projects = useRows('projects');
  return useMemo(
    () =>
      [...projects.values()]
        .filter((project) => project.kind === 'project' && !project.archived_at)
        .sort((a, b) => (a.created_at < b.created_at ? -1 : 1)),
    [projects],
  );
}

/** What a task that just left its list needs to be seen leaving. */
const LINGER_MS = 700;
const leaving = new Map<string, number>();
const watchers = new Set<() => void>();
let version = 0;
const bump = () => {
  version++;
  for (const watcher of watchers) watcher();
};

export function linger(id: string): void {
  leaving.set(id, Date.now());
  bump();
  setTimeout(() => {
    leaving.delete(id);
    bump();
  }, LINGER_MS);
}

export function stopLingering(id: string): void {
  if (leaving.delete(id)) bump();
}

export function useLingering(): ReadonlySet<string> {
  const current = useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => {
        watchers.delete(watcher);
      };
    },
    () => version,
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: the version stands for the map's content
  return useMemo(() => new Set(leaving.keys()), [current]);
}
