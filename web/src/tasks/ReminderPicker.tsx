import { useState } from 'react';
import { useClock, useRows } from '../app/state';
import type { Reminder } from '../core/types';
import { t } from '../i18n';
import { formatDuration } from '../time/duration';
import { clock, durationWords, momentLabel } from '../time/format';
import { hasTime, toInstant } from '../time/zone';
import { Icon } from '../ui/Icon';
import { Popup } from '../ui/Popup';

const MOST = 20;
const TIMED = ['PT0M', 'PT10M', 'PT30M', 'PT1H', 'P1D'];
const ALL_DAY = ['PT0M', 'P1D', 'P2D', 'P7D'];

export function useReminderWords(): (reminder: Reminder, due: string | null) => string {
  const { zone, now } = useClock();
  const morning = useRows('settings')?.morning ?? '09:00';
  return (reminder, due) => {
    if (reminder.at) return momentLabel(reminder.at, zone, now);
    const before = reminder.before ?? 'PT0M';
    const zero = before === 'PT0M' || before === 'PT0S';
    if (due && !hasTime(due))
      return zero
        ? t('reminder.onDay', { time: clock(morning) })
        : t('reminder.daysBefore', { duration: durationWords(before), time: clock(morning) });
    return zero ? t('reminder.atDue') : t('reminder.before', { duration: durationWords(before) });
  };
}

interface Props {
  due: string | null;
  reminders: Reminder[];
  onChange: (reminders: Reminder[]) => void;
  onClose: () => void;
  anchor: Element | null;
}

export function ReminderPicker({ due, reminders, onChange, onClose, anchor }: Props) {
  const { zone } = useClock();
  const words = useReminderWords();
  const [amount, setAmount] = useState('15');
  const [unit, setUnit] = useState<'minutes' | 'hours' | 'days'>('minutes');
  const [moment, setMoment] = useState('');
  const full = reminders.length >= MOST;
  const has = (before: string) => reminders.some((reminder) => reminder.before === before);
  const add = (reminder: Reminder) => {
    if (full || (reminder.before && has(reminder.before))) return;
    onChange([...reminders, reminder]);
  };
  const custom = () => {
    const value = Math.max(0, Math.min(999, Math.floor(Number(amount) || 0)));
    const size = { minutes: 1, hours: 60, days: 0 }[unit];
    add({ before: formatDuration({ days: unit === 'days' ? value : 0, minutes: value * size }) });
  };
  const presets = (due && !hasTime(due) ? ALL_DAY : TIMED).filter((before) => !has(before));
  return (
    <Popup title={t('reminder.title')} onClose={onClose} anchor={anchor} showTitle>
      <div className="picker">
        {reminders.length > 0 && (
          <ul className="chosen">
            {reminders.map((reminder, index) => (
              <li key={reminder.id ?? `${reminder.before}${reminder.at}`}>
                <Icon name="bell" size={16} />
                <span>{words(reminder, due)}</span>
                <button
                  type="button"
                  className="icon-button"
                  onClick={() => onChange(reminders.filter((_, other) => other !== index))}
                >
                  <Icon name="close" size={16} />
                  <span className="hidden">{t('reminder.remove', { reminder: words(reminder, due) })}</span>
                </button>
              </li>
            ))}
          </ul>
        )}
        {due ? (
          <>
            <div className="chips">
              {presets.map((before) => (
                <button
                  type="button"
                  key={before}
                  className="chip"
                  disabled={full}
                  onClick={() => add({ before })}
                >
                  <Icon name="plus" size={14} />
                  {words({ before }, due)}
                </button>
              ))}
            </div>
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
              add({ at: new Date(toInstant(moment.slice(0, 16), zone)).toISOString() });
              setMoment('');
            }}
          >
            {t('action.add')}
          </button>
        </div>
      </div>
    </Popup>
  );
}
