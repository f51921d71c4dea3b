import { useEffect, useState } from 'react';
import { actionsOf } from '../app/actions';
import { useClock, useStore } from '../app/state';
import { pages } from '../core/api';
import { RING_ID } from '../core/ops';
import type { Delivery, Receipt } from '../core/types';
import { t } from '../i18n';
import { exactMoment, lateness, momentLabel } from '../time/format';
import { Icon } from '../ui/Icon';

/** Less than this late is what Punctual calls on time. */
const ON_TIME_MS = 1_000;

type Loaded<T> = { state: 'loading' } | { state: 'failed' } | { state: 'ready'; items: T[] };

/** A list that belongs to a task, read again when the task or one of its reminders changes. */
export function useTaskList<T>(path: string, version: unknown): Loaded<T> {
  const [loaded, setLoaded] = useState<Loaded<T>>({ state: 'loading' });
  // biome-ignore lint/correctness/useExhaustiveDependencies: the version says when to read again
  useEffect(() => {
    const stop = new AbortController();
    pages<T>(path, 200, stop.signal)
      .then((items) => setLoaded({ state: 'ready', items }))
      .catch(() => {
        if (!stop.signal.aborted) setLoaded((old) => (old.state === 'ready' ? old : { state: 'failed' }));
      });
    return () => stop.abort();
  }, [path, version]);
  return loaded;
}

export function channelName(kind: string): string {
  switch (kind) {
    case 'in-app':
    case 'email':
    case 'webhook':
    case 'ntfy':
    case 'push':
      return t(`channel.${kind}`);
    default:
      return kind;
  }
}

function DeliveryLine({ delivery }: { delivery: Delivery }) {
  const { zone, now } = useClock();
  const failures = delivery.tries.filter((entry) => entry.outcome !== 'sent');
  const sent = delivery.tries.find((entry) => entry.outcome === 'sent');
  return (
    <li className={`delivery delivery-${delivery.state}`}>
      <div className="delivery-head">
        <span className="delivery-channel">{channelName(delivery.channel)}</span>
        {delivery.target && <span className="delivery-target">{delivery.target}</span>}
        <span className="delivery-state">
          {delivery.state === 'sent' && sent
            ? t('receipt.sent', { ms: lateness(sent.ms) })
            : delivery.state === 'failed'
              ? t('receipt.failed', { n: failures.length })
              : delivery.next_try
                ? t('receipt.nextTry', { time: momentLabel(delivery.next_try, zone, now) })
                : t('receipt.pending')}
        </span>
      </div>
      {failures.length > 0 && (
        <ol className="tries">
          {failures.map((entry) => (
            <li key={entry.at}>
              <time dateTime={entry.at}>{exactMoment(entry.at, zone)}</time> <span>{entry.outcome}</span>
            </li>
          ))}
        </ol>
      )}
    </li>
  );
}

/** One sentence for the question that is asked here: why did it not arrive? */
function verdict(receipt: Receipt): { text: string; tone: 'good' | 'bad' | 'plain' } {
  if (receipt.state === 'planned') return { text: t('receipt.planned'), tone: 'plain' };
  if (receipt.state === 'cancelled')
    return { text: t(receipt.repetition > 0 ? 'receipt.notAgain' : 'receipt.cancelled'), tone: 'plain' };
  if (receipt.state === 'skipped') return { text: t('receipt.skipped'), tone: 'bad' };
  const failed = receipt.deliveries.filter((delivery) => delivery.state === 'failed');
  const pending = receipt.deliveries.filter((delivery) => delivery.state === 'pending');
  if (failed.length > 0)
    return { text: t('receipt.someFailed', { channel: channelName(failed[0]?.channel ?? '') }), tone: 'bad' };
  if (pending.length > 0)
    return {
      text: t('receipt.somePending', { channel: channelName(pending[0]?.channel ?? '') }),
      tone: 'bad',
    };
  return { text: t('receipt.arrived'), tone: 'good' };
}

/** Whether it rings again if nothing happens: the last that a reminder rang says so for all before. */
const ringsAgain = (receipt: Receipt, all: readonly Receipt[]): boolean =>
  receipt.state === 'fired' &&
  receipt.read_at === null &&
  receipt.again_left > 0 &&
  all.some(
    (other) =>
      other.state === 'planned' &&
      other.repetition === receipt.repetition + 1 &&
      other.id.slice(0, RING_ID) === receipt.id.slice(0, RING_ID),
  );

function ReceiptCard({ receipt, again }: { receipt: Receipt; again: boolean }) {
  const { zone, now } = useClock();
  const actions = actionsOf(useStore());
  const { text, tone } = verdict(receipt);
  return (
    <li className={`receipt receipt-${receipt.state}`}>
      <div className="receipt-head">
        <strong>
          <time dateTime={receipt.due_for}>{momentLabel(receipt.due_for, zone, now)}</time>
        </strong>
        {receipt.repetition > 0 && (
          <span className="badge">{t('receipt.again', { n: receipt.repetition })}</span>
        )}
        {receipt.kind === 'snooze' && <span className="badge">{t('receipt.snoozed')}</span>}
        <span className={`badge badge-${tone}`}>{t(`receipt.state.${receipt.state}`)}</span>
      </div>
      <p className="receipt-verdict">{text}</p>
      {again && (
        <div className="receipt-again">
          <p>{t('receipt.againLeft', { n: receipt.again_left })}</p>
          <button
            type="button"
            className="button button-small"
            onClick={() => actions.acknowledge(receipt.id)}
          >
            {t('ack.do')}
          </button>
        </div>
      )}
      <dl className="facts">
        <div>
          <dt>{t('receipt.plannedAt')}</dt>
          <dd>{exactMoment(receipt.planned_at, zone)}</dd>
        </div>
        {receipt.fired_at && (
          <div>
            <dt>{t('receipt.firedAt')}</dt>
            <dd>
              {exactMoment(receipt.fired_at, zone)}
              {receipt.lateness_ms !== null && (
                <span className={receipt.lateness_ms < ON_TIME_MS ? 'on-time' : 'late'}>
                  {' '}
                  {receipt.lateness_ms < ON_TIME_MS ? `${t('receipt.onTime')}, ` : ''}
                  {t('receipt.late', { time: lateness(receipt.lateness_ms) })}
                </span>
              )}
            </dd>
          </div>
        )}
        {receipt.read_at && (
          <div>
            <dt>{t('receipt.readAt')}</dt>
            <dd>{exactMoment(receipt.read_at, zone)}</dd>
          </div>
        )}
      </dl>
      {receipt.deliveries.length > 0 && (
        <ul className="deliveries">
          {receipt.deliveries.map((delivery) => (
            <DeliveryLine key={delivery.id} delivery={delivery} />
          ))}
        </ul>
      )}
    </li>
  );
}

export function Receipts({ taskId, version }: { taskId: string; version: string }) {
  const store = useStore();
  const loaded = useTaskList<Receipt>(
    `/api/tasks/${store.outbox.nameOf(taskId)}/reminders?limit=50`,
    version,
  );
  if (loaded.state === 'loading') return <div className="skeleton skeleton-block" aria-hidden="true" />;
  if (loaded.state === 'failed')
    return (
      <p className="hint">
        <Icon name="offline" size={16} /> {t('receipt.away')}
      </p>
    );
  if (loaded.items.length === 0) return <p className="hint">{t('receipt.none')}</p>;
  return (
    <ul className="receipts">
      {loaded.items.map((receipt) => (
        <ReceiptCard key={receipt.id} receipt={receipt} again={ringsAgain(receipt, loaded.items)} />
      ))}
    </ul>
  );
}
