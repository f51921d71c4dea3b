import { describe, expect, test } from 'vitest';
import { byRank, evenRanks, rankBetween, ranksFor } from '../src/core/rank';

const row = (id: string, rank = '', created_at = '2026-01-01T00:00:00Z') => ({ id, rank, created_at });

/** The list as it is drawn after the ranks were given. */
function placed(list: ReturnType<typeof row>[], id: string, at: number): string[] {
  const task = list.find((other) => other.id === id);
  if (!task) throw new Error(id);
  const given = new Map(ranksFor(list, task, at).map((entry) => [entry.id, entry.rank]));
  return list
    .map((other) => ({ ...other, rank: given.get(other.id) ?? other.rank }))
    .sort(byRank)
    .map((other) => other.id);
}

describe('rankBetween', () => {
  test('is between its neighbours, and never ends in 0, however often the same gap is split', () => {
    for (const side of ['low', 'high'] as const) {
      let [low, high] = ['', ''];
      for (let turn = 0; turn < 200; turn++) {
        const rank = rankBetween(low, high);
        expect(rank > low).toBe(true);
        if (high) expect(rank < high).toBe(true);
        expect(rank).toMatch(/^[0-9a-z]*[1-9a-z]$/);
        if (side === 'low') low = rank;
        else high = rank;
      }
    }
  });

  test('refuses neighbours in the wrong order', () => {
    expect(() => rankBetween('b', 'a')).toThrow(RangeError);
    expect(() => rankBetween('a', 'a')).toThrow(RangeError);
  });
});

test('even ranks are in order, distinct, short and do not end in 0', () => {
  for (const count of [1, 2, 35, 36, 500, 1500]) {
    const ranks = evenRanks(count);
    expect([...ranks].sort()).toEqual(ranks);
    expect(new Set(ranks).size).toBe(count);
    for (const rank of ranks) expect(rank).toMatch(/^[0-9a-z]{0,4}[1-9a-z]$/);
  }
});

describe('ranksFor', () => {
  test('between two ranked rows, only the moved row changes', () => {
    const list = [row('a', 'a'), row('b', 'b'), row('c', 'c')];
    expect(ranksFor(list, row('c', 'c'), 1).map((entry) => entry.id)).toEqual(['c']);
    expect(placed(list, 'c', 1)).toEqual(['a', 'c', 'b']);
  });

  test('rows without a rank are given one where the moved row comes after them', () => {
    const list = [row('a', '', '1'), row('b', '', '2'), row('c', '', '3'), row('d', '', '4')];
    expect(placed(list, 'a', 2)).toEqual(['b', 'c', 'a', 'd']);
    expect(placed(list, 'd', 0)).toEqual(['d', 'a', 'b', 'c']);
  });

  test('equal ranks, as two browsers can give them, do not block a place', () => {
    const list = [row('a', 'k'), row('b', 'k'), row('c', 'm')];
    expect(placed(list, 'c', 1)).toEqual(['a', 'c', 'b']);
  });

  test('a rank never grows beyond what the server takes', () => {
    let list = [row('a', 'a'), row('b', 'b'), row('c', 'c')];
    for (let turn = 0; turn < 400; turn++) {
      const moved = list[2];
      if (!moved) throw new Error();
      const given = new Map(ranksFor(list, moved, 1).map((entry) => [entry.id, entry.rank]));
      const want = [list[0]?.id, moved.id, list[1]?.id];
      list = list.map((other) => ({ ...other, rank: given.get(other.id) ?? other.rank })).sort(byRank);
      expect(list.map((other) => other.id)).toEqual(want);
      for (const { rank } of list) expect(rank.length).toBeLessThanOrEqual(64);
    }
  });
});
