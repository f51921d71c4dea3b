import { actionsOf } from '../app/actions';
import { navigate, openTask } from '../app/router';
import { useClock, useStore, useView } from '../app/state';
import type { Notification } from '../core/types';
import { t } from '../i18n';
import { digestWords } from '../tasks/meta';
import { useSnoozes } from '../tasks/snooze';
import { dueLabel, relative } from '../time/format';
import { dueHere } from '../time/zone';
import { Icon } from '../ui/Icon';
import { MenuButton } from '../ui/Menu';
import { Empty, Page } from './Page';

function Card({ notification }: { notification: Notification }) {
  const store = useStore();
  const actions = actionsOf(store);
  const { tasks } = useView();
  const { now, zone, today } = useClock();
  const snoozes = useSnoozes(notification);
  const { digest } = notification;
  const task = tasks.get(notification.task_id ?? '');
  const open = (task?.status ?? notification.task_status) === 'open';
  const unread = !notification.read_at;
  const due = dueHere({ due: notification.due, timezone: notification.timezone ?? null }, zone);
  return (
    <li
      className={`notice${unread ? ' notice-unread' : ''}`}
      data-task={notification.task_id ?? notification.id}
      data-notice={notification.id}
    >
      <span className="notice-dot" aria-hidden="true" />
      <button
        type="button"
        className="notice-main row-link"
        onClick={() => {
          actions.read(notification);
          if (task) openTask(task.id);
          else if (digest) navigate('/today');
        }}
      >
        <span className="notice-title">
          {unread && <span className="hidden">{t('notifications.unread')}: </span>}
          {digest ? t('digest.title') : (task?.title ?? notification.title)}
        </span>
        <span className="row-meta">
          <span>{relative(notification.fired_at, now)}</span>
          {due && <span>{t('notifications.due', { date: dueLabel(due, today) })}</span>}
          {digest ? <span>{digestWords(digest)}</span> : !open && <span>{t('notifications.finished')}</span>}
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
        {unread && open && (
          <button
            type="button"
            className="button button-small"
            onClick={() => actions.acknowledge(notification.id)}
          >
            {t('ack.do')}
          </button>
        )}
        {unread && !open && (
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
