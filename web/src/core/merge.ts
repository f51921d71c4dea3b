/** Live events become rows. Pure: what can't be known from the event alone is named in `fetch`. */

import type { Delta } from './db';
import type { LiveEvent, Notification, Project, Settings, Task } from './types';

export interface Rows {
  tasks: ReadonlyMap<string, Task>;
  projects: ReadonlyMap<string, Project>;
  notifications: ReadonlyMap<string, Notification>;
  settings: Settings | null;
}

export interface Merged extends Delta {
  fetch: { store: 'tasks' | 'projects' | 'notifications' | 'settings'; id: string }[];
  /** The reminder that rang just now. */
  rang?: string;
  /** The reminder that was read just now. */
  read?: string;
}

const NEW_TASK: Omit<Task, 'id' | 'created_at' | 'updated_at' | 'version'> = {
  title: '',
  notes: '',
  project_id: '',
  priority: 'none',
  tags: [],
  status: 'open',
  start: null,
  due: null,
  timezone: null,
  due_at: null,
  repeat: null,
  reminders: [],
  later: null,
  series_id: null,
  series_start: null,
  occurrence: null,
  number: null,
  missed: 0,
  next: null,
  completed_at: null,
  deleted_at: null,
  rank: '',
};

function mergeTask(rows: Rows, event: LiveEvent): Merged {
  const { version, changed } = event.data;
  const row = rows.tasks.get(event.subject);
  if (row && row.version >= version) return { fetch: [] };
  const fetch: Merged['fetch'] = [{ store: 'tasks', id: event.subject }];
  if (event.type === 'punctual.task.deleted.v1')
    return { removed: [{ store: 'tasks', id: event.subject }], fetch: [] };
  const known = changed && !('ref' in changed);
  if (!row) {
    if (!known || version !== 1) return { fetch };
    const task = { ...NEW_TASK, ...changed, id: event.subject, version } as Task;
    return { tasks: [{ ...task, created_at: event.time, updated_at: event.time }], fetch: [] };
  }
  if (!known || row.version + 1 !== version) return { fetch };
  const task: Task = { ...row, ...changed, updated_at: event.time, version };
  // An occurrence that is another one now has missed nothing yet, as far as an event tells.
  if ('occurrence' in changed || 'due' in changed) task.missed = 0;
  return { tasks: [task], fetch: [] };
}

function mergeProject(rows: Rows, event: LiveEvent): Merged {
  const { version, changed } = event.data;
  const row = rows.projects.get(event.subject);
  if (row && row.version >= version) return { fetch: [] };
  if (event.type === 'punctual.project.deleted.v1')
    return { removed: [{ store: 'projects', id: event.subject }], fetch: [] };
  const fetch: Merged['fetch'] = [{ store: 'projects', id: event.subject }];
  if (!changed || 'ref' in changed || (row ? row.version + 1 : 1) !== version) return { fetch };
  const fresh = { name: '', kind: 'project', reminders: [], archived_at: null, created_at: event.time };
  const project = { ...(row ?? fresh), ...changed, id: event.subject, updated_at: event.time, version };
  return { projects: [project as Project], fetch: [] };
}

function mergeReminder(rows: Rows, event: LiveEvent): Merged {
  const row = rows.notifications.get(event.subject);
  if (event.type === 'punctual.reminder.fired.v1')
    return { fetch: row ? [] : [{ store: 'notifications', id: event.subject }], rang: event.subject };
  const at = event.data.changed?.read_at;
  const read = event.type === 'punctual.reminder.read.v1' ? event.subject : undefined;
  if (row && typeof at === 'string' && row.read_at !== at)
    return { notifications: [{ ...row, read_at: at }], fetch: [], read };
  return { fetch: [], read };
}

/** What one event means for the rows as they are. An event that is older than a row changes nothing. */
export function mergeEvent(rows: Rows, event: LiveEvent): Merged {
  const noun = event.type.split('.')[1];
  const merged =
    noun === 'task'
      ? mergeTask(rows, event)
      : noun === 'project'
        ? mergeProject(rows, event)
        : noun === 'reminder'
          ? mergeReminder(rows, event)
          : noun === 'settings'
            ? { fetch: [{ store: 'settings' as const, id: '' }] }
            : { fetch: [] };
  return { ...merged, cursor: event.id };
}

export { NEW_TASK };
