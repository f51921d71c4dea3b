import type { Notification } from '../core/types';

/** The newest reminder of a task that has rung. */
export function newestRang(
  notifications: ReadonlyMap<string, Notification>,
  task: string | null,
): Notification | null {
  let newest: Notification | null = null;
  for (const row of notifications.values())
    if (task && row.task_id === task && (!newest || newest.fired_at < row.fired_at)) newest = row;
  return newest;
}
