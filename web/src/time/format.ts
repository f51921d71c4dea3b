/** Dates and times in the person's language and zone. */

import { locale, t } from '../i18n';
import { parseDuration } from './duration';
import { dateOf, daysBetween, hasTime, timeOf, toLocal } from './zone';

const cache = new Map<string, Intl.DateTimeFormat>();

function format(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = locale() + JSON.stringify(options);
  let made = cache.get(key);
  if (!made) {
    made = new Intl.DateTimeFormat(locale(), { timeZone: 'UTC', ...options });
    cache.set(key, made);
  }
  return made;
}

const utc = (local: string): Date => new Date(`${local.length === 10 ? `${local}T00:00` : local}Z`);

export const weekdayName = (date: string, width: 'long' | 'short' | 'narrow' = 'long'): string =>
  format({ weekday: width }).format(utc(date));

/** 2024-01-01 was a Monday. */
export const weekdayOfIndex = (index: number, width: 'long' | 'short' | 'narrow' = 'long'): string =>
  weekdayName(`2024-01-0${index + 1}`, width);

export const monthTitle = (date: string): string =>
  format({ month: 'long', year: 'numeric' }).format(utc(date));

export const dayAndMonth = (date: string): string =>
  format({ day: 'numeric', month: 'short' }).format(utc(date));

export const dayAndMonthLong = (date: string): string =>
  format({ day: 'numeric', month: 'long' }).format(utc(date));

/** `Tue, 1 December 2026` */
export const fullDate = (date: string): string =>
  format({ weekday: 'short', day: 'numeric', month: 'long', year: 'numeric' }).format(utc(dateOf(date)));

/** `9:00` or `9:00 AM`, as the language has it; of a local date-time or of `09:00` alone. */
export function clock(local: string): string {
  const time = local.length === 5 ? local : timeOf(local);
  return format({ hour: 'numeric', minute: '2-digit' }).format(utc(`2024-01-01T${time}`));
}

/** A day as people name it: today, tomorrow, Friday, 3 Dec. */
export function dayName(date: string, today: string): string {
  const days = daysBetween(today, date);
  if (days === 0) return t('day.today');
  if (days === 1) return t('day.tomorrow');
  if (days === -1) return t('day.yesterday');
  if (days > 1 && days < 7) return weekdayName(date);
  const year = date.slice(0, 4) !== today.slice(0, 4);
  return format({ day: 'numeric', month: 'short', ...(year ? { year: 'numeric' } : {}) }).format(
    utc(dateOf(date)),
  );
}

/** So far ahead, a day and its month alone are not clear any more. */
const CLEAR_DAYS = 300;

/** `Mon 7 Dec`, with the year where it is not clear: for lists, where all dates are to look alike. */
export function shortDate(local: string, today: string): string {
  const date = dateOf(local);
  const days = daysBetween(today, date);
  const year = days > CLEAR_DAYS || (days < 0 && date.slice(0, 4) !== today.slice(0, 4));
  return `${weekdayName(date, 'short')} ${dayAndMonth(date)}${year ? ` ${date.slice(0, 4)}` : ''}`;
}

export function dueLabel(due: string, today: string): string {
  const day = dayName(dateOf(due), today);
  return hasTime(due) ? `${day} ${clock(due)}` : day;
}

export type DueTone = 'overdue' | 'today' | 'soon' | 'later';

export function dueTone(due: string, instant: number, today: string, now: number): DueTone {
  if (instant <= now) return 'overdue';
  const days = daysBetween(today, dateOf(due));
  return days <= 0 ? 'today' : days === 1 ? 'soon' : 'later';
}

/** An instant in the person's zone: `Today 09:00`. */
export const momentLabel = (instant: string, zone: string, now: number): string =>
  dueLabel(toLocal(Date.parse(instant), zone), dateOf(toLocal(now, zone)));

/** With seconds, for receipts. */
export function exactMoment(instant: string, zone: string): string {
  return format({
    timeZone: zone,
    day: 'numeric',
    month: 'short',
    hour: 'numeric',
    minute: '2-digit',
    second: '2-digit',
  }).format(new Date(instant));
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
];

/** `5 minutes ago`, `in 2 days`. */
export function relative(instant: string | number, now: number): string {
  const distance = (typeof instant === 'number' ? instant : Date.parse(instant)) - now;
  for (const [unit, size] of STEPS)
    if (Math.abs(distance) >= size)
      return new Intl.RelativeTimeFormat(locale(), { numeric: 'auto' }).format(
        Math.trunc(distance / size),
        unit,
      );
  return t('time.now');
}

/** `30 minutes`, `1 day 2 hours`. */
export function durationWords(iso: string): string {
  const duration = parseDuration(iso);
  if (!duration) return iso;
  const unit = (value: number, name: string) =>
    value > 0
      ? [new Intl.NumberFormat(locale(), { style: 'unit', unit: name, unitDisplay: 'long' }).format(value)]
      : [];
  return [
    ...unit(duration.days % 7 ? duration.days : 0, 'day'),
    ...unit(duration.days % 7 ? 0 : duration.days / 7, 'week'),
    ...unit(Math.floor(duration.minutes / 60), 'hour'),
    ...unit(duration.minutes % 60, 'minute'),
  ].join(' ');
}

/** `12 ms`, `3.4 s`, `2 minutes`. */
export function lateness(ms: number): string {
  const number = (value: number, unit: string) =>
    new Intl.NumberFormat(locale(), { style: 'unit', unit, maximumFractionDigits: 1 }).format(value);
  if (ms < 1_000) return number(ms, 'millisecond');
  return ms < 60_000 ? number(ms / 1000, 'second') : number(Math.round(ms / 60_000), 'minute');
}

export const list = (items: string[]): string =>
  new Intl.ListFormat(locale(), { type: 'conjunction' }).format(items);
