/** The one layer that can be open over a view, apart from what a row opens beside itself. */

import { useSyncExternalStore } from 'react';
import type { Defaults } from '../tasks/Composer';

export type Dialog =
  | { kind: 'composer'; defaults?: Defaults }
  | { kind: 'palette' }
  | { kind: 'help' }
  | { kind: 'conflict' }
  | { kind: 'project' }
  | { kind: 'due'; task: string }
  | { kind: 'snooze'; task: string };

let open: Dialog | null = null;
const listeners = new Set<() => void>();

export function show(dialog: Dialog | null): void {
  open = dialog;
  for (const listener of listeners) listener();
}

export const useDialog = (): Dialog | null =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    () => open,
  );
