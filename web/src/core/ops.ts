/** A change that the person made here, and what it does to the rows until the server's answer takes its place. */

import { NEW_TASK } from './merge';
import { merged } from './patch';
import { fitting, laterAfter, withException } from './series';
import type { Notification, Project, Repeat, Settings, Task, TaskFields } from './types';

export type OpKind =
  | 'task.create'
  | 'task.update'
  | 'task.occurrence'
  | 'task.complete'
  | 'task.skip'
  | 'task.reopen'
  | 'task.delete'
  | 'task.restore'
  | 'project.create'
  | 'project.update'
  | 'project.archive'
  | 'project.restore'
  | 'notification.read'
  | 'notification.readAll'
  | 'notification.acknowledge'
  | 'notification.snooze'
  | 'settings.update';

export interface Op {
  /** The Idempotency-Key. */
  id: string;
  seq: number;
  at: string;
  /** The tab that sends it. */
  tab: string;
  kind: OpKind;
  /** The row; `new-…` until the server has given it an id. */
  target: string;
  /** Which one of the series, where the change is about a single occurrence. */
  occurrence?: string;
  /** The body that is sent; ids in it may be `new-…`, too. */
  body?: Record<string, unknown>;
  /** What the row was when the person changed it: the version for If-Match, the fields for an honest conflict. */
  version?: number;
  was?: Record<string, unknown>;
  /** The row itself where it may be gone from view by then (restore). */
  row?: Task;
  /** The server refused to overwrite, and the person has to choose. */
  conflict?: { theirs: Task; fields: string[] };
}

export interface View {
  tasks: ReadonlyMap<string, Task>;
  projects: ReadonlyMap<string, Project>;
  notifications: ReadonlyMap<string, Notification>;
  settings: Settings | null;
}

export const isNew = (id: string): boolean => id.startsWith('new-');

/** A task with the fields of a PATCH. */
function updated(task: Task, op: Op): Task {
  const { apply, ...fields } = op.body as Partial<TaskFields> & { apply?: 'later' };
  const all = apply === 'later';
  const next: Task = { ...task, ...fields, later: laterAfter(task, fields, all), updated_at: op.at };
  if (fields.repeat) next.repeat = merged(task.repeat, fields.repeat) as Repeat;
  if (all && fields.due && task.repeat && fields.repeat === undefined)
    return { ...next, series_start: fields.due, occurrence: fields.due };
  return next;
}

function applyTask(tasks: Map<string, Task>, projects: View['projects'], op: Op): void {
  if (op.kind === 'task.create') {
    const fields = op.body as Partial<TaskFields>;
    const defaults = projects.get(fields.project_id ?? '')?.reminders ?? [];
    tasks.set(op.target, {
      ...NEW_TASK,
      reminders: fitting(defaults, fields),
      ...fields,
      id: op.target,
      created_at: op.at,
      updated_at: op.at,
      version: 0,
    });
    return;
  }
  if (op.kind === 'task.restore' && op.row) {
    tasks.set(op.target, { ...op.row, deleted_at: null });
    return;
  }
  const task = tasks.get(op.target);
  if (!task) return;
  switch (op.kind) {
    case 'task.update':
      tasks.set(op.target, updated(task, op));
      break;
    case 'task.occurrence':
      if (task.repeat && op.occurrence)
        tasks.set(op.target, {
          ...task,
          repeat: withException(task.repeat, op.occurrence, op.body ?? {}),
        });
      break;
    case 'task.complete':
    case 'task.skip':
      tasks.set(op.target, {
        ...task,
        status: op.kind === 'task.skip' ? 'skipped' : 'completed',
        completed_at: op.at,
      });
      break;
    case 'task.reopen':
      tasks.set(op.target, { ...task, status: 'open', completed_at: null, next: null });
      break;
    case 'task.delete':
      tasks.delete(op.target);
      break;
  }
}

function applyProject(projects: Map<string, Project>, op: Op): void {
  if (op.kind === 'project.create') {
    const { name = '', reminders = [] } = op.body as Partial<Project>;
    projects.set(op.target, {
      id: op.target,
      name,
      kind: 'project',
      reminders,
      archived_at: null,
      created_at: op.at,
      updated_at: op.at,
      version: 0,
    });
    return;
  }
  const project = projects.get(op.target);
  if (!project) return;
  if (op.kind === 'project.update') projects.set(op.target, { ...project, ...op.body });
  else projects.set(op.target, { ...project, archived_at: op.kind === 'project.archive' ? op.at : null });
}

/** What rings again has the id of its first ring, and a number behind it. */
export const RING_ID = 36;

/** Whether a change of one notification is about this one, too: those that the reminder rang before are acknowledged with it. */
const isMeant = (op: Op, id: string): boolean =>
  op.kind === 'notification.readAll' ||
  id === op.target ||
  (op.kind === 'notification.acknowledge' &&
    id.slice(0, RING_ID) === op.target.slice(0, RING_ID) &&
    ringOf(id) < ringOf(op.target));

const ringOf = (id: string): number => Number(id.slice(RING_ID + 1));

function applyNotification(notifications: Map<string, Notification>, op: Op): void {
  for (const [id, row] of notifications)
    if (isMeant(op, id) && row.read_at === null && row.fired_at <= op.at)
      notifications.set(id, { ...row, read_at: op.at });
}

/** The rows as the person sees them: the server's, with every unsent change on top. */
export function applyOps(base: View, ops: readonly Op[]): View {
  const touched = new Set(ops.map((op) => op.kind.split('.')[0]));
  const tasks = touched.has('task') ? new Map(base.tasks) : base.tasks;
  const projects = touched.has('project') ? new Map(base.projects) : base.projects;
  const notifications = touched.has('notification') ? new Map(base.notifications) : base.notifications;
  let settings = base.settings;
  for (const op of ops) {
    const noun = op.kind.split('.')[0];
    if (noun === 'task') applyTask(tasks as Map<string, Task>, projects, op);
    else if (noun === 'project') applyProject(projects as Map<string, Project>, op);
    else if (noun === 'notification') applyNotification(notifications as Map<string, Notification>, op);
    else if (settings) settings = { ...settings, ...(op.body as Partial<Settings>) };
  }
  return { tasks, projects, notifications, settings };
}

/** Ids that the server has given by now, put in the place of the ones from here. */
export function renameIn(op: Op, names: ReadonlyMap<string, string>): Op {
  const real = (value: unknown) => (typeof value === 'string' ? (names.get(value) ?? value) : value);
  const body =
    op.body && Object.fromEntries(Object.entries(op.body).map(([key, value]) => [key, real(value)]));
  return { ...op, target: names.get(op.target) ?? op.target, body };
}

const PATHS: Record<OpKind, (id: string, occurrence: string) => [string, string]> = {
  'task.create': () => ['POST', '/api/tasks'],
  'task.update': (id) => ['PATCH', `/api/tasks/${id}`],
  'task.occurrence': (id, key) => ['PATCH', `/api/tasks/${id}/occurrences/${key}`],
  'task.complete': (id) => ['POST', `/api/tasks/${id}/complete`],
  'task.skip': (id) => ['POST', `/api/tasks/${id}/skip`],
  'task.reopen': (id) => ['POST', `/api/tasks/${id}/reopen`],
  'task.delete': (id) => ['DELETE', `/api/tasks/${id}`],
  'task.restore': (id) => ['POST', `/api/tasks/${id}/restore`],
  'project.create': () => ['POST', '/api/projects'],
  'project.update': (id) => ['PATCH', `/api/projects/${id}`],
  'project.archive': (id) => ['POST', `/api/projects/${id}/archive`],
  'project.restore': (id) => ['POST', `/api/projects/${id}/restore`],
  'notification.read': (id) => ['POST', `/api/notifications/${id}/read`],
  'notification.readAll': () => ['POST', '/api/notifications/read'],
  'notification.acknowledge': (id) => ['POST', `/api/reminders/${id}/acknowledge`],
  'notification.snooze': (id) => ['POST', `/api/reminders/${id}/snooze`],
  'settings.update': () => ['PATCH', '/api/settings'],
};

export function requestOf(op: Op): { method: string; path: string } {
  const [method, path] = PATHS[op.kind](
    encodeURIComponent(op.target),
    encodeURIComponent(op.occurrence ?? ''),
  );
  return { method, path };
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

/**
 * After a 412: which of the fields that this change sets were changed by the other side, to something else? None means
 * that both changes fit together, and this one can be sent again for the newer version.
 */
export function clashes(op: Op, theirs: Task): string[] {
  const now = theirs as unknown as Record<string, unknown>;
  if (op.kind === 'task.delete')
    return Object.keys(op.was ?? {}).filter((field) => !same(op.was?.[field], now[field]));
  const { apply: _, ...mine } = op.body ?? {};
  if (mine.repeat) mine.repeat = merged(now.repeat, mine.repeat);
  return Object.keys(mine).filter(
    (field) => !same(op.was?.[field], now[field]) && !same(mine[field], now[field]),
  );
}
