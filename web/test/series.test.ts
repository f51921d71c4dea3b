import { describe, expect, test } from 'vitest';
import {
  fitting,
  isLeftOut,
  laterAfter,
  laterFields,
  ofThisAlone,
  ownOf,
  startFits,
  startFor,
  wholeChange,
  withException,
} from '../src/core/series';
import type { Reminder, Repeat } from '../src/core/types';
import { task } from './support/rows';

const WEEKLY: Repeat = { rrule: 'FREQ=WEEKLY', from: 'due' };
const monday = task('a', { due: '2026-12-07', occurrence: '2026-12-07', repeat: WEEKLY });

describe('which occurrences a change is for', () => {
  test('of a repeating task, title and due are of this one alone', () => {
    expect(ofThisAlone(monday, { title: 'x', due: '2026-12-08', notes: 'n' })).toEqual(['title', 'due']);
    expect(ofThisAlone(monday, { title: 'a', notes: 'n' })).toEqual([]);
  });

  test('what does not repeat, or is done, has no later ones', () => {
    expect(ofThisAlone(task('b'), { title: 'x' })).toEqual([]);
    expect(ofThisAlone({ ...monday, status: 'completed' }, { title: 'x' })).toEqual([]);
  });

  test('back to what later ones have, nothing is its own any more', () => {
    const own = { ...monday, due: '2026-12-09', title: 'once', later: { title: 'a' } };
    expect(ownOf(own)).toEqual(['title', 'due']);
    expect(ownOf(monday)).toEqual([]);
    expect(ownOf({ ...own, status: 'completed' })).toEqual([]);
    expect(ofThisAlone(own, { title: 'a', due: '2026-12-07' })).toEqual([]);
    expect(ofThisAlone(own, { title: 'b' })).toEqual(['title']);
  });

  test('a new rule begins with the new due', () => {
    expect(ofThisAlone(monday, { due: '2026-12-08', repeat: WEEKLY })).toEqual([]);
  });

  test('later ones keep the title that this one had, until it is theirs too', () => {
    const once = laterAfter(monday, { title: 'once' }, false);
    expect(once).toEqual({ title: 'a' });
    const renamed = { ...monday, title: 'once', later: once };
    expect(laterAfter(renamed, { title: 'twice' }, false)).toEqual({ title: 'a' });
    expect(laterAfter(renamed, { title: 'a' }, false)).toBeNull();
    expect(laterAfter(renamed, { title: 'twice' }, true)).toBeNull();
    expect(laterAfter(renamed, { notes: 'n' }, false)).toEqual({ title: 'a' });
  });

  test('what later ones have is known for the way back', () => {
    const moved = { ...monday, due: '2026-12-09', title: 'once', later: { title: 'all' } };
    expect(laterFields(moved, ['title', 'due'])).toEqual({ title: 'all', due: '2026-12-07' });
    const hourly = { ...monday, due: '2026-12-07T09:00', occurrence: '2026-12-07T08:00:00.000Z' };
    expect(laterFields(hourly, ['due'])).toEqual({ due: '2026-12-07T09:00' });
  });
});

describe('exceptions', () => {
  test('left out, and taken in again', () => {
    const out = withException(WEEKLY, '2026-12-14', { skipped: true });
    expect(out).toEqual({ ...WEEKLY, exdates: ['2026-12-14'] });
    expect(isLeftOut(out, '2026-12-14')).toBe(true);
    expect(isLeftOut(out, '2026-12-21')).toBe(false);
    expect(withException(out, '2026-12-14', { skipped: false })).toEqual(WEEKLY);
  });

  test('a date leaves out all times of its day, and seconds of zero say nothing', () => {
    const repeat = { ...WEEKLY, exdates: ['2026-12-14', '2026-12-21T09:00:00'] };
    expect(isLeftOut(repeat, '2026-12-14T09:00')).toBe(true);
    expect(isLeftOut(repeat, '2026-12-21T09:00')).toBe(true);
    expect(withException(repeat, '2026-12-14T09:00', { skipped: false }).exdates).toEqual([
      '2026-12-21T09:00:00',
    ]);
  });

  test('moved, and back; both kinds leave each other alone', () => {
    const out = withException(WEEKLY, '2026-12-21', { skipped: true });
    const moved = withException(out, '2026-12-14', { due: '2026-12-15' });
    expect(moved).toEqual({ ...WEEKLY, exdates: ['2026-12-21'], moved: { '2026-12-14': '2026-12-15' } });
    expect(withException(moved, '2026-12-14', { due: null })).toEqual(out);
    expect(withException(moved, '2026-12-14', { due: '2026-12-14' })).toEqual(out);
  });
});

describe('what hangs on the dates', () => {
  test('a start is not later than the due, or on its day', () => {
    expect(startFits('2026-12-07T18:00', '2026-12-07')).toBe(true);
    expect(startFits('2026-12-07', '2026-12-07T09:00')).toBe(true);
    expect(startFits('2026-12-07T09:01', '2026-12-07T09:00')).toBe(false);
    expect(startFits('2026-12-08', '2026-12-07')).toBe(false);
  });

  test('it moves along as far as the due does, on the wall', () => {
    expect(startFor('2026-12-05', '2026-12-07', '2026-12-01')).toBe('2026-11-29');
    expect(startFor('2026-12-05T08:00', '2026-12-07', '2026-12-01T09:00')).toBe('2026-11-29T08:00');
    expect(startFor('2026-12-07T08:30', '2026-12-07T09:00', '2026-12-08T00:10')).toBe('2026-12-07T23:40');
  });

  const begun = task('a', { start: '2026-12-05', due: '2026-12-07' });

  test('only a start that would be too late is moved', () => {
    expect(wholeChange(begun, { due: '2026-12-06' })).toEqual({ due: '2026-12-06' });
    expect(wholeChange(begun, { due: '2026-12-01' })).toEqual({ due: '2026-12-01', start: '2026-11-29' });
    expect(wholeChange({ ...begun, due: null }, { due: '2026-12-01' })).toEqual({
      due: '2026-12-01',
      start: '2026-12-01',
    });
  });

  test('reminders go with the date that they count from', () => {
    const reminders: Reminder[] = [
      { id: '1', before: 'PT30M' },
      { id: '2', before: 'PT0M', of: 'start' },
      { id: '3', at: '2026-12-01T08:00:00Z' },
    ];
    const both = { ...begun, reminders };
    expect(wholeChange(both, { due: null })).toEqual({ due: null, reminders: [reminders[1], reminders[2]] });
    expect(wholeChange(both, { start: null })).toEqual({
      start: null,
      reminders: [reminders[0], reminders[2]],
    });
    expect(wholeChange(begun, { due: null })).toEqual({ due: null });
  });

  test('a new task gets those of its project that it has a date for', () => {
    const reminders: Reminder[] = [{ before: 'P1D' }, { before: 'PT0M', of: 'start' }];
    expect(fitting(reminders, { due: '2026-12-01' })).toEqual([reminders[0]]);
    expect(fitting(reminders, { due: null, repeat: WEEKLY })).toEqual([reminders[0]]);
    expect(fitting(reminders, { start: '2026-12-01' })).toEqual([reminders[1]]);
    expect(fitting(reminders, {})).toEqual([]);
  });
});
