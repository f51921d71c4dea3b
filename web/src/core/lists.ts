/** Which tasks a view shows, and in which order. Pure; `kept` are tasks that were finished a moment ago. */

import { addDays, dateOf, dueHere, dueInstant, todayIn } from '../time/zone';
import { byRank } from './rank';
import type { Priority, Task } from './types';

const WEIGHT: Record<Priority, number> = { high: 0, medium: 1, low: 2, none: 3 };
const NONE: ReadonlySet<string> = new Set();

type Tasks = ReadonlyMap<string, Task>;

interface Dated {
  task: Task;
  instant: number;
  day: string;
}

const shown = (task: Task, kept: ReadonlySet<string>): boolean => task.status === 'open' || kept.has(task.id);

const byDue = (a: Dated, b: Dated): number =>
  a.instant - b.instant || WEIGHT[a.task.priority] - WEIGHT[b.task.priority] || byRank(a.task, b.task);

function dated(tasks: Tasks, zone: string, kept: ReadonlySet<string>): Dated[] {
  const found: Dated[] = [];
  for (const task of tasks.values()) {
    if (!shown(task, kept)) continue;
    const instant = dueInstant(task, zone);
    const here = dueHere(task, zone);
    if (instant !== null && here !== null) found.push({ task, instant, day: dateOf(here) });
  }
  return found.sort(byDue);
}

export function todayTasks(
  tasks: Tasks,
  zone: string,
  now: number,
  kept = NONE,
): { overdue: Task[]; today: Task[] } {
  const day = todayIn(zone, now);
  const due = dated(tasks, zone, kept).filter((entry) => entry.day <= day);
  // A task of today whose hour has passed stays among today's; it only turns red.
  return {
    overdue: due.filter((entry) => entry.day < day).map((entry) => entry.task),
    today: due.filter((entry) => entry.day === day).map((entry) => entry.task),
  };
}

export interface Day {
  date: string;
  tasks: Task[];
}

/** Every day of the near future, empty or not, then only days that have tasks. */
export function upcomingDays(tasks: Tasks, zone: string, now: number, near: number, kept = NONE): Day[] {
  const today = todayIn(zone, now);
  const days = new Map<string, Task[]>();
  for (let ahead = 0; ahead < near; ahead++) days.set(addDays(today, ahead), []);
  for (const { task, day } of dated(tasks, zone, kept)) {
    if (day < today) continue;
    const list = days.get(day);
    if (list) list.push(task);
    else days.set(day, [task]);
  }
  return [...days].map(([date, list]) => ({ date, tasks: list })).sort((a, b) => (a.date < b.date ? -1 : 1));
}

export const projectTasks = (tasks: Tasks, project: string, kept = NONE): Task[] =>
  [...tasks.values()].filter((task) => task.project_id === project && shown(task, kept)).sort(byRank);

export function openCounts(tasks: Tasks): Map<string, number> {
  const counts = new Map<string, number>();
  for (const task of tasks.values())
    if (task.status === 'open') counts.set(task.project_id, (counts.get(task.project_id) ?? 0) + 1);
  return counts;
}

/** Newest first. */
export const finishedTasks = (tasks: Tasks, project: string | null = null): Task[] =>
  [...tasks.values()]
    .filter((task) => task.status !== 'open' && (project === null || task.project_id === project))
    .sort((a, b) => ((a.completed_at ?? '') < (b.completed_at ?? '') ? 1 : -1));

/** Without accents and capitals. */
export const folded = (text: string): string => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();

/** By title and tag; every word must be in it. Open tasks first, then those that begin with it. */
export function searchTasks(tasks: Tasks, query: string, limit: number): Task[] {
  const words = folded(query).split(/\s+/).filter(Boolean);
  if (words.length === 0) return [];
  const score = (task: Task) =>
    (task.status === 'open' ? 0 : 2) + (folded(task.title).startsWith(words[0] ?? '') ? 0 : 1);
  return [...tasks.values()]
    .filter((task) => {
      const text = folded(`${task.title} ${task.tags.map((tag) => `#${tag} @${tag}`).join(' ')}`);
      return words.every((word) => text.includes(word));
    })
    .sort((a, b) => score(a) - score(b) || (a.updated_at < b.updated_at ? 1 : -1))
    .slice(0, limit);
}
