import { useEffect, useMemo } from 'react';
import { actionsOf } from '../app/actions';
import { useStore, useTask, useView } from '../app/state';
import type { Notification } from '../core/types';
import { t } from '../i18n';
import { Menu } from '../ui/Menu';
import { toast } from '../ui/toasts';
import { DuePicker } from './DuePicker';
import { newestRang } from './rang';
import { useSnoozes } from './snooze';

const anchorOf = (task: string | null): Element | null =>
  [...document.querySelectorAll<HTMLElement>('main [data-task]')].find((row) => row.dataset.task === task) ??
  null;

/** The date of a task, opened by key. */
export function DueDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const store = useStore();
  const task = useTask(store.outbox.nameOf(id));
  const anchor = useMemo(() => anchorOf(id), [id]);
  useEffect(() => {
    if (!task) onClose();
  }, [task, onClose]);
  if (!task) return null;
  return (
    <DuePicker
      value={task}
      anchor={anchor}
      onClose={onClose}
      onChange={(value) => actionsOf(store).update(task, value)}
    />
  );
}

/** The newest reminder of a task that has rung. */
export function useRang(task: string | null): Notification | null {
  const { notifications } = useView();
  return useMemo(() => newestRang(notifications, task), [notifications, task]);
}

function SnoozeMenu({ notification, onClose }: { notification: Notification; onClose: () => void }) {
  const items = useSnoozes(notification);
  const anchor = useMemo(() => anchorOf(notification.task_id), [notification.task_id]);
  return <Menu title={t('snooze.title')} items={items} anchor={anchor} onClose={onClose} />;
}

export function SnoozeDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const task = useTask(id);
  const rang = useRang(id);
  const can = rang !== null && task?.status === 'open';
  useEffect(() => {
    if (can) return;
    toast(t('snooze.nothing'), { key: 'snooze' });
    onClose();
  }, [can, onClose]);
  return can ? <SnoozeMenu notification={rang} onClose={onClose} /> : null;
}
