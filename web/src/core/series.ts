/** What a change means for a series and for what hangs on a task's dates: the server's rules, for what is seen at once. */

import { addDays, dateOf, daysBetween, hasTime, timeOf } from '../time/zone';
import type { Later, Reminder, Repeat, Task, TaskFields } from './types';

/** The fields that are changed for one occurrence alone, unless all later ones are asked for. */
const OF_ONE = ['title', 'due'] as const;
export type OfOne = (typeof OF_ONE)[number];

/** Those of a change that later occurrences won't have. */
export const ofThisAlone = (task: Task, fields: Partial<TaskFields>): OfOne[] =>
  task.repeat && task.status === 'open' && !('repeat' in fields)
    ? OF_ONE.filter(
        (name) =>
          name in fields && fields[name] !== task[name] && fields[name] !== laterFields(task, [name])[name],
      )
    : [];

/** Those that this occurrence has otherwise than later ones. */
export const ownOf = (task: Task): OfOne[] =>
  task.repeat && task.status === 'open'
    ? OF_ONE.filter((name) => task[name] !== laterFields(task, [name])[name])
    : [];

/** Where the rule has an occurrence. Of an hourly rule only the instant is known. */
export const nominalOf = (key: string): string | null => (key.endsWith('Z') ? null : key);

/** The values that later occurrences have. */
export function laterFields(task: Task, names: readonly OfOne[]): Partial<TaskFields> {
  const later: Partial<TaskFields> = {};
  if (names.includes('title')) later.title = task.later?.title ?? task.title;
  if (names.includes('due')) later.due = (task.occurrence && nominalOf(task.occurrence)) ?? task.due;
  return later;
}

/** What later occurrences keep when this one's fields change. */
export function laterAfter(task: Task, fields: Partial<TaskFields>, all: boolean): Later | null {
  if (!task.repeat || fields.title === undefined) return task.later;
  const { title, ...rest } = task.later ?? {};
  const kept = all ? undefined : (title ?? task.title);
  const later = kept === undefined || kept === fields.title ? rest : { ...rest, title: kept };
  return Object.keys(later).length > 0 ? later : null;
}

/** With seconds only where there are some. */
const short = (local: string): string => local.replace(/(T\d\d:\d\d):00$/, '$1');

export function isLeftOut(repeat: Repeat | null, key: string): boolean {
  const out = new Set(repeat?.exdates?.map(short));
  return out.has(key) || out.has(dateOf(key));
}

/** How many dates of a series are not as its rule has them. */
export const exceptionsOf = ({ exdates = [], rdates = [], moved = {} }: Repeat): number =>
  exdates.length + rdates.length + Object.keys(moved).length;

/** A rule with one more exception, or one less: left out or not, moved to a due or back (`null`). */
export function withException(
  repeat: Repeat,
  key: string,
  change: { skipped?: boolean; due?: string | null },
): Repeat {
  const { exdates = [], moved = {}, ...rule } = repeat;
  const others = exdates.filter((text) => short(text) !== key && text !== dateOf(key));
  const { [key]: _, ...rest } = moved;
  const due = change.due === undefined ? moved[key] : (change.due ?? undefined);
  const out = change.skipped === undefined ? exdates : change.skipped ? [...exdates, key].sort() : others;
  const to = due === undefined || due === key ? rest : { ...rest, [key]: due };
  return {
    ...rule,
    ...(out.length > 0 ? { exdates: out } : {}),
    ...(Object.keys(to).length > 0 ? { moved: to } : {}),
  };
}

interface Dates {
  due?: string | null;
  start?: string | null;
  repeat?: Repeat | null;
}

/** Those of a project's reminders that a new task has a due or a start for. */
export const fitting = (reminders: readonly Reminder[], task: Dates): Reminder[] =>
  reminders.filter((reminder) =>
    reminder.of === 'start' ? Boolean(task.start) : Boolean(reminder.before && (task.due || task.repeat)),
  );

/** Not later than the due; on its day where that is a date. */
export const startFits = (start: string, due: string): boolean =>
  start <= due || (!hasTime(due) && dateOf(start) === due);

/** As far before `to` as a start is before its due. */
export function startFor(start: string, due: string, to: string): string {
  if (hasTime(start) && hasTime(due) && hasTime(to)) {
    const utc = (local: string) => Date.parse(`${local}Z`);
    return new Date(utc(to) - utc(due) + utc(start)).toISOString().slice(0, 16);
  }
  const date = addDays(dateOf(to), daysBetween(dateOf(due), dateOf(start)));
  return hasTime(start) ? `${date}T${timeOf(start)}` : date;
}

/**
 * A change together with what has to change along: a start that would be later than the due, and reminders before a due
 * or a start that goes.
 */
export function wholeChange<Fields extends Partial<TaskFields>>(
  task: Pick<Task, 'start' | 'due' | 'reminders'>,
  fields: Fields,
): Fields {
  const whole = { ...fields };
  const due = fields.due === undefined ? task.due : fields.due;
  let start = fields.start === undefined ? task.start : fields.start;
  if (fields.due && start && !startFits(start, fields.due)) {
    start = task.due && fields.start === undefined ? startFor(start, task.due, fields.due) : fields.due;
    whole.start = startFits(start, fields.due) ? start : fields.due;
  }
  const goes = (reminder: Reminder) =>
    reminder.before !== undefined && (reminder.of === 'start' ? start === null : due === null);
  const reminders = fields.reminders ?? task.reminders;
  if ((fields.due === null || fields.start === null) && reminders.some(goes))
    whole.reminders = reminders.filter((reminder) => !goes(reminder));
  return whole;
}
