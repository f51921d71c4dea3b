/** Reminders in words. */

import { useClock, useRows } from '../app/state';
import type { Reminder } from '../core/types';
import { t } from '../i18n';
import { sameDuration } from '../time/duration';
import { clock, durationWords, momentLabel } from '../time/format';
import { hasTime } from '../time/zone';

export interface Dates {
  start: string | null;
  due: string | null;
}

const NONE: Dates = { start: null, due: null };

export const isZero = (before: string): boolean => sameDuration(before, 'PT0M');

/** How often a reminder rings again where it does not say. */
export const AGAIN_TIMES = 5;

export function everyWords(duration: string): string {
  if (sameDuration(duration, 'PT1M')) return t('reminder.everyMinute');
  if (sameDuration(duration, 'PT1H')) return t('reminder.everyHour');
  return t('reminder.every', { duration: durationWords(duration) });
}

export const againWords = ({ again, times = AGAIN_TIMES }: Reminder): string =>
  again ? t('reminder.again', { duration: durationWords(again), every: everyWords(again), n: times }) : '';

/** When a reminder rings, and whether it does again. What a day's reminders count from is named where the dates are known. */
export function useReminderWords(): (reminder: Reminder, dates?: Dates) => string {
  const { zone, now } = useClock();
  const morning = useRows('settings')?.morning ?? '09:00';
  const when = ({ before = 'PT0M', of, at }: Reminder, { start, due }: Dates): string => {
    if (at) return momentLabel(at, zone, now);
    const begins = of === 'start';
    const date = begins ? start : due;
    const duration = durationWords(before);
    if (date && !hasTime(date)) {
      const time = clock(morning);
      if (isZero(before)) return t(begins ? 'reminder.onStartDay' : 'reminder.onDay', { time });
      return t(begins ? 'reminder.daysBeforeStart' : 'reminder.daysBefore', { duration, time });
    }
    if (isZero(before)) return t(begins ? 'reminder.atStart' : 'reminder.atDue');
    return t(begins ? 'reminder.beforeStart' : 'reminder.before', { duration });
  };
  return (reminder, dates = NONE) =>
    reminder.again
      ? t('reminder.whenAgain', { when: when(reminder, dates), again: againWords(reminder) })
      : when(reminder, dates);
}
