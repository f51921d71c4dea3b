import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { t } from '../i18n';
import { fullDate, monthTitle, weekdayOfIndex } from '../time/format';
import { addDays, addMonths, weekdayOf } from '../time/zone';
import { Icon } from './Icon';

const WEEKS = 6;

interface Props {
  today: string;
  selected?: string | null;
  /** Days that a rule falls on; without `onPick`, the calendar only shows. */
  marked?: ReadonlySet<string>;
  onPick?: (date: string) => void;
  start?: string;
  /** Later days can't be picked. */
  last?: string | null;
}

const KEYS: Record<string, (date: string) => string> = {
  ArrowLeft: (date) => addDays(date, -1),
  ArrowRight: (date) => addDays(date, 1),
  ArrowUp: (date) => addDays(date, -7),
  ArrowDown: (date) => addDays(date, 7),
  PageUp: (date) => addMonths(date, -1),
  PageDown: (date) => addMonths(date, 1),
  Home: (date) => addDays(date, -weekdayOf(date)),
  End: (date) => addDays(date, 6 - weekdayOf(date)),
};

/** A month; weeks begin on Monday. */
export function Calendar({ today, selected = null, marked, onPick, start, last = null }: Props) {
  const [focus, setFocus] = useState(start ?? selected ?? today);
  const grid = useRef<HTMLTableElement>(null);
  const moved = useRef(false);
  const month = focus.slice(0, 7);
  const first = addDays(`${month}-01`, -weekdayOf(`${month}-01`));

  useEffect(() => {
    if (!moved.current) return;
    moved.current = false;
    grid.current?.querySelector<HTMLElement>(`[data-date="${focus}"]`)?.focus();
  }, [focus]);

  const onKeyDown = (event: KeyboardEvent) => {
    const to = KEYS[event.key]?.(focus);
    if (!to) return;
    event.preventDefault();
    event.stopPropagation();
    moved.current = true;
    setFocus(to);
  };

  const week = (index: number) =>
    Array.from({ length: 7 }, (_, day) => {
      const date = addDays(first, index * 7 + day);
      const inMonth = date.startsWith(month);
      const off = last !== null && date > last;
      const classes = ['day'];
      if (!inMonth) classes.push('day-out');
      if (date === today) classes.push('day-today');
      if (date === selected) classes.push('day-selected');
      if (marked?.has(date)) classes.push('day-marked');
      if (off) classes.push('day-off');
      const label = `${fullDate(date)}${marked?.has(date) ? `, ${t('calendar.marked')}` : ''}`;
      return (
        <td key={date}>
          {onPick ? (
            <button
              type="button"
              data-date={date}
              className={classes.join(' ')}
              tabIndex={date === focus ? 0 : -1}
              aria-label={label}
              aria-pressed={date === selected}
              aria-disabled={off || undefined}
              aria-current={date === today ? 'date' : undefined}
              onClick={() => !off && onPick(date)}
            >
              {Number(date.slice(8))}
            </button>
          ) : (
            <span className={classes.join(' ')}>
              <span aria-hidden="true">{Number(date.slice(8))}</span>
              {marked?.has(date) && <span className="hidden">{label}</span>}
            </span>
          )}
        </td>
      );
    });

  return (
    <div className="calendar">
      <div className="calendar-head">
        <span className="calendar-title" aria-live="polite">
          {monthTitle(`${month}-01`)}
        </span>
        <button type="button" className="icon-button" onClick={() => setFocus(addMonths(`${month}-01`, -1))}>
          <Icon name="back" size={16} />
          <span className="hidden">{t('calendar.previous')}</span>
        </button>
        <button type="button" className="icon-button" onClick={() => setFocus(addMonths(`${month}-01`, 1))}>
          <Icon name="forward" size={16} />
          <span className="hidden">{t('calendar.next')}</span>
        </button>
      </div>
      <table ref={grid} onKeyDown={onPick && onKeyDown}>
        <thead>
          <tr>
            {Array.from({ length: 7 }, (_, day) => (
              <th key={weekdayOfIndex(day)} scope="col">
                <span aria-hidden="true">{weekdayOfIndex(day, 'narrow')}</span>
                <span className="hidden">{weekdayOfIndex(day)}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {Array.from({ length: WEEKS }, (_, index) => (
            <tr key={addDays(first, index * 7)}>{week(index)}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
