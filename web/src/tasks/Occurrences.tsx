import { useEffect, useRef, useState } from 'react';
import { actionsOf } from '../app/actions';
import { useClock, useStatus, useStore } from '../app/state';
import { api, Problem } from '../core/api';
import { isLeftOut, nominalOf } from '../core/series';
import type { Occurrence, Page, Task } from '../core/types';
import { t } from '../i18n';
import { clock, shortDate } from '../time/format';
import { dateOf, dueHere, dueInstant, hasTime, toLocal } from '../time/zone';
import { Icon } from '../ui/Icon';
import { DuePicker } from './DuePicker';

const FIRST = 8;
const MORE = 20;
/** As many as the server gives at once. */
const MOST = 200;

interface Loaded {
  state: 'loading' | 'ready' | 'away' | 'refused';
  items: Occurrence[];
  next: string | null;
  reason: string;
}

const NOTHING: Loaded = { state: 'loading', items: [], next: null, reason: '' };

interface List extends Loaded {
  more: () => void;
  again: () => void;
}

/** The dates of a series from some instant on, read again when the task changes or the server is there again. */
function useOccurrences(task: Task, from: string | null): List {
  const store = useStore();
  const { away } = useStatus();
  const [loaded, setLoaded] = useState(NOTHING);
  const [tries, setTries] = useState(0);
  const count = useRef(FIRST);
  const path = `/api/tasks/${encodeURIComponent(store.outbox.nameOf(task.id))}/occurrences`;
  const read = async (start: string, limit: number, signal?: AbortSignal) =>
    api<Page<Occurrence>>(`${path}?${new URLSearchParams({ from: start, limit: String(limit) })}`, {
      signal,
    });
  const failed = (error: unknown) =>
    setLoaded((old) => ({
      ...old,
      state: error instanceof Problem ? 'refused' : 'away',
      reason: error instanceof Problem ? error.message : '',
    }));
  const key = `${task.version}/${task.missed}/${from}/${away}/${tries}`;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key says when to read again
  useEffect(() => {
    const stop = new AbortController();
    read(from ?? new Date().toISOString(), count.current, stop.signal)
      .then(({ items, next }) => setLoaded({ state: 'ready', items, next, reason: '' }))
      .catch((error) => stop.signal.aborted || failed(error));
    return () => stop.abort();
  }, [path, key]);
  return {
    ...loaded,
    more: () => {
      if (!loaded.next) return;
      read(loaded.next, MORE)
        .then(({ items, next }) =>
          setLoaded((old) => {
            // Those at the same instant as the first of the next page come again with it.
            const known = new Set(old.items.map((one) => one.occurrence));
            const all = [...old.items, ...items.filter((one) => !known.has(one.occurrence))];
            count.current = Math.min(MOST, all.length);
            return { state: 'ready', items: all, next, reason: '' };
          }),
        )
        .catch(failed);
    },
    again: () => setTries(tries + 1),
  };
}

/** `Mon 7 Dec`, with the time where there is one. */
const named = (local: string, today: string): string =>
  hasTime(local) ? `${shortDate(local, today)} ${clock(local)}` : shortDate(local, today);

/** Only what differs: `10:00` on the same day, else the day, with its time where that differs too. */
function differing(nominal: string, due: string, today: string): string {
  if (dateOf(nominal) === dateOf(due) && hasTime(nominal)) return clock(nominal);
  const sameTime = hasTime(nominal) === hasTime(due) && nominal.slice(10) === due.slice(10);
  return sameTime ? shortDate(nominal, today) : named(nominal, today);
}

function Row({ task, one }: { task: Task; one: Occurrence }) {
  const actions = actionsOf(useStore());
  const { zone, today, now } = useClock();
  const [moving, setMoving] = useState(false);
  const mover = useRef<HTMLButtonElement>(null);
  const wanted = useRef<string | null>(null);
  const key = one.occurrence;
  const own = task.timezone ?? zone;
  const isOpen = one.state === 'open';
  const here = (local: string) => dueHere({ due: local, timezone: task.timezone }, zone) ?? local;
  const nominal = nominalOf(key) ?? toLocal(Date.parse(key), own);
  // What was changed here is in the task's rule already; the list follows with the server's answer.
  const planned = one.state === 'planned' || (one.state === 'skipped' && one.task_id === null);
  const due = planned ? (task.repeat?.moved?.[key] ?? nominal) : isOpen ? (task.due ?? one.due) : one.due;
  const skipped = planned
    ? isLeftOut(task.repeat, key) || isLeftOut(task.repeat, nominal)
    : one.state === 'skipped';
  const moved = due !== nominal && !skipped;
  const passed = planned && !skipped && (dueInstant({ due, timezone: task.timezone }, zone) ?? now) <= now;
  const name = named(here(due), today);
  const usual = named(here(nominal), today);
  const state = skipped
    ? t('occurrence.skipped')
    : isOpen
      ? t('occurrence.open')
      : one.state === 'completed'
        ? t('occurrence.completed')
        : passed
          ? t('occurrence.missed')
          : null;
  const move = (to: string | null) => {
    if (to === null || to === due) return;
    if (isOpen)
      actions.update(task, { due: to }, t('occurrence.saidMoved', { date: named(here(to), today) }));
    else actions.moveOccurrence(task, key, to, named(here(to), today));
  };
  const back = () => {
    if (skipped) actions.leaveOut(task, key, false, usual);
    else if (isOpen) actions.update(task, { due: nominal }, t('occurrence.saidMoved', { date: usual }));
    else actions.moveOccurrence(task, key, null, usual);
  };
  return (
    <li className={`occurrence${skipped ? ' occurrence-skipped' : ''}${isOpen ? ' occurrence-open' : ''}`}>
      <span className="occurrence-words">
        <time dateTime={due}>{name}</time>
        {state && <span className={passed ? 'meta-missed' : undefined}>{state}</span>}
        {moved && (
          <span>{t('occurrence.movedFrom', { date: differing(here(nominal), here(due), today) })}</span>
        )}
      </span>
      {(isOpen || planned) && (
        <span className="occurrence-actions">
          {(skipped || moved) && (
            <button type="button" className="icon-button" onClick={back}>
              <Icon name="history" size={16} />
              <span className="hidden">
                {t(skipped ? 'occurrence.restore' : 'occurrence.back', { date: usual })}
              </span>
            </button>
          )}
          {!skipped && (
            <>
              <button
                ref={mover}
                type="button"
                className="icon-button"
                aria-haspopup="dialog"
                onClick={() => {
                  wanted.current = null;
                  setMoving(true);
                }}
              >
                <Icon name="today" size={16} />
                <span className="hidden">{t('occurrence.move', { date: name })}</span>
              </button>
              <button
                type="button"
                className="icon-button"
                onClick={() => (isOpen ? actions.skip(task) : actions.leaveOut(task, key, true, name))}
              >
                <Icon name="skip" size={16} />
                <span className="hidden">{t('occurrence.skip', { date: name })}</span>
              </button>
            </>
          )}
        </span>
      )}
      {moving && (
        <DuePicker
          title={t('occurrence.moveTitle', { date: name })}
          value={{ due, timezone: task.timezone }}
          onChange={(value) => {
            wanted.current = value.due;
          }}
          onClose={() => {
            setMoving(false);
            move(wanted.current);
          }}
          anchor={mover.current}
          required
          fixed
        />
      )}
    </li>
  );
}

/** What a series has to come: each can be left out, moved, and put back. */
export function Occurrences({ task }: { task: Task }) {
  const { zone, now } = useClock();
  const [earlier, setEarlier] = useState<string | null>(null);
  const list = useOccurrences(task, earlier);
  const due = dueInstant(task, zone);
  const late = due !== null && due <= now && earlier === null && task.missed > 0;
  const passed = late && (
    <button type="button" className="text-button" onClick={() => setEarlier(new Date(due - 1).toISOString())}>
      {t('occurrence.earlier')}
    </button>
  );
  const problem = (list.state === 'away' || list.state === 'refused') && (
    <p className="hint" role="status">
      <Icon name={list.state === 'away' ? 'offline' : 'warning'} size={16} />{' '}
      {list.state === 'away' ? t('occurrence.away') : list.reason}{' '}
      <button type="button" className="text-button" onClick={list.again}>
        {t('occurrence.again')}
      </button>
    </p>
  );
  if (list.state === 'loading')
    return (
      <div className="occurrences" aria-hidden="true">
        {['a', 'b', 'c', 'd'].map((row) => (
          <div className="occurrence" key={row}>
            <span className="skeleton skeleton-line" />
          </div>
        ))}
      </div>
    );
  const alone = list.state === 'ready' && !list.next && list.items.every((one) => one.state === 'open');
  return (
    <>
      {passed}
      {list.items.length > 0 && (
        <ul className="occurrences" aria-label={t('occurrence.title')}>
          {list.items.map((one) => (
            <Row key={one.occurrence} task={task} one={one} />
          ))}
        </ul>
      )}
      {alone && (
        <p className="hint">
          {t(task.repeat?.from === 'completion' ? 'occurrence.fromDone' : 'occurrence.none')}
        </p>
      )}
      {problem}
      {list.next && list.state === 'ready' && (
        <button type="button" className="text-button occurrences-more" onClick={list.more}>
          {t('occurrence.more')}
        </button>
      )}
    </>
  );
}
