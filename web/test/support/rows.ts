import { NEW_TASK } from '../../src/core/merge';
import type { View } from '../../src/core/ops';
import type { LiveEvent, Notification, Project, Task } from '../../src/core/types';

export const task = (id: string, fields: Partial<Task> = {}): Task => ({
  ...NEW_TASK,
  id,
  title: id,
  project_id: 'inbox',
  created_at: '2026-11-01T00:00:00Z',
  updated_at: '2026-11-01T00:00:00Z',
  version: 1,
  ...fields,
});

export const project = (id: string, fields: Partial<Project> = {}): Project => ({
  id,
  name: id,
  kind: 'project',
  reminders: [],
  archived_at: null,
  created_at: '2026-11-01T00:00:00Z',
  updated_at: '2026-11-01T00:00:00Z',
  version: 1,
  ...fields,
});

export const notification = (id: string, fields: Partial<Notification> = {}): Notification => ({
  id,
  task_id: 'a',
  title: 'a',
  due: null,
  timezone: null,
  due_at: null,
  occurrence: null,
  due_for: '2026-11-24T08:00:00Z',
  fired_at: '2026-11-24T08:00:00Z',
  read_at: null,
  task_status: 'open',
  ...fields,
});

export const view = (
  rows: { tasks?: Task[]; projects?: Project[]; notifications?: Notification[] } = {},
): View => ({
  tasks: new Map((rows.tasks ?? []).map((row) => [row.id, row])),
  projects: new Map((rows.projects ?? []).map((row) => [row.id, row])),
  notifications: new Map((rows.notifications ?? []).map((row) => [row.id, row])),
  settings: null,
});

export const event = (
  type: string,
  subject: string,
  version: number,
  changed: Record<string, unknown> | null,
  id = '10',
): LiveEvent => ({
  id,
  type: `punctual.${type}.v1`,
  subject,
  time: '2026-11-24T09:00:00Z',
  data: { version, actor: 'me', via: 'web', changed },
});
