/** Repetition rules that the editor can write, to and from RFC 5545; other rules stay as they are, unread. */

export const WEEKDAYS = ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'] as const;
export type Frequency = 'DAILY' | 'WEEKLY' | 'MONTHLY' | 'YEARLY';

export interface Rule {
  freq: Frequency;
  interval: number;
  /** Weekly: 0 is Monday. Empty: the due's weekday. */
  days: number[];
  /** Monthly: a day of the month (-1 is the last), or the nth weekday; null: the due's day. */
  month: { day: number } | { nth: number; weekday: number } | null;
  /** Yearly: null means the due's day. */
  year: { month: number; day: number } | null;
  until: string | null;
  count: number | null;
}

export const newRule = (freq: Frequency): Rule => ({
  freq,
  interval: 1,
  days: [],
  month: null,
  year: null,
  until: null,
  count: null,
});

const KNOWN = new Set([
  'FREQ',
  'INTERVAL',
  'BYDAY',
  'BYMONTHDAY',
  'BYMONTH',
  'UNTIL',
  'COUNT',
  'RSCALE',
  'SKIP',
  'WKST',
]);

/** Null for a rule that the editor has no form for. */
export function parseRule(rrule: string): Rule | null {
  const parts = new Map<string, string>();
  for (const part of rrule.replace(/^RRULE:/, '').split(';')) {
    const [key = '', value = ''] = part.split('=');
    parts.set(key.toUpperCase(), value.toUpperCase());
  }
  const freq = parts.get('FREQ') as Frequency | undefined;
  if (!freq || !['DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY'].includes(freq)) return null;
  for (const key of parts.keys()) if (!KNOWN.has(key)) return null;
  if ((parts.get('WKST') ?? 'MO') !== 'MO' || (parts.get('SKIP') ?? 'BACKWARD') !== 'BACKWARD') return null;
  const rule = newRule(freq);
  rule.interval = Number(parts.get('INTERVAL') ?? 1);
  if (parts.has('COUNT')) rule.count = Number(parts.get('COUNT'));
  const until = parts.get('UNTIL');
  if (until) rule.until = `${until.slice(0, 4)}-${until.slice(4, 6)}-${until.slice(6, 8)}`;
  const byDay = parts.get('BYDAY')?.split(',');
  const byMonthDay = parts.get('BYMONTHDAY');
  const byMonth = parts.get('BYMONTH');
  if (freq === 'DAILY' && (byDay || byMonthDay || byMonth)) return null;
  if (freq === 'WEEKLY') {
    if (byMonthDay || byMonth) return null;
    rule.days = (byDay ?? [])
      .map((day) => WEEKDAYS.indexOf(day as (typeof WEEKDAYS)[number]))
      .sort((a, b) => a - b);
    if (rule.days.includes(-1)) return null;
  }
  if (freq === 'MONTHLY') {
    if (byMonth || (byDay && byMonthDay)) return null;
    if (byMonthDay) {
      const day = Number(byMonthDay);
      if (!Number.isInteger(day) || day < -1 || day === 0) return null;
      rule.month = { day };
    }
    if (byDay) {
      const match = /^(-1|[1-4])(MO|TU|WE|TH|FR|SA|SU)$/.exec(byDay.join(','));
      if (!match) return null;
      rule.month = {
        nth: Number(match[1]),
        weekday: WEEKDAYS.indexOf(match[2] as (typeof WEEKDAYS)[number]),
      };
    }
  }
  if (freq === 'YEARLY') {
    if (byDay || (byMonth === undefined) !== (byMonthDay === undefined)) return null;
    if (byMonth && byMonthDay) {
      const [month, day] = [Number(byMonth), Number(byMonthDay)];
      if (!Number.isInteger(month) || !Number.isInteger(day) || day < 1) return null;
      rule.year = { month, day };
    }
  }
  return rule;
}

export function formatRule(rule: Rule): string {
  const parts = [`FREQ=${rule.freq}`];
  if (rule.interval > 1) parts.push(`INTERVAL=${rule.interval}`);
  if (rule.freq === 'WEEKLY' && rule.days.length > 0)
    parts.push(
      `BYDAY=${[...rule.days]
        .sort((a, b) => a - b)
        .map((day) => WEEKDAYS[day])
        .join(',')}`,
    );
  let day = 0;
  if (rule.freq === 'MONTHLY' && rule.month) {
    if ('day' in rule.month) {
      day = rule.month.day;
      parts.push(`BYMONTHDAY=${day}`);
    } else parts.push(`BYDAY=${rule.month.nth}${WEEKDAYS[rule.month.weekday]}`);
  }
  if (rule.freq === 'YEARLY' && rule.year) {
    day = rule.year.month === 2 ? rule.year.day : 0;
    parts.push(`BYMONTH=${rule.year.month}`, `BYMONTHDAY=${rule.year.day}`);
  }
  if (rule.count) parts.push(`COUNT=${rule.count}`);
  if (rule.until) parts.push(`UNTIL=${rule.until.replaceAll('-', '')}`);
  // A month without that day uses its last one.
  if (day > 28) parts.push('RSCALE=GREGORIAN', 'SKIP=BACKWARD');
  return parts.join(';');
}
