/**
 * Order by hand: a rank is text of `[0-9a-z]` that never ends in `0`, compared as bytes. Between two ranks there is
 * always another one.
 */

const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyz';
const BASE = DIGITS.length;

const digit = (text: string, at: number, missing: number): number =>
  at < text.length ? DIGITS.indexOf(text.charAt(at)) : missing;

/** A rank after `low` and before `high`; an empty text stands for the open end. */
export function rankBetween(low: string, high: string): string {
  if (high !== '' && low >= high) throw new RangeError(`no rank between ${low} and ${high}`);
  let rank = '';
  let open = high === '';
  for (let at = 0; ; at++) {
    const from = digit(low, at, 0);
    const to = open ? BASE : digit(high, at, 0);
    if (to - from > 1) {
      // Near the open end, a small step: lists grow there.
      const step = open && from > 0 ? 1 : (to - from) >> 1;
      return rank + DIGITS.charAt(from + step);
    }
    rank += DIGITS.charAt(from);
    if (to > from) open = true;
  }
}

interface Ranked {
  id: string;
  rank?: string;
  created_at: string;
}

/** By rank, then id; tasks without a rank follow by age. */
export function byRank(a: Ranked, b: Ranked): number {
  const left = a.rank ?? '';
  const right = b.rank ?? '';
  if (left !== right) {
    if (left === '') return 1;
    if (right === '') return -1;
    return left < right ? -1 : 1;
  }
  if (left === '' && a.created_at !== b.created_at) return a.created_at < b.created_at ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
