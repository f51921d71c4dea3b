import { useState } from 'react';
import { useClock } from '../app/state';
import type { Reminder } from '../core/types';
import { t } from '../i18n';
import { formatDuration, parseDuration, sameDuration } from '../time/duration';
import { hasTime, toInstant } from '../time/zone';
import { Icon } from '../ui/Icon';
import { Popup } from '../ui/Popup';
import { AGAIN_TIMES, againWords, type Dates, everyWords, useReminderWords } from './reminders';

const MOST = 20;
const MOST_TIMES = 50;
const TIMED = ['PT0M', 'PT10M', 'PT30M', 'PT1H', 'P1D'];
const ALL_DAY = ['PT0M', 'P1D', 'P2D', 'P7D'];
const AGAIN = ['PT1M', 'PT5M', 'PT10M', 'PT15M', 'PT30M', 'PT1H'];

interface EditorProps {
  /** Null for what is to hold for many tasks. */
  dates: Dates | null;
  reminders: Reminder[];
  onChange: (reminders: Reminder[]) => void;
}

/** What stays the same when the server answers with an id and its own way to write a duration. */
function keysOf(reminders: readonly Reminder[]): string[] {
  const seen = new Map<string, number>();
  return reminders.map(({ before = '', of = 'due', at }) => {
    const { days, minutes } = parseDuration(before) ?? {};
    const what = at ?? `${of}/${days}/${minutes}`;
    const n = seen.get(what) ?? 0;
    seen.set(what, n + 1);
    return `${what}#${n}`;
  });
}

/** How often a reminder rings again until it is acknowledged. */
function AgainEditor({ reminder, onChange }: { reminder: Reminder; onChange: (reminder: Reminder) => void }) {
  const { again, times, ...once } = reminder;
  const most = times ?? AGAIN_TIMES;
  const choices = again && !AGAIN.some((every) => sameDuration(every, again)) ? [...AGAIN, again] : AGAIN;
  const chosen = choices.find((every) => sameDuration(every, again)) ?? '';
  return (
    <div className="again">
      <div className="again-fields">
        <label htmlFor="again-every">{t('reminder.againEvery')}</label>
        <select
          id="again-every"
          value={chosen}
          onChange={(event) => {
            const every = event.target.value;
            onChange(every ? { ...once, again: every, times: most } : once);
          }}
        >
          <option value="">{t('reminder.once')}</option>
          {choices.map((every) => (
            <option key={every} value={every}>
              {everyWords(every)}
            </option>
          ))}
        </select>
        {again && (
          <>
            <label htmlFor="again-times">{t('reminder.atMost')}</label>
            <span className="field-inline">
              <input
                id="again-times"
                className="input-number"
                type="number"
                min="1"
                max={MOST_TIMES}
                value={most}
                onChange={(event) => {
                  const value = Math.floor(Number(event.target.value) || 1);
                  onChange({ ...once, again, times: Math.max(1, Math.min(MOST_TIMES, value)) });
                }}
              />
              <span>{t('reminder.times', { n: most })}</span>
            </span>
          </>
        )}
      </div>
      {again && <p className="hint">{t('reminder.againHint')}</p>}
    </div>
  );
}

/** The reminders that are set, and how to set more. */
export function ReminderEditor({ dates, reminders, onChange }: EditorProps) {
  const { zone } = useClock();
  const words = useReminderWords();
  const [amount, setAmount] = useState('15');
  const [unit, setUnit] = useState<'minutes' | 'hours' | 'days'>('minutes');
  const [of, setOf] = useState<'due' | 'start'>('due');
  const [moment, setMoment] = useState('');
  const [open, setOpen] = useState<string | null>(null);
  const known = dates ?? undefined;
  const canDue = dates === null || dates.due !== null;
  const canStart = dates === null || dates.start !== null;
  const from = canDue && (of === 'due' || !canStart) ? 'due' : 'start';
  const full = reminders.length >= MOST;
  const has = (before: string) =>
    reminders.some((reminder) => sameDuration(reminder.before, before) && (reminder.of ?? 'due') === from);
  const add = (before: string) => {
    if (!full && !has(before))
      onChange([...reminders, from === 'start' ? { before, of: 'start' } : { before }]);
  };
  const custom = () => {
    const value = Math.max(0, Math.min(999, Math.floor(Number(amount) || 0)));
    const size = { minutes: 1, hours: 60, days: 0 }[unit];
    add(formatDuration({ days: unit === 'days' ? value : 0, minutes: value * size }));
  };
  const anchor = dates?.[from];
  const presets = (anchor && !hasTime(anchor) ? ALL_DAY : TIMED).filter((before) => !has(before));
  const keys = keysOf(reminders);
  const when = ({ again: _, ...once }: Reminder) => words(once, known);
  return (
    <>
      {reminders.length > 0 && (
        <ul className="chosen">
          {reminders.map((reminder, index) => {
            const key = keys[index] ?? '';
            const name = when(reminder);
            return (
              <li key={key}>
                <div className="chosen-line">
                  <Icon name="bell" size={16} />
                  <span className="chosen-words">
                    {name}
                    {reminder.again && open !== key && <span className="hint">{againWords(reminder)}</span>}
                  </span>
                  <button
                    type="button"
                    className={`icon-button${reminder.again ? ' is-set' : ''}`}
                    aria-expanded={open === key}
                    onClick={() => setOpen(open === key ? null : key)}
                  >
                    <Icon name="repeat" size={16} />
                    <span className="hidden">{t('reminder.againOf', { reminder: name })}</span>
                  </button>
                  <button
                    type="button"
                    className="icon-button"
                    onClick={() => onChange(reminders.filter((_, other) => other !== index))}
                  >
                    <Icon name="close" size={16} />
                    <span className="hidden">{t('reminder.remove', { reminder: name })}</span>
                  </button>
                </div>
                {open === key && (
                  <AgainEditor
                    reminder={reminder}
                    onChange={(next) => onChange(reminders.map((other, at) => (at === index ? next : other)))}
                  />
                )}
              </li>
            );
          })}
        </ul>
      )}
      {canDue || canStart ? (
        <>
          {canDue && canStart && (
            <div className="segmented" role="radiogroup" aria-label={t('reminder.of')}>
              {(['due', 'start'] as const).map((name) => (
                <label key={name}>
                  <input
                    type="radio"
                    name="reminder-of"
                    checked={from === name}
                    onChange={() => setOf(name)}
                  />
                  <span>{t(`reminder.of.${name}`)}</span>
                </label>
              ))}
            </div>
          )}
          {presets.length > 0 && (
            <div className="chips">
              {presets.map((before) => (
                <button
                  type="button"
                  key={before}
                  className="chip"
                  disabled={full}
                  onClick={() => add(before)}
                >
                  <Icon name="plus" size={14} />
                  {words({ before, of: from }, known)}
                </button>
              ))}
            </div>
          )}
          <div className="field-row">
            <label className="hidden" htmlFor="reminder-amount">
              {t('reminder.amount')}
            </label>
            <input
              id="reminder-amount"
              className="input-number"
              type="number"
              min="0"
              max="999"
              value={amount}
              onChange={(event) => setAmount(event.target.value)}
            />
            <select
              aria-label={t('reminder.unit')}
              value={unit}
              onChange={(event) => setUnit(event.target.value as typeof unit)}
            >
              <option value="minutes">{t('reminder.minutes')}</option>
              <option value="hours">{t('reminder.hours')}</option>
              <option value="days">{t('reminder.days')}</option>
            </select>
            <button type="button" className="button button-small" disabled={full} onClick={custom}>
              {t('action.add')}
            </button>
          </div>
        </>
      ) : (
        <p className="hint">{t('reminder.needsDue')}</p>
      )}
      {dates && (
        <div className="field-row">
          <label className="hidden" htmlFor="reminder-moment">
            {t('reminder.moment')}
          </label>
          <input
            id="reminder-moment"
            type="datetime-local"
            value={moment}
            onChange={(event) => setMoment(event.target.value)}
          />
          <button
            type="button"
            className="button button-small"
            disabled={full || !moment}
            onClick={() => {
              onChange([...reminders, { at: new Date(toInstant(moment.slice(0, 16), zone)).toISOString() }]);
              setMoment('');
            }}
          >
            {t('action.add')}
          </button>
        </div>
      )}
    </>
  );
}

interface Props extends EditorProps {
  onClose: () => void;
  anchor: Element | null;
}

export function ReminderPicker({ onClose, anchor, ...editor }: Props) {
  return (
    <Popup title={t('reminder.title')} onClose={onClose} anchor={anchor} showTitle>
      <div className="picker">
        <ReminderEditor {...editor} />
      </div>
    </Popup>
  );
}
