import { describe, expect, test } from 'vitest';
import { joined, merged, patchOf } from '../src/core/patch';

describe('RFC 7396', () => {
  test('its own examples', () => {
    for (const [target, patch, result] of [
      [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
      [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
      [{ a: 'b' }, { a: null }, {}],
      [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
      [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
      [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
      [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
      [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
      [
        ['a', 'b'],
        ['c', 'd'],
        ['c', 'd'],
      ],
      [{ a: 'b' }, ['c'], ['c']],
      [{ a: 'foo' }, null, null],
      [{ e: null }, { a: 1 }, { e: null, a: 1 }],
      [[1, 2], { a: 'b', c: null }, { a: 'b' }],
      [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    ])
      expect(merged(target, patch)).toEqual(result);
  });
});

const REPEATS = [
  null,
  { rrule: 'FREQ=DAILY', from: 'due' },
  { rrule: 'FREQ=WEEKLY', from: 'completion', exdates: ['2026-12-01'] },
  { rrule: 'FREQ=WEEKLY', from: 'due', moved: { '2026-12-01': '2026-12-02', '2026-12-08': '2026-12-09' } },
  { rrule: 'FREQ=WEEKLY', from: 'due', moved: { '2026-12-08': '2026-12-10' }, exdates: ['2026-12-15'] },
];

test('the patch from one repeat to another makes exactly that', () => {
  for (const from of REPEATS) for (const to of REPEATS) expect(merged(from, patchOf(from, to))).toEqual(to);
});

test('two patches that can be said at once do what both do', () => {
  let both = 0;
  for (const from of REPEATS)
    for (const between of REPEATS)
      for (const to of REPEATS) {
        const [first, second] = [patchOf(from, between), patchOf(between, to)];
        const once = joined(first, second);
        if (once === undefined) continue;
        both++;
        expect(merged(from, once)).toEqual(to);
      }
  expect(both).toBeGreaterThan(50);
});
