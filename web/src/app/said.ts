/** What the store tells the person: refusals, reminders that ring, what came of a change. */

import { useEffect, useRef } from 'react';
import type { StoreEvent } from '../core/store';
import type { Notification, Task } from '../core/types';
import { t } from '../i18n';
import { digestWords } from '../tasks/meta';
import { dueLabel } from '../time/format';
import { dueHere, todayIn } from '../time/zone';
import { dismissKey, explainToast, toast } from '../ui/toasts';
import { actionsOf, doneKey } from './actions';
import { navigate, openTask } from './router';
import { useStore, useView } from './state';
import { closeNotification } from './worker';

export const ringKey = (id: string): string => `ring:${id}`;

export function useStoreEvents(): void {
  const store = useStore();
  const { notifications } = useView();

  useEffect(() => {
    const label = (due: string, timezone: string | null): string => {
      const zone = store.view.settings?.timezone ?? 'UTC';
      return dueLabel(dueHere({ due, timezone }, zone) ?? due, todayIn(zone, Date.now()));
    };

    const rang = (notification: Notification) => {
      if (notification.read_at) return;
      const task = store.view.tasks.get(notification.task_id ?? '');
      if (task && task.status !== 'open') return;
      const actions = actionsOf(store);
      if (notification.digest) {
        const showDay = () => {
          actions.read(notification);
          navigate('/today');
        };
        toast(t('digest.title'), {
          key: ringKey(notification.id),
          tone: 'ring',
          stay: true,
          detail: digestWords(notification.digest),
          onOpen: showDay,
          actions: [{ label: t('digest.show'), run: showDay }],
        });
        return;
      }
      // Whether it will ring again the notification does not say; its task does.
      const again = task?.reminders.some((reminder) => reminder.again);
      toast(task?.title ?? notification.title ?? '', {
        key: ringKey(notification.id),
        tone: 'ring',
        stay: true,
        detail: notification.due ? label(notification.due, notification.timezone ?? null) : undefined,
        onOpen: () => {
          actions.read(notification);
          if (notification.task_id) openTask(notification.task_id);
        },
        actions: [
          ...(task
            ? [
                {
                  label: t('action.complete'),
                  run: () => {
                    actions.read(notification);
                    actions.complete(task);
                  },
                },
              ]
            : []),
          { label: t('snooze.ten'), run: () => actions.snoozeFor(notification, 10) },
          ...(again ? [{ label: t('ack.do'), run: () => actions.acknowledge(notification.id) }] : []),
        ],
      });
    };

    const answered = ({ op, answer }: Extract<StoreEvent, { type: 'answered' }>) => {
      if (!op.kind.startsWith('task.') || !answer) return;
      const task = answer as Task;
      if (op.kind === 'task.complete' || op.kind === 'task.skip') {
        const { next } = task;
        if (next) {
          const date = label(next.due, task.timezone);
          explainToast(
            doneKey(op.target),
            next.passed_over > 0
              ? t('said.nextPassed', { date, n: next.passed_over })
              : t('said.next', { date }),
          );
        }
      }
      const past = task.skipped_reminders?.length ?? 0;
      if (past > 0) toast(t('said.reminderPast', { n: past }));
    };

    const renamed = (from: string, to: string) => {
      const url = new URL(location.href);
      if (url.searchParams.get('task') === from) url.searchParams.set('task', to);
      if (url.pathname === `/project/${from}`) url.pathname = `/project/${to}`;
      navigate(url.pathname + url.search, { replace: true });
    };

    return store.watch((event) => {
      if (event.type === 'refused') {
        const { fields, message } = event.reason;
        const detail = fields[0]?.reason ? `${fields[0].field}: ${fields[0].reason}` : message;
        toast(t('error.refused'), { detail, tone: 'error' });
      } else if (event.type === 'rang') rang(event.notification);
      else if (event.type === 'read') void closeNotification(event.id);
      else if (event.type === 'renamed') renamed(event.from, event.to);
      else answered(event);
    });
  }, [store]);

  const unread = useRef<ReadonlySet<string>>(new Set());
  useEffect(() => {
    const now = new Set<string>();
    for (const row of notifications.values()) if (row.read_at === null) now.add(row.id);
    for (const id of unread.current)
      if (!now.has(id)) {
        dismissKey(ringKey(id));
        void closeNotification(id);
      }
    unread.current = now;
    navigator.setAppBadge?.(now.size).catch(() => {});
  }, [notifications]);
}
