import { useState } from 'react';
import { useClock } from '../app/state';
import { startFits } from '../core/series';
import { t } from '../i18n';
import { dayAndMonth, weekdayName } from '../time/format';
import { addDays, dateOf, hasTime, isZone, knownZones, timeOf, weekdayOf } from '../time/zone';
import { Calendar } from '../ui/Calendar';
import { Icon, type IconName } from '../ui/Icon';
import { Popup } from '../ui/Popup';
import { nextWeek } from './shortcuts';

interface Shortcut {
  id: 'today' | 'tomorrow' | 'weekend' | 'nextWeek';
  icon: IconName;
  date: string;
  key: string;
}

export function shortcuts(today: string): Shortcut[] {
  const weekday = weekdayOf(today);
  const saturday = addDays(today, 5 - weekday);
  return [
    { id: 'today', icon: 'today', date: today, key: 't' },
    { id: 'tomorrow', icon: 'sun', date: addDays(today, 1), key: '' },
    ...(weekday < 4 ? [{ id: 'weekend' as const, icon: 'flag' as const, date: saturday, key: '' }] : []),
    { id: 'nextWeek', icon: 'week', date: nextWeek(today), key: 'w' },
  ];
}

interface Value {
  due: string | null;
  timezone: string | null;
}

interface Props {
  value: Value;
  onChange: (value: Value) => void;
  onClose: () => void;
  anchor: Element | null;
  title?: string;
  /** What it is to have no date. */
  none?: string;
  /** The date may change, but not go. */
  required?: boolean;
  /** The zone is not to be chosen here. */
  fixed?: boolean;
  /** Not later than this local date or time. */
  latest?: string | null;
}

/** Date, time and zone. A day closes it; the time and the zone may be set before or after. */
export function DuePicker({
  value,
  onChange,
  onClose,
  anchor,
  title,
  none = t('due.none'),
  required = false,
  fixed = false,
  latest = null,
}: Props) {
  const { today, zone } = useClock();
  const [time, setTime] = useState(value.due && hasTime(value.due) ? timeOf(value.due) : '');
  const [own, setOwn] = useState(value.timezone);
  const date = value.due ? dateOf(value.due) : null;
  const at = (day: string | null, hour: string, timezone: string | null): Value =>
    day === null
      ? { due: null, timezone: null }
      : { due: hour ? `${day}T${hour}` : day, timezone: hour ? timezone : null };
  const last = latest && dateOf(latest);
  const tooLate = (local: string | null) => latest !== null && local !== null && !startFits(local, latest);
  const pick = (day: string | null) => {
    // A time that is too late on that day is none.
    const picked = at(day, time, own);
    onChange(tooLate(picked.due) ? at(day, '', own) : picked);
    onClose();
  };
  const changeTime = (hour: string) => {
    setTime(hour);
    const next = at(date ?? (last && last < today ? last : today), hour, own);
    if ((hour || date) && !tooLate(next.due)) onChange(next);
  };
  const changeZone = (next: string | null) => {
    setOwn(next);
    if (date && (next === null || isZone(next))) onChange(at(date, time, next));
  };
  const days = shortcuts(today).filter((shortcut) => !tooLate(shortcut.date));
  const late = Boolean(date && time && tooLate(`${date}T${time}`));
  return (
    <Popup title={title ?? t('due.title')} onClose={onClose} anchor={anchor} showTitle={title !== undefined}>
      <div className="due-picker">
        <div className="quick-days">
          {days.map((shortcut) => (
            <button type="button" key={shortcut.id} className="menu-item" onClick={() => pick(shortcut.date)}>
              <Icon name={shortcut.icon} size={18} />
              <span className="menu-label">{t(`due.${shortcut.id}`)}</span>
              <span className="menu-hint">
                {weekdayName(shortcut.date, 'short')}{' '}
                {shortcut.id === 'nextWeek' && dayAndMonth(shortcut.date)}
              </span>
            </button>
          ))}
          {value.due && !required && (
            <button type="button" className="menu-item" onClick={() => pick(null)}>
              <Icon name="close" size={18} />
              <span className="menu-label">{none}</span>
            </button>
          )}
        </div>
        <Calendar today={today} selected={date} onPick={pick} last={last} />
        <div className="due-time">
          <label className="field-inline">
            <span>{t('due.time')}</span>
            <input
              type="time"
              value={time}
              aria-invalid={late}
              onChange={(event) => changeTime(event.target.value)}
            />
          </label>
          {time && (
            <button type="button" className="text-button" onClick={() => changeTime('')}>
              {t('due.allDay')}
            </button>
          )}
        </div>
        {late && (
          <p className="form-error due-late" role="alert">
            {t('start.tooLate')}
          </p>
        )}
        {time && !fixed && (
          <div className="due-zone">
            <label className="field-inline">
              <span>{t('due.zone')}</span>
              <select
                value={own === null ? '' : 'fixed'}
                onChange={(event) => changeZone(event.target.value ? zone : null)}
              >
                <option value="">{t('due.zoneFloats')}</option>
                <option value="fixed">{t('due.zoneFixed')}</option>
              </select>
            </label>
            {own !== null && (
              <>
                <input
                  type="text"
                  list="zones"
                  aria-label={t('settings.zone')}
                  value={own}
                  aria-invalid={!isZone(own)}
                  onChange={(event) => changeZone(event.target.value)}
                />
                <datalist id="zones">
                  {knownZones().map((name) => (
                    <option key={name} value={name} />
                  ))}
                </datalist>
              </>
            )}
          </div>
        )}
        {date && (
          <button type="button" className="button button-small" onClick={onClose}>
            {t('action.done')}
          </button>
        )}
      </div>
    </Popup>
  );
}
