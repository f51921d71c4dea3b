import { describe, expect, test } from 'vitest';
import { formatRule, newRule, parseRule } from '../src/time/rule';

describe('rules that the editor writes', () => {
  for (const rrule of [
    'FREQ=DAILY',
    'FREQ=DAILY;INTERVAL=3',
    'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR',
    'FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;COUNT=10',
    'FREQ=MONTHLY;BYMONTHDAY=-1',
    'FREQ=MONTHLY;BYMONTHDAY=31;RSCALE=GREGORIAN;SKIP=BACKWARD',
    'FREQ=MONTHLY;BYDAY=2TU;UNTIL=20271231',
    'FREQ=MONTHLY;BYDAY=-1FR',
    'FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;RSCALE=GREGORIAN;SKIP=BACKWARD',
    'FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24',
  ])
    test(`${rrule} is read and written the same`, () => {
      const rule = parseRule(rrule);
      if (!rule) throw new Error('not read');
      expect(formatRule(rule)).toBe(rrule);
    });

  test('days of the week are written in their order', () => {
    expect(formatRule({ ...newRule('WEEKLY'), days: [4, 0, 2] })).toBe('FREQ=WEEKLY;BYDAY=MO,WE,FR');
  });

  test('a day that not every month has says what happens then; the 28th needs no word', () => {
    expect(formatRule({ ...newRule('MONTHLY'), month: { day: 29 } })).toContain('SKIP=BACKWARD');
    expect(formatRule({ ...newRule('MONTHLY'), month: { day: 28 } })).toBe('FREQ=MONTHLY;BYMONTHDAY=28');
  });
});

describe('rules that the editor has no form for stay unread', () => {
  for (const rrule of [
    '',
    'FREQ=HOURLY',
    'FREQ=DAILY;BYHOUR=9',
    'FREQ=WEEKLY;BYDAY=MO;WKST=SU',
    'FREQ=WEEKLY;BYDAY=1MO',
    'FREQ=MONTHLY;BYMONTHDAY=1,15',
    'FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=1',
    'FREQ=MONTHLY;BYDAY=5MO',
    'FREQ=MONTHLY;BYMONTHDAY=31;RSCALE=GREGORIAN;SKIP=FORWARD',
    'FREQ=YEARLY;BYMONTH=3',
    'FREQ=YEARLY;BYDAY=MO',
  ])
    test(rrule || 'nothing', () => expect(parseRule(rrule)).toBeNull());
});
