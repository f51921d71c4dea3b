/** What a person can do, each with its way back. */

import type { Op } from '../core/ops';
import { ranksFor } from '../core/rank';
import type { Store } from '../core/store';
import type { Notification, Project, Reminder, Settings, Task, TaskFields } from '../core/types';
import { t } from '../i18n';
import { formatDuration } from '../time/duration';
import { dueLabel, momentLabel } from '../time/format';
import { hasTime, timeOf, todayIn } from '../time/zone';
import { toast } from '../ui/toasts';
import { linger, stopLingering } from './state';

export type NewTask = Partial<TaskFields> & { title: string };

type Change = Omit<Op, 'id' | 'seq' | 'at' | 'tab'>;

const pick = (task: Task, keys: string[]): Record<string, unknown> =>
  Object.fromEntries(keys.map((key) => [key, (task as unknown as Record<string, unknown>)[key]]));

/** The message about a task's completion, which the server's answer adds to. */
export const doneKey = (task: string): string => `done:${task}`;

/** What a conflict over a deletion is about. */
const CONTENT = ['title', 'notes', 'due', 'repeat', 'priority', 'project_id', 'tags', 'reminders'];

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

  update(task: Task, fields: Partial<TaskFields>, said?: string): void {
    const keys = Object.keys(fields);
    const was = pick(task, keys);
    const ordering = keys.length === 1 && keys[0] === 'rank';
    const op = this.change({
      kind: 'task.update',
      target: task.id,
      body: fields as Record<string, unknown>,
      was,
      version: ordering ? undefined : task.version,
    });
    if (!op || !said) return;
    toast(said, {
      undo: () => {
        const now = this.store.view.tasks.get(this.store.outbox.nameOf(task.id));
        if (now) this.update(now, was as Partial<TaskFields>);
      },
    });
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
    const was = tasks.map((task) => ({ id: task.id, due: task.due }));
    for (const task of tasks)
      this.update(task, { due: task.due && hasTime(task.due) ? `${date}T${timeOf(task.due)}` : date });
    toast(t('said.movedAll', { n: tasks.length, date: dueLabel(date, this.today()) }), {
      undo: () => {
        for (const { id, due } of was) {
          const now = this.store.view.tasks.get(this.store.outbox.nameOf(id));
          if (now) this.update(now, { due });
        }
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

  addProject(name: string): string | null {
    return this.change({ kind: 'project.create', target: newId(), body: { name } })?.target ?? null;
  }

  renameProject(project: Project, name: string): void {
    this.change({ kind: 'project.update', target: project.id, body: { name } });
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
