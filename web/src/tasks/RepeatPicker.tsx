import { useEffect, useState } from 'react';
import { useClock } from '../app/state';
import { api, Problem } from '../core/api';
import { exceptionsOf } from '../core/series';
import type { Repeat } from '../core/types';
import { language, t } from '../i18n';
import { dayAndMonth, dayAndMonthLong, weekdayName, weekdayOfIndex } from '../time/format';
import { type Frequency, formatRule, newRule, parseRule, type Rule } from '../time/rule';
import { ruleWords } from '../time/words';
import { addDays, dateOf, hasTime, weekdayOf } from '../time/zone';
import { Calendar } from '../ui/Calendar';
import { Icon } from '../ui/Icon';
import { Popup } from '../ui/Popup';

const FREQUENCIES: Frequency[] = ['DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY'];
const SHOWN = 4;
const MARKED = 40;

interface Preview {
  words: string;
  dates: string[];
  state: 'loading' | 'ready' | 'away' | 'refused';
  /** Why the server does not take the rule. */
  reason: string;
}

const NOTHING: Preview = { words: '', dates: [], state: 'loading', reason: '' };

/** The next dates, as the server will make them: it alone knows every rule. The last ones stay until the new are there. */
function usePreview(repeat: Repeat | null, due: string, zone: string): Preview {
  const [preview, setPreview] = useState(NOTHING);
  const rrule = repeat?.rrule ?? null;
  const from = repeat?.from ?? 'due';
  useEffect(() => {
    if (rrule === null) return;
    const stop = new AbortController();
    const query = new URLSearchParams({
      rrule,
      due,
      timezone: zone,
      from,
      count: String(MARKED),
      language: language(),
    });
    api<{ words: string; occurrences: string[] }>(`/api/recurrence?${query}`, { signal: stop.signal })
      .then((answer) =>
        setPreview({
          words: answer.words,
          dates: answer.occurrences.map(dateOf),
          state: 'ready',
          reason: '',
        }),
      )
      .catch((error) => {
        if (stop.signal.aborted) return;
        const refused = error instanceof Problem && error.status === 422;
        setPreview({
          ...NOTHING,
          state: refused ? 'refused' : 'away',
          reason: refused ? (error.fields[0]?.reason ?? error.message) : '',
        });
      });
    return () => stop.abort();
  }, [rrule, due, zone, from]);
  return preview;
}

function presetsFor(date: string): { label: string; rule: Rule }[] {
  const weekday = weekdayOf(date);
  const day = Number(date.slice(8));
  return [
    { label: t('repeat.daily'), rule: newRule('DAILY') },
    { label: t('repeat.weekdays'), rule: { ...newRule('WEEKLY'), days: [0, 1, 2, 3, 4] } },
    {
      label: t('repeat.weeklyOn', { day: weekdayName(date) }),
      rule: { ...newRule('WEEKLY'), days: [weekday] },
    },
    { label: t('repeat.monthlyOn', { day }), rule: { ...newRule('MONTHLY'), month: { day } } },
    {
      label: t('repeat.yearlyOn', { date: dayAndMonthLong(date) }),
      rule: { ...newRule('YEARLY'), year: { month: Number(date.slice(5, 7)), day } },
    },
  ];
}

interface EditorProps {
  rule: Rule;
  date: string;
  onChange: (rule: Rule) => void;
}

function RuleEditor({ rule, date, onChange }: EditorProps) {
  const day = Number(date.slice(8));
  const nth = Math.min(4, Math.ceil(day / 7)) as 1 | 2 | 3 | 4;
  const monthly = [
    { id: 'day', label: t('repeat.onDay', { day }), month: { day } },
    { id: 'last', label: t('repeat.onLastDay'), month: { day: -1 } },
    ...([nth, -1] as const).map((n) => ({
      id: `nth${n}`,
      label: t('repeat.onNth', { nth: t(`repeat.nth${n}`), day: weekdayName(date) }),
      month: { nth: n, weekday: weekdayOf(date) },
    })),
  ];
  const current = monthly.find((choice) => JSON.stringify(choice.month) === JSON.stringify(rule.month));
  const ends = rule.until ? 'until' : rule.count ? 'count' : 'never';
  return (
    <div className="rule-editor">
      <div className="field-row">
        <span>{t('repeat.every')}</span>
        <input
          className="input-number"
          type="number"
          min="1"
          max="999"
          aria-label={t('repeat.interval')}
          value={rule.interval}
          onChange={(event) =>
            onChange({ ...rule, interval: Math.max(1, Math.min(999, Number(event.target.value) || 1)) })
          }
        />
        <select
          aria-label={t('repeat.unit')}
          value={rule.freq}
          onChange={(event) => {
            const freq = event.target.value as Frequency;
            const fresh = presetsFor(date).find(
              (preset) => preset.rule.freq === freq && preset.rule.days.length < 2,
            );
            onChange({
              ...(fresh?.rule ?? newRule(freq)),
              interval: rule.interval,
              until: rule.until,
              count: rule.count,
            });
          }}
        >
          {FREQUENCIES.map((freq) => (
            <option key={freq} value={freq}>
              {t(`repeat.unit${freq}`, { n: rule.interval })}
            </option>
          ))}
        </select>
      </div>
      {rule.freq === 'WEEKLY' && (
        <fieldset className="weekdays">
          <legend className="hidden">{t('repeat.onDays')}</legend>
          {Array.from({ length: 7 }, (_, index) => index).map((index) => {
            const on = rule.days.includes(index);
            return (
              <button
                type="button"
                key={index}
                className="weekday"
                aria-pressed={on}
                aria-label={weekdayOfIndex(index)}
                onClick={() => {
                  const days = on ? rule.days.filter((other) => other !== index) : [...rule.days, index];
                  if (days.length > 0) onChange({ ...rule, days: days.sort((a, b) => a - b) });
                }}
              >
                {weekdayOfIndex(index, 'short').slice(0, 2)}
              </button>
            );
          })}
        </fieldset>
      )}
      {rule.freq === 'MONTHLY' && (
        <select
          aria-label={t('repeat.onDays')}
          value={current?.id ?? 'own'}
          onChange={(event) => {
            const choice = monthly.find((other) => other.id === event.target.value);
            if (choice) onChange({ ...rule, month: choice.month });
          }}
        >
          {!current && <option value="own">{ruleWords(rule, 'due', date)}</option>}
          {monthly.map((choice) => (
            <option key={choice.id} value={choice.id}>
              {choice.label}
            </option>
          ))}
        </select>
      )}
      <div className="field-row">
        <select
          aria-label={t('repeat.ends')}
          value={ends}
          onChange={(event) =>
            onChange({
              ...rule,
              until: event.target.value === 'until' ? addDays(date, 90) : null,
              count: event.target.value === 'count' ? 10 : null,
            })
          }
        >
          <option value="never">{t('repeat.endsNever')}</option>
          <option value="until">{t('repeat.endsUntil')}</option>
          <option value="count">{t('repeat.endsCount')}</option>
        </select>
        {rule.until && (
          <input
            type="date"
            aria-label={t('repeat.endsUntil')}
            min={date}
            value={rule.until}
            onChange={(event) => event.target.value && onChange({ ...rule, until: event.target.value })}
          />
        )}
        {rule.count && (
          <input
            className="input-number"
            type="number"
            min="1"
            max="999"
            aria-label={t('repeat.endsCount')}
            value={rule.count}
            onChange={(event) =>
              onChange({ ...rule, count: Math.max(1, Math.min(999, Number(event.target.value) || 1)) })
            }
          />
        )}
      </div>
    </div>
  );
}

interface Props {
  due: string | null;
  timezone: string | null;
  repeat: Repeat | null;
  onChange: (repeat: Repeat | null) => void;
  onClose: () => void;
  anchor: Element | null;
}

export function RepeatPicker({ due, timezone, repeat, onChange, onClose, anchor }: Props) {
  const { today, zone } = useClock();
  const start = due ?? today;
  const date = dateOf(start);
  const rule = repeat && parseRule(repeat.rrule);
  const [editing, setEditing] = useState(repeat !== null);
  const preview = usePreview(repeat, start, timezone ?? zone);
  const words = rule && repeat ? ruleWords(rule, repeat.from, today) : preview.words;
  const from = repeat?.from ?? 'due';
  const exceptions = repeat ? exceptionsOf(repeat) : 0;
  // Of a task's repeat this is a part: its exceptions stay.
  const set = (next: Rule, basis: Repeat['from'] = from) =>
    onChange({ rrule: formatRule(next), from: basis });
  return (
    <Popup title={t('repeat.title')} onClose={onClose} anchor={anchor} showTitle>
      <div className="picker repeat-picker">
        {!editing && (
          <div className="menu-list">
            {presetsFor(date).map((preset) => (
              <button
                type="button"
                key={preset.label}
                className="menu-item"
                onClick={() => {
                  set(preset.rule);
                  setEditing(true);
                }}
              >
                <Icon name="repeat" size={18} />
                <span className="menu-label">{preset.label}</span>
              </button>
            ))}
          </div>
        )}
        {editing && repeat && (
          <>
            {rule ? (
              <>
                <RuleEditor rule={rule} date={date} onChange={(next) => set(next)} />
                <fieldset className="basis">
                  <legend>{t('repeat.basis')}</legend>
                  {(['due', 'completion'] as const).map((basis) => (
                    <label key={basis} className="radio">
                      <input
                        type="radio"
                        name="basis"
                        checked={from === basis}
                        onChange={() => set(rule, basis)}
                      />
                      <span>{t(`repeat.basis.${basis}`)}</span>
                    </label>
                  ))}
                </fieldset>
              </>
            ) : (
              <p className="hint">{t('repeat.customHint', { rrule: repeat.rrule })}</p>
            )}
            <div className="preview">
              <p className="preview-words" aria-live="polite">
                {words}
              </p>
              {preview.state === 'refused' && <p className="form-error">{preview.reason}</p>}
              {preview.state === 'away' && <p className="hint">{t('repeat.away')}</p>}
              {preview.state === 'loading' && <div className="skeleton skeleton-line" />}
              {exceptions > 0 && <p className="hint">{t('repeat.exceptions', { n: exceptions })}</p>}
              {preview.dates.length > 0 && (
                <>
                  <p className="preview-dates">
                    {preview.dates
                      .slice(0, SHOWN)
                      .map((day) => `${weekdayName(day, 'short')} ${dayAndMonth(day)}`)
                      .join(' · ')}
                    {preview.dates.length > SHOWN && ' …'}
                  </p>
                  <Calendar
                    key={preview.dates[0]}
                    today={today}
                    marked={new Set(preview.dates)}
                    start={preview.dates[0]}
                  />
                </>
              )}
            </div>
            <div className="field-row field-row-end">
              <button
                type="button"
                className="text-button danger"
                onClick={() => {
                  onChange(null);
                  onClose();
                }}
              >
                {t('repeat.stop')}
              </button>
              <button type="button" className="button button-small" onClick={onClose}>
                {t('action.done')}
              </button>
            </div>
          </>
        )}
        {!due && <p className="hint">{t('repeat.needsDue')}</p>}
        {due && !hasTime(due) && editing && <p className="hint">{t('repeat.allDay')}</p>}
      </div>
    </Popup>
  );
}
