/** What a person can do, each with its way back. */

import type { Op } from '../core/ops';
import { patchOf } from '../core/patch';
import { ranksFor } from '../core/rank';
import { laterFields, type OfOne, ofThisAlone, wholeChange } from '../core/series';
import type { Store } from '../core/store';
import type { Notification, Project, Reminder, Settings, Task, TaskFields } from '../core/types';
import { t } from '../i18n';
import { formatDuration } from '../time/duration';
import { dueLabel, momentLabel } from '../time/format';
import { hasTime, timeOf, todayIn } from '../time/zone';
import { toast } from '../ui/toasts';
import { linger, stopLingering } from './state';

export type NewTask = Partial<TaskFields> & { title: string };

export type ProjectFields = Pick<Project, 'name' | 'reminders'>;

type Change = Omit<Op, 'id' | 'seq' | 'at' | 'tab'>;

const pick = (task: Task, keys: string[]): Record<string, unknown> =>
  Object.fromEntries(keys.map((key) => [key, (task as unknown as Record<string, unknown>)[key]]));

/** The message about a task's completion, which the server's answer adds to. */
export const doneKey = (task: string): string => `done:${task}`;

/** What a conflict over a deletion is about. */
const CONTENT = ['title', 'notes', 'start', 'due', 'repeat', 'priority', 'project_id', 'tags', 'reminders'];

interface Patched {
  op: Op;
  undo: () => void;
  /** How many reminders went with the date that they counted from. */
  dropped: number;
}

let names = 0;
const newId = (): string => `new-${Date.now().toString(36)}-${names++}`;

export class Actions {
  private readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  private change(change: Change): Op | null {
    const op = this.store.change(change);
    if (!op) toast(t('queue.full'), { tone: 'error' });
    return op;
  }

  private today(): string {
    return todayIn(this.store.view.settings?.timezone ?? 'UTC', Date.now());
  }

  /** Takes it back: unsent, as if it had never been; else by its opposite. */
  private undo(op: Op, opposite: () => void): () => void {
    return () => {
      if (!this.store.outbox.cancel(op.id)) opposite();
    };
  }

  add(fields: NewTask): string | null {
    const { title, ...rest } = fields;
    const body = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
    const project_id = fields.project_id ?? this.store.user.inbox_id;
    const op = this.change({ kind: 'task.create', target: newId(), body: { ...body, title, project_id } });
    return op?.target ?? null;
  }

  /** A change of these fields, and of what has to change along. */
  private patch(task: Task, fields: Partial<TaskFields>, apply?: 'later'): Patched | null {
    const whole = wholeChange(task, fields);
    const keys = Object.keys(whole);
    const was = pick(task, keys);
    const ordering = keys.length === 1 && keys[0] === 'rank';
    const op = this.change({
      kind: 'task.update',
      target: task.id,
      body: { ...whole, ...(apply ? { apply } : {}) },
      was,
      version: ordering ? undefined : task.version,
    });
    const undo = () => this.putBack(task.id, was as Partial<TaskFields>);
    const dropped = fields.reminders ? 0 : task.reminders.length - (whole.reminders ?? task.reminders).length;
    return op && { op, undo, dropped };
  }

  private present(id: string): Task | undefined {
    return this.store.view.tasks.get(this.store.outbox.nameOf(id));
  }

  private putBack(id: string, was: Partial<TaskFields>): void {
    const now = this.present(id);
    if (!now) return;
    // The server merges a rule into the present one: what came meanwhile is to go.
    const repeat = was.repeat && { repeat: patchOf(now.repeat, was.repeat) as TaskFields['repeat'] };
    this.patch(now, { ...was, ...repeat });
  }

  update(task: Task, fields: Partial<TaskFields>, said?: string): void {
    const alone = ofThisAlone(task, fields);
    const before = laterFields(task, alone);
    const done = this.patch(task, fields);
    if (!done) return;
    const { op, undo, dropped } = done;
    if (alone.length > 0 && op.kind === 'task.update')
      toast(said ?? t('later.this'), {
        key: `later:${task.id}:${alone.join()}`,
        detail: said && t('later.this'),
        actions: [{ label: t('later.all'), run: () => this.applyToLater(task, op, before) }],
        undo,
      });
    else if (said || dropped > 0)
      toast(said ?? t('said.remindersGone', { n: dropped }), {
        detail: said && dropped > 0 ? t('said.remindersGone', { n: dropped }) : undefined,
        undo,
      });
  }

  /** What was changed for one occurrence, for all later ones, too. `before` is what they had. */
  private applyToLater(task: Task, op: Op, before: Partial<TaskFields>): void {
    const fields = Object.fromEntries(
      Object.keys(before).map((name) => [name, op.body?.[name]]),
    ) as Partial<TaskFields>;
    if (!this.store.outbox.applyToLater(op.id)) {
      const now = this.present(task.id);
      if (!now || !this.patch(now, fields, 'later')) return;
    }
    this.saidForLater(task.id, before, op.was as Partial<TaskFields>);
  }

  /** What this occurrence alone has, for all later ones, too. */
  forLater(task: Task, name: OfOne): void {
    const own: Partial<TaskFields> = { [name]: task[name] };
    if (this.patch(task, own, 'later')) this.saidForLater(task.id, laterFields(task, [name]), own);
  }

  /** The way back: later ones have what they had, and this one what it was, which may have been another already. */
  private saidForLater(id: string, before: Partial<TaskFields>, was: Partial<TaskFields>): void {
    toast(t('later.done'), {
      key: `later:${id}:${Object.keys(before).join()}`,
      undo: () => {
        const now = this.present(id);
        if (!now) return;
        this.patch(now, before, 'later');
        const own = Object.entries(was).filter(([name, value]) => before[name as OfOne] !== value);
        if (own.length > 0) this.putBack(id, Object.fromEntries(own));
      },
    });
  }

  /** Leaves one of a series out, or takes it in again. */
  leaveOut(task: Task, key: string, skipped: boolean, name: string): void {
    const op = this.occurrence(task, key, { skipped });
    if (op)
      toast(t(skipped ? 'occurrence.saidSkipped' : 'occurrence.saidRestored', { date: name }), {
        undo: this.undo(op, () => this.occurrence(task, key, { skipped: !skipped })),
      });
  }

  /** Moves one of a series to another due, or back to where the rule has it (`null`), which is said by `name`. */
  moveOccurrence(task: Task, key: string, due: string | null, name: string): void {
    const was = this.present(task.id)?.repeat?.moved?.[key] ?? null;
    const op = this.occurrence(task, key, { due });
    if (op)
      toast(t('occurrence.saidMoved', { date: name }), {
        undo: this.undo(op, () => this.occurrence(task, key, { due: was })),
      });
  }

  private occurrence(
    task: Task,
    key: string,
    body: { skipped: boolean } | { due: string | null },
  ): Op | null {
    const target = this.store.outbox.nameOf(task.id);
    return this.change({ kind: 'task.occurrence', target, occurrence: key, body });
  }

  complete(task: Task): void {
    linger(task.id);
    const op = this.change({ kind: 'task.complete', target: task.id });
    if (!op) return;
    this.readAbout(task);
    toast(t('said.completed', { title: task.title }), {
      key: doneKey(task.id),
      undo: this.undo(op, () => this.reopen(task)),
    });
  }

  skip(task: Task): void {
    linger(task.id);
    const op = this.change({ kind: 'task.skip', target: task.id });
    if (!op) return;
    this.readAbout(task);
    toast(t('said.skipped', { title: task.title }), {
      key: doneKey(task.id),
      undo: this.undo(op, () => this.reopen(task)),
    });
  }

  reopen(task: Task): void {
    stopLingering(task.id);
    this.change({ kind: 'task.reopen', target: this.store.outbox.nameOf(task.id) });
  }

  toggle(task: Task): void {
    if (task.status === 'open') this.complete(task);
    else this.reopen(task);
  }

  remove(task: Task): void {
    const op = this.change({
      kind: 'task.delete',
      target: task.id,
      version: task.version,
      was: pick(task, CONTENT),
    });
    if (!op) return;
    const restore = () =>
      this.change({ kind: 'task.restore', target: this.store.outbox.nameOf(task.id), row: task });
    toast(t(task.repeat ? 'said.deletedSeries' : 'said.deleted', { title: task.title }), {
      undo: this.undo(op, restore),
    });
  }

  /** Another day, at the same time. */
  reschedule(task: Task, date: string | null): void {
    const due = date && task.due && hasTime(task.due) ? `${date}T${timeOf(task.due)}` : date;
    const said = due ? t('said.moved', { date: dueLabel(due, this.today()) }) : t('said.dateRemoved');
    this.update(task, { due }, said);
  }

  /** Several at once, with one way back. */
  rescheduleAll(tasks: readonly Task[], date: string): void {
    const was = tasks.map(({ id, due, start }) => ({ id, due, start }));
    for (const task of tasks)
      this.patch(task, { due: task.due && hasTime(task.due) ? `${date}T${timeOf(task.due)}` : date });
    toast(t('said.movedAll', { n: tasks.length, date: dueLabel(date, this.today()) }), {
      undo: () => {
        for (const { id, due, start } of was) this.putBack(id, start ? { due, start } : { due });
      },
    });
  }

  move(task: Task, project: Project): void {
    this.update(task, { project_id: project.id }, t('said.movedTo', { name: this.projectName(project) }));
  }

  projectName(project: Project): string {
    return project.kind === 'inbox' ? t('nav.inbox') : project.name;
  }

  /** At this place of the list it is in. Those before it that have no rank yet are given one. */
  place(task: Task, list: readonly Task[], at: number): void {
    for (const { id, rank } of ranksFor(list, task, at)) {
      const row = list.find((other) => other.id === id);
      if (row) this.update(row, { rank });
    }
  }

  setReminders(task: Task, reminders: Reminder[]): void {
    this.update(task, { reminders });
  }

  addProject(fields: ProjectFields): string | null {
    return this.change({ kind: 'project.create', target: newId(), body: { ...fields } })?.target ?? null;
  }

  changeProject(project: Project, fields: Partial<ProjectFields>): void {
    this.change({ kind: 'project.update', target: project.id, body: fields });
  }

  archiveProject(project: Project): void {
    const op = this.change({ kind: 'project.archive', target: project.id });
    if (op)
      toast(t('said.archived', { name: project.name }), {
        undo: this.undo(op, () => this.restoreProject(project)),
      });
  }

  restoreProject(project: Project): void {
    this.change({ kind: 'project.restore', target: project.id });
  }

  read(notification: Notification): void {
    if (!notification.read_at) this.change({ kind: 'notification.read', target: notification.id });
  }

  /** What has rung about a task needs no more reading once the task is done. */
  private readAbout(task: Task): void {
    for (const row of this.store.view.notifications.values()) if (row.task_id === task.id) this.read(row);
  }

  /** It is read, with all that the reminder rang before, and rings no more. */
  acknowledge(id: string): void {
    this.change({ kind: 'notification.acknowledge', target: id });
  }

  readAll(): void {
    this.change({ kind: 'notification.readAll', target: 'all' });
  }

  snooze(notification: Notification, until: { for: string } | { until: string }, said: string): void {
    const op = this.change({ kind: 'notification.snooze', target: notification.id, body: until });
    if (op) toast(t('said.snoozed', { until: said }));
  }

  snoozeFor(notification: Notification, minutes: number): void {
    const zone = this.store.view.settings?.timezone ?? 'UTC';
    const now = Date.now();
    const until = momentLabel(new Date(now + minutes * 60_000).toISOString(), zone, now);
    this.snooze(notification, { for: formatDuration({ days: 0, minutes }) }, until);
  }

  settings(fields: Partial<Settings>): void {
    this.change({ kind: 'settings.update', target: 'settings', body: fields as Record<string, unknown> });
  }
}

const cache = new WeakMap<Store, Actions>();

export function actionsOf(store: Store): Actions {
  let actions = cache.get(store);
  if (!actions) {
    actions = new Actions(store);
    cache.set(store, actions);
  }
  return actions;
}
