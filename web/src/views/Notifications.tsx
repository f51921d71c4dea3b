import { actionsOf } from '../app/actions';
import { openTask } from '../app/router';
import { useClock, useStore, useView } from '../app/state';
import type { Notification } from '../core/types';
import { t } from '../i18n';
import { clock, dueLabel, momentLabel, relative } from '../time/format';
import { addDays, dueHere, toInstant } from '../time/zone';
import { Icon } from '../ui/Icon';
import { type MenuItem, MenuButton } from '../ui/Menu';
import { Empty, Page } from './Page';

export function useSnoozes(notification: Notification): MenuItem[] {
  const store = useStore();
  const { today, zone, now } = useClock();
  const morning = useView().settings?.morning ?? '09:00';
  const actions = actionsOf(store);
  const tomorrow = new Date(toInstant(`${addDays(today, 1)}T${morning}`, zone)).toISOString();
  const short = [
    { id: 'ten', duration: 'PT10M', minutes: 10, label: t('snooze.ten') },
    { id: 'hour', duration: 'PT1H', minutes: 60, label: t('snooze.hour') },
    { id: 'evening', duration: 'PT3H', minutes: 180, label: t('snooze.threeHours') },
  ];
  return [
    ...short.map(({ id, duration, minutes, label }) => {
      const until = momentLabel(new Date(now + minutes * 60_000).toISOString(), zone, now);
      return {
        id,
        label,
        icon: 'clock' as const,
        hint: until,
        run: () => actions.snooze(notification, { for: duration }, until),
      };
    }),
    {
      id: 'tomorrow',
      label: t('snooze.tomorrow'),
      icon: 'sun' as const,
      hint: clock(morning),
      run: () => actions.snooze(notification, { until: tomorrow }, momentLabel(tomorrow, zone, now)),
    },
  ];
}

function Card({ notification }: { notification: Notification }) {
  const store = useStore();
  const actions = actionsOf(store);
  const { tasks } = useView();
  const { now, zone, today } = useClock();
  const snoozes = useSnoozes(notification);
  const task = tasks.get(notification.task_id);
  const open = (task?.status ?? notification.task_status) === 'open';
  const due = dueHere({ due: notification.due, timezone: notification.timezone ?? null }, zone);
  return (
    <li className={`notice${notification.read_at ? '' : ' notice-unread'}`}>
      <span className="notice-dot" aria-hidden="true" />
      <button
        type="button"
        className="notice-main"
        onClick={() => {
          actions.read(notification);
          if (task) openTask(task.id);
        }}
      >
        <span className="notice-title">
          {!notification.read_at && <span className="hidden">{t('notifications.unread')}: </span>}
          {task?.title ?? notification.title}
        </span>
        <span className="row-meta">
          <span>{relative(notification.fired_at, now)}</span>
          {due && <span>{t('notifications.due', { due: dueLabel(due, today) })}</span>}
          {!open && <span>{t('notifications.finished')}</span>}
        </span>
      </button>
      <div className="notice-actions">
        {open && task && (
          <button
            type="button"
            className="button button-small"
            onClick={() => {
              actions.read(notification);
              actions.complete(task);
            }}
          >
            <Icon name="check" size={16} />
            {t('action.complete')}
          </button>
        )}
        {open && (
          <MenuButton title={t('snooze.title')} items={snoozes} className="button button-small">
            <Icon name="clock" size={16} />
            {t('snooze.title')}
          </MenuButton>
        )}
        {!notification.read_at && !open && (
          <button type="button" className="button button-small" onClick={() => actions.read(notification)}>
            {t('notifications.read')}
          </button>
        )}
      </div>
    </li>
  );
}

export function Notifications() {
  const { notifications } = useView();
  const store = useStore();
  const rows = [...notifications.values()].sort((a, b) => (a.fired_at < b.fired_at ? 1 : -1));
  const unread = rows.filter((row) => !row.read_at).length;
  return (
    <Page
      title={t('nav.notifications')}
      subtitle={unread > 0 ? t('notifications.count', { n: unread }) : undefined}
      actions={
        unread > 0 && (
          <button type="button" className="button" onClick={() => actionsOf(store).readAll()}>
            <Icon name="check" size={16} />
            {t('notifications.readAll')}
          </button>
        )
      }
    >
      {rows.length > 0 ? (
        <ul className="notices" aria-label={t('nav.notifications')}>
          {rows.map((row) => (
            <Card key={row.id} notification={row} />
          ))}
        </ul>
      ) : (
        <Empty art="bell" title={t('notifications.empty')}>
          <p>{t('notifications.emptyHint')}</p>
        </Empty>
      )}
    </Page>
  );
}
