import { describe, expect, test } from 'vitest';
import { routeOf } from '../src/app/routes';
import { finishedTasks, projectTasks, searchTasks, todayTasks, upcomingDays } from '../src/core/lists';
import type { Task } from '../src/core/types';
import { task } from './support/rows';

const map = (...tasks: Task[]) => new Map(tasks.map((row) => [row.id, row]));
const ids = (tasks: Task[]) => tasks.map((row) => row.id);
const NOW = Date.parse('2026-11-24T12:00:00Z');
const ZONE = 'Europe/Berlin';

describe('Today', () => {
  const tasks = map(
    task('yesterday', { due: '2026-11-23' }),
    task('passed', { due: '2026-11-24T08:00' }),
    task('day', { due: '2026-11-24' }),
    task('evening', { due: '2026-11-24T20:00' }),
    task('tomorrow', { due: '2026-11-25' }),
    task('none'),
    task('done', { due: '2026-11-24', status: 'completed' }),
    // Still the 24th in Berlin.
    task('abroad', { due: '2026-11-25T00:30', timezone: 'Asia/Tokyo' }),
  );

  test('splits by the person’s own day; an hour that has passed is still today', () => {
    const lists = todayTasks(tasks, ZONE, NOW);
    expect(ids(lists.overdue)).toEqual(['yesterday']);
    expect(ids(lists.today)).toEqual(['passed', 'abroad', 'evening', 'day']);
  });

  test('what was finished a moment ago can stay to be seen', () => {
    expect(ids(todayTasks(tasks, ZONE, NOW, new Set(['done'])).today)).toContain('done');
  });

  test('at the same time, the more important one comes first', () => {
    const due = '2026-11-24';
    const lists = todayTasks(
      map(task('low', { due, priority: 'low' }), task('high', { due, priority: 'high' })),
      ZONE,
      NOW,
    );
    expect(ids(lists.today)).toEqual(['high', 'low']);
  });
});

test('Upcoming shows the near days empty or not, then only days with tasks', () => {
  const days = upcomingDays(
    map(
      task('late', { due: '2026-11-20' }),
      task('soon', { due: '2026-11-25' }),
      task('far', { due: '2027-02-01' }),
    ),
    ZONE,
    NOW,
    3,
  );
  expect(days.map((day) => [day.date, ids(day.tasks)])).toEqual([
    ['2026-11-24', []],
    ['2026-11-25', ['soon']],
    ['2026-11-26', []],
    ['2027-02-01', ['far']],
  ]);
});

test('a project follows the order by hand, then age', () => {
  const tasks = map(
    task('young', { created_at: '2026-11-03' }),
    task('old', { created_at: '2026-11-02' }),
    task('second', { rank: 'b' }),
    task('first', { rank: 'a' }),
    task('elsewhere', { project_id: 'p' }),
  );
  expect(ids(projectTasks(tasks, 'inbox'))).toEqual(['first', 'second', 'old', 'young']);
});

test('finished tasks, the newest first', () => {
  const done = (id: string, at: string) => task(id, { status: 'completed', completed_at: at });
  expect(ids(finishedTasks(map(done('a', '2026-11-01'), done('b', '2026-11-03'), task('open'))))).toEqual([
    'b',
    'a',
  ]);
});

describe('search', () => {
  const tasks = map(
    task('1', { title: 'Café for Zoë', tags: ['party'] }),
    task('2', { title: 'Order coffee' }),
    task('3', { title: 'Zoe called', status: 'completed' }),
  );

  test('without accents and capitals, every word, tags too', () => {
    expect(ids(searchTasks(tasks, 'ZOE', 9))).toEqual(['1', '3']);
    expect(ids(searchTasks(tasks, 'cafe #party', 9))).toEqual(['1']);
    expect(searchTasks(tasks, 'cafe coffee', 9)).toEqual([]);
    expect(searchTasks(tasks, '  ', 9)).toEqual([]);
  });
});

test('paths and their views', () => {
  expect(routeOf('/today')).toEqual({ view: 'today' });
  expect(routeOf('/today/')).toEqual({ view: 'today' });
  expect(routeOf('/project/a%20b')).toEqual({ view: 'project', id: 'a b' });
  expect(routeOf('/task/x')).toEqual({ view: 'task', id: 'x' });
  for (const path of ['/', '/toString', '/project', '/task/', '/task/x/y', '/today/x', '/project/%'])
    expect([path, routeOf(path)]).toEqual([path, { view: 'none' }]);
});
