/** A repetition rule in words. */

import type { Repeat } from '../core/types';
import { t } from '../i18n';
import { dayAndMonthLong, dayName, list, weekdayOfIndex } from './format';
import { parseRule, type Rule } from './rule';
import { makeDate } from './zone';

const WORKDAYS = '0,1,2,3,4';

function base(rule: Rule): string {
  const n = rule.interval;
  switch (rule.freq) {
    case 'DAILY':
      return t('repeat.everyDays', { n });
    case 'WEEKLY': {
      if (n === 1 && rule.days.join() === WORKDAYS) return t('repeat.weekdays');
      if (rule.days.length === 0) return t('repeat.everyWeeks', { n });
      const width = rule.days.length > 2 ? 'short' : 'long';
      return t('repeat.everyWeeksOn', { n, days: list(rule.days.map((day) => weekdayOfIndex(day, width))) });
    }
    case 'MONTHLY': {
      if (!rule.month) return t('repeat.everyMonths', { n });
      if ('day' in rule.month)
        return rule.month.day < 0
          ? t('repeat.everyMonthsLast', { n })
          : t('repeat.everyMonthsDay', { n, day: rule.month.day });
      const nth = t(`repeat.nth${rule.month.nth as 1 | 2 | 3 | 4 | -1}`);
      return t('repeat.everyMonthsNth', { n, nth, day: weekdayOfIndex(rule.month.weekday) });
    }
    case 'YEARLY':
      if (!rule.year) return t('repeat.everyYears', { n });
      return t('repeat.everyYearsOn', {
        n,
        date: dayAndMonthLong(makeDate(2024, rule.year.month, rule.year.day)),
      });
  }
}

export function ruleWords(rule: Rule, from: Repeat['from'], today: string): string {
  const parts = [base(rule)];
  if (rule.count) parts.push(t('repeat.times', { n: rule.count }));
  if (rule.until) parts.push(t('repeat.until', { date: dayName(rule.until, today) }));
  if (from === 'completion') parts.push(t('repeat.afterDone'));
  return parts.join(', ');
}

/** Rules that no form can show are named as such. */
export function repeatWords(repeat: Repeat, today: string): string {
  const rule = parseRule(repeat.rrule);
  return rule ? ruleWords(rule, repeat.from, today) : t('repeat.custom');
}
