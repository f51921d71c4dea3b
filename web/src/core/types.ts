/** The wire's shapes, as openapi.json has them. Instants are RFC 3339 text, `due` is local text. */

export type Priority = 'none' | 'low' | 'medium' | 'high';
export type Status = 'open' | 'completed' | 'skipped';

export interface Repeat {
  rrule: string;
  from: 'due' | 'completion';
}

/** Exactly one of `before` (ISO 8601 duration) and `at` (instant). `id` is missing until the server gives one. */
export interface Reminder {
  id?: string;
  before?: string;
  at?: string;
}

export interface NextOccurrence {
  occurrence: string;
  due: string;
  number: number;
  passed_over: number;
}

export interface Task {
  id: string;
  title: string;
  notes: string;
  project_id: string;
  priority: Priority;
  tags: string[];
  status: Status;
  due: string | null;
  timezone: string | null;
  due_at: string | null;
  repeat: Repeat | null;
  reminders: Reminder[];
  series_id: string | null;
  occurrence: string | null;
  number: number | null;
  missed: number;
  next: NextOccurrence | null;
  completed_at: string | null;
  created_at: string;
  updated_at: string;
  deleted_at: string | null;
  /** A place in the order by hand; empty comes last. */
  rank: string;
  version: number;
  skipped_reminders?: string[];
}

/** What a person may change of a task. */
export type TaskFields = Pick<
  Task,
  | 'title'
  | 'notes'
  | 'project_id'
  | 'priority'
  | 'tags'
  | 'due'
  | 'timezone'
  | 'repeat'
  | 'reminders'
  | 'rank'
>;

export interface Project {
  id: string;
  name: string;
  kind: 'inbox' | 'project';
  archived_at: string | null;
  created_at: string;
  updated_at: string;
  version: number;
}

/** What was done, day by day. */
export interface Activity {
  days: { date: string; completed: number; with_due: number; on_time: number }[];
  streak: { current: number; longest: number };
  on_time_rate: number | null;
  timezone: string;
}

export interface Notification {
  id: string;
  task_id: string;
  title: string;
  due: string | null;
  timezone?: string | null;
  occurrence: string | null;
  due_for: string;
  fired_at: string;
  read_at: string | null;
  task_status: Status;
}

export type ChannelKind = 'in-app' | 'webhook' | 'email' | 'ntfy' | 'push';

export interface Channel {
  id: string;
  kind: ChannelKind;
  target: string;
  name?: string | null;
  state?: string | null;
  created_at: string;
  secret?: string;
}

export interface Settings {
  timezone: string;
  morning: string;
  quiet_from?: string | null;
  quiet_until?: string | null;
  language?: string | null;
  channels: Channel[];
  updated_at: string;
  version: number;
}

export interface Delivery {
  id: string;
  channel: ChannelKind;
  target: string;
  state: 'pending' | 'sent' | 'failed' | string;
  tries: { at: string; outcome: string; ms: number }[];
  next_try: string | null;
  sent_at: string | null;
}

export interface Receipt {
  id: string;
  task_id: string;
  kind: 'definition' | 'snooze';
  definition_id: string;
  occurrence: string | null;
  state: 'planned' | 'fired' | 'cancelled' | 'skipped';
  planned_at: string;
  due_for: string;
  fired_at: string | null;
  lateness_ms: number | null;
  read_at: string | null;
  deliveries: Delivery[];
  version: number;
}

export interface Change {
  id: string;
  kind: 'created' | 'updated' | 'completed' | 'skipped' | 'reopened' | 'deleted' | 'restored';
  version: number;
  actor: string;
  via: string;
  at: string;
  fields: Record<string, { before: unknown; after: unknown }>;
}

export interface User {
  id: string;
  email: string;
  role: 'admin' | 'member';
  inbox_id: string;
}

export interface Session {
  user: User;
  access_token: string;
  expires_in: number;
}

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface ApiToken {
  id: string;
  name: string;
  scopes: ('read' | 'write')[];
  created_at: string;
  expires_at: string | null;
  token?: string;
}

export interface SessionInfo {
  id: string;
  client: string;
  created_at: string;
  used_at: string;
  current: boolean;
}

export interface LiveEvent {
  id: string;
  type: string;
  subject: string;
  time: string;
  data: { version: number; actor: string; via: string; changed: Record<string, unknown> | null };
}
