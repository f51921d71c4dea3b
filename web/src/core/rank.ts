/**
 * Order by hand: a rank is text of `[0-9a-z]` that never ends in `0`, compared as bytes. Between two ranks there is
 * always another one.
 */

const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyz';
const BASE = DIGITS.length;
/** The server takes 64 characters. */
const LONGEST = 60;

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

/**
 * The ranks that put `task` at a place of its list: its own, and those of the rows before it that have none yet, or
 * have one that leaves no room.
 */
export function ranksFor<T extends Ranked>(
  list: readonly T[],
  task: T,
  at: number,
): { id: string; rank: string }[] {
  const others = list.filter((other) => other.id !== task.id);
  const before = others.slice(0, at);
  const high = others[at]?.rank ?? '';
  const low = before.at(-1)?.rank ?? '';
  const ordered = before.every((row, index) => row.rank && row.rank > (before[index - 1]?.rank ?? ''));
  if (ordered && (high === '' || low < high)) {
    const rank = rankBetween(low, high);
    if (rank.length <= LONGEST) return [{ id: task.id, rank }];
  }
  // No room at this place: everything gets a rank anew, up to the last row that has one.
  const whole = [...before, task, ...others.slice(at)];
  const last = Math.max(
    at,
    whole.findLastIndex((row) => row.rank),
  );
  const ranks = evenRanks(last + 1);
  return whole.slice(0, last + 1).map((row, index) => ({ id: row.id, rank: ranks[index] ?? '' }));
}

/** So many ranks in order, with as much room between any two. */
export function evenRanks(count: number): string[] {
  let width = 2;
  while (BASE ** (width - 1) <= count) width++;
  const step = Math.floor(BASE ** width / (count + 1));
  return Array.from({ length: count }, (_, index) =>
    ((index + 1) * step).toString(BASE).padStart(width, '0').replace(/0+$/, ''),
  );
}
