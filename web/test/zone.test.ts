import { describe, expect, test } from 'vitest';
import { nextWeek } from '../src/tasks/shortcuts';
import {
  addDays,
  addMonths,
  daysBetween,
  dueHere,
  dueInstant,
  isZone,
  todayIn,
  toInstant,
  toLocal,
  weekdayOf,
} from '../src/time/zone';

const at = (text: string) => Date.parse(text);

describe('wall-clock time in a zone', () => {
  test('summer and winter', () => {
    expect(toInstant('2026-07-01T09:00', 'Europe/Berlin')).toBe(at('2026-07-01T07:00:00Z'));
    expect(toInstant('2026-12-01T09:00', 'Europe/Berlin')).toBe(at('2026-12-01T08:00:00Z'));
  });

  test('a time in the gap moves forward by the gap', () => {
    expect(toInstant('2026-03-29T02:30', 'Europe/Berlin')).toBe(at('2026-03-29T01:30:00Z'));
    expect(toLocal(at('2026-03-29T01:30:00Z'), 'Europe/Berlin')).toBe('2026-03-29T03:30');
  });

  test('in a fold, the first one counts', () => {
    expect(toInstant('2026-10-25T02:30', 'Europe/Berlin')).toBe(at('2026-10-25T00:30:00Z'));
  });

  test('a day that a zone left out', () => {
    // Samoa went from 29 to 31 December 2011.
    expect(toLocal(toInstant('2011-12-30T12:00', 'Pacific/Apia'), 'Pacific/Apia')).toBe('2011-12-31T12:00');
  });

  test('half-hour offsets and the date line', () => {
    expect(toInstant('2026-01-01T00:00', 'Asia/Kathmandu')).toBe(at('2025-12-31T18:15:00Z'));
    expect(todayIn('Pacific/Kiritimati', at('2026-01-01T11:00:00Z'))).toBe('2026-01-02');
    expect(todayIn('Pacific/Midway', at('2026-01-01T10:00:00Z'))).toBe('2025-12-31');
  });

  test('there and back for every hour of a year', () => {
    for (
      let instant = at('2026-01-01T00:00:00Z');
      instant < at('2027-01-01T00:00:00Z');
      instant += 3_600_000
    ) {
      const back = toInstant(toLocal(instant, 'America/New_York'), 'America/New_York');
      // The second pass through the fold is the first one's wall clock.
      const folded = instant === at('2026-11-01T06:00:00Z');
      expect(back).toBe(folded ? instant - 3_600_000 : instant);
    }
  });
});

describe('dues', () => {
  test('a date is due at the end of its day', () => {
    expect(dueInstant({ due: '2026-03-29', timezone: null }, 'Europe/Berlin')).toBe(
      at('2026-03-29T22:00:00Z'),
    );
  });

  test('a floating time follows the person, a fixed one does not', () => {
    const floating = { due: '2026-12-01T09:00', timezone: null };
    const fixed = { due: '2026-12-01T09:00', timezone: 'Europe/Berlin' };
    expect(dueHere(floating, 'America/New_York')).toBe('2026-12-01T09:00');
    expect(dueHere(fixed, 'America/New_York')).toBe('2026-12-01T03:00');
    expect(dueInstant(floating, 'America/New_York')).toBe(at('2026-12-01T14:00:00Z'));
    expect(dueInstant(fixed, 'America/New_York')).toBe(at('2026-12-01T08:00:00Z'));
  });
});

describe('the calendar', () => {
  test('days, months and leap years', () => {
    expect(addDays('2024-02-28', 1)).toBe('2024-02-29');
    expect(addDays('2026-01-01', -1)).toBe('2025-12-31');
    expect(addMonths('2026-01-31', 1)).toBe('2026-02-28');
    expect(addMonths('2026-01-15', -13)).toBe('2024-12-15');
    expect(daysBetween('2026-03-28', '2026-03-30')).toBe(2);
    expect(weekdayOf('2026-11-30')).toBe(0);
  });

  test('next week begins on its Monday, also on a Monday and a Sunday', () => {
    expect(nextWeek('2026-11-24')).toBe('2026-11-30');
    expect(nextWeek('2026-11-30')).toBe('2026-12-07');
    expect(nextWeek('2026-11-29')).toBe('2026-11-30');
  });

  test('what is a zone', () => {
    expect(isZone('Europe/Berlin')).toBe(true);
    expect(isZone('Europe/Atlantis')).toBe(false);
  });
});
