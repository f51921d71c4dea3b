/**
 * What a title says by itself: `Call Ada tomorrow 9:30 !! #phone` is a date, a time, a priority and a tag. English and
 * German words are both understood, whatever the page's language.
 */

import type { Priority } from '../core/types';
import { addDays, isDate, makeDate, weekdayOf } from './zone';

export interface Quick {
  title: string;
  due: string | null;
  priority: Priority | null;
  tags: string[];
}

const WEEKDAY_WORDS = [
  ['monday', 'mon', 'montag', 'mo'],
  ['tuesday', 'tue', 'tues', 'dienstag', 'di'],
  ['wednesday', 'wed', 'mittwoch', 'mi'],
  ['thursday', 'thu', 'thurs', 'donnerstag', 'do'],
  ['friday', 'fri', 'freitag', 'fr'],
  ['saturday', 'sat', 'samstag', 'sa'],
  ['sunday', 'sun', 'sonntag', 'so'],
];
/** Short forms that are also words: they count with a time behind them, or after `on`/`am` alone. */
const SHORT = new Set(['mo', 'di', 'mi', 'do', 'fr', 'sa', 'so', 'sun', 'sat', 'wed']);
const MONTHS = [
  ['january', 'jan', 'januar'],
  ['february', 'feb', 'februar'],
  ['march', 'mar', 'märz'],
  ['april', 'apr'],
  ['may', 'mai'],
  ['june', 'jun', 'juni'],
  ['july', 'jul', 'juli'],
  ['august', 'aug'],
  ['september', 'sep'],
  ['october', 'oct', 'oktober', 'okt'],
  ['november', 'nov'],
  ['december', 'dec', 'dezember', 'dez'],
];
const DAYS: Record<string, number> = {
  today: 0, heute: 0, tod: 0, tomorrow: 1, morgen: 1, tom: 1, übermorgen: 2,
};
const MARKS: Record<string, Priority> = { '!': 'low', '!!': 'medium', '!!!': 'high', p1: 'high', p2: 'medium', p3: 'low' };

const indexIn = (lists: string[][], word: string): number => lists.findIndex((words) => words.includes(word));

/** `9`, `9:30`, `9am`, `9.30 Uhr`, as `09:30`; null for anything else. */
function readTime(word: string, bare: boolean): string | null {
  const match = /^(\d{1,2})(?:[:.](\d{2}))?(am|pm|h|uhr)?$/.exec(word);
  if (!match || (!bare && !match[2] && !match[3]) || (word.includes('.') && !bare && !match[3])) return null;
  let hour = Number(match[1]);
  const minute = Number(match[2] ?? 0);
  if (match[3] === 'pm' && hour < 12) hour += 12;
  if (match[3] === 'am' && hour === 12) hour = 0;
  if (hour > 23 || minute > 59) return null;
  return `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`;
}

interface Found {
  date: string;
  used: number;
}

function comingWeekday(today: string, weekday: number): string {
  return addDays(today, (weekday - weekdayOf(today) + 7) % 7 || 7);
}

function dated(year: number, month: number, day: number, today: string): string | null {
  const date = makeDate(year, month, day);
  if (!isDate(date)) return null;
  const later = makeDate(year + 1, month, day);
  return date >= today || !isDate(later) ? date : later;
}

/** A date that begins at this word. */
function readDate(words: string[], at: number, today: string): Found | null {
  const word = words[at] ?? '';
  const next = words[at + 1] ?? '';
  const day = DAYS[word];
  if (day !== undefined) return { date: addDays(today, day), used: 1 };
  if ((word === 'next' && next === 'week') || (word === 'nächste' && next === 'woche'))
    return { date: comingWeekday(today, 0), used: 2 };
  if (word === 'in' && /^\d{1,3}$/.test(next)) {
    const unit = words[at + 2] ?? '';
    const size = /^(days?|tage?n?)$/.test(unit) ? 1 : /^(weeks?|wochen?)$/.test(unit) ? 7 : 0;
    if (size) return { date: addDays(today, Number(next) * size), used: 3 };
  }
  if (word === 'on' || word === 'am' || word === 'next' || word === 'nächsten') {
    const weekday = indexIn(WEEKDAY_WORDS, next);
    if (weekday >= 0) return { date: comingWeekday(today, weekday), used: 2 };
  }
  const weekday = indexIn(WEEKDAY_WORDS, word);
  if (weekday >= 0 && (!SHORT.has(word) || readTime(next, false)))
    return { date: comingWeekday(today, weekday), used: 1 };
  if (isDate(word)) return { date: word, used: 1 };
  const year = Number(today.slice(0, 4));
  const german = /^(\d{1,2})\.(\d{1,2})\.(\d{4})?$/.exec(word);
  if (german) {
    const date = dated(Number(german[3] ?? year), Number(german[2]), Number(german[1]), today);
    if (date) return { date, used: 1 };
  }
  const number = /^(\d{1,2})(?:\.|st|nd|rd|th)?$/;
  const month = indexIn(MONTHS, next) + 1;
  if (number.test(word) && month > 0) {
    const date = dated(year, month, Number.parseInt(word, 10), today);
    if (date) return { date, used: 2 };
  }
  const monthFirst = indexIn(MONTHS, word) + 1;
  if (monthFirst > 0 && number.test(next)) {
    const date = dated(year, monthFirst, Number.parseInt(next, 10), today);
    if (date) return { date, used: 2 };
  }
  return null;
}

export function readQuick(text: string, today: string): Quick {
  const raw = text.trim().split(/\s+/);
  const words = raw.map((word) => word.toLowerCase().replace(/,$/, ''));
  const kept: string[] = [];
  const quick: Quick = { title: '', due: null, priority: null, tags: [] };
  let time: string | null = null;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    const found = quick.due ? null : readDate(words, at, today);
    const mark = MARKS[word];
    const clock = readTime(word, false);
    const prefixed = ['at', 'um', '@'].includes(word) ? readTime(words[at + 1] ?? '', true) : null;
    if (found) {
      quick.due = found.date;
      at += found.used - 1;
    } else if (mark && !quick.priority) quick.priority = mark;
    else if (/^#[\p{L}\p{N}_-]+$/u.test(word)) quick.tags.push((raw[at] ?? '').slice(1).replace(/,$/, ''));
    else if (clock && !time) {
      time = clock;
      if (words[at + 1] === 'uhr') at++;
    } else if (prefixed && !time) {
      time = prefixed;
      at += words[at + 2] === 'uhr' ? 2 : 1;
    } else kept.push(raw[at] ?? '');
  }
  if (time) quick.due = `${quick.due ?? today}T${time}`;
  return { ...quick, title: kept.join(' ') };
}
