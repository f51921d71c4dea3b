import { expect, test } from 'vitest';
import { formatDuration, parseDuration, sameDuration } from '../src/time/duration';

test('durations are the same however they are written; a day is not 24 hours', () => {
  expect(sameDuration('PT0S', 'PT0M')).toBe(true);
  expect(sameDuration('PT60M', 'PT1H')).toBe(true);
  expect(sameDuration('P1W', 'P7D')).toBe(true);
  expect(sameDuration('P1D', 'PT24H')).toBe(false);
  expect(sameDuration(undefined, 'PT0M')).toBe(false);
  expect(sameDuration('soon', 'soon')).toBe(false);
});

test('what is written is read', () => {
  for (const duration of [
    { days: 0, minutes: 0 },
    { days: 2, minutes: 90 },
  ])
    expect(parseDuration(formatDuration(duration))).toEqual(duration);
});
