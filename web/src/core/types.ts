/** The wire's shapes, as openapi.json has them. Instants are RFC 3339 text, `due` is local text. */

export type Priority = 'none' | 'low' | 'medium' | 'high';
export type Status = 'open' | 'completed' | 'skipped';

export interface Repeat {
  rrule: string;
  from: 'due' | 'completion';
  /** Occurrences that are left out: by key, or by local date or date-time. */
  exdates?: string[];
  /** Occurrences besides the rule's. */
  rdates?: string[];
  /** Occurrences that are due at another time: key and due. */
  moved?: Record<string, string>;
}

/**
 * Exactly one of `before` (ISO 8601 duration before the due, or the start) and `at` (instant). `again`, a duration, says
 * that it rings again until it is acknowledged, `times` how often at most. `id` is missing until the server gives one.
 */
export interface Reminder {
  id?: string;
  before?: string;
  of?: 'due' | 'start';
  at?: string;
  again?: string;
  times?: number;
}

/** One occurrence of a series. `occurrence` names it for ever, wherever its due was moved to. */
export interface Occurrence {
  occurrence: string;
  number: number;
  due: string;
  due_at: string;
  state: 'completed' | 'skipped' | 'open' | 'planned';
  /** Once there is one. */
  task_id: string | null;
  completed_at: string | null;
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
  /** When it can be begun: local text, as `due`. */
  start: string | null;
  due: string | null;
  timezone: string | null;
  due_at: string | null;
  repeat: Repeat | null;
  reminders: Reminder[];
  /** What later occurrences have another value of, because it was changed for this one alone. */
  later: Later | null;
  series_id: string | null;
  /** The first occurrence under the present rule. */
  series_start: string | null;
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

export type Later = Partial<Pick<Task, 'title' | 'notes' | 'project_id' | 'priority' | 'tags' | 'reminders'>>;

/** What a person may change of a task. */
export type TaskFields = Pick<
  Task,
  | 'title'
  | 'notes'
  | 'project_id'
  | 'priority'
  | 'tags'
  | 'start'
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
  /** What a new task in it is reminded by where it says nothing: each with `before`. */
  reminders: Reminder[];
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

/** What a digest told, as it was then. */
export interface Digest {
  overdue: number;
  due: number;
  /** The first of them, by due. */
  tasks: { id: string; title: string; priority: Priority; due: string; timezone: string | null }[];
}

/** What fired: a reminder of a task, or a digest, which is of none. */
export interface Notification {
  id: string;
  kind?: 'definition' | 'snooze' | 'digest';
  task_id: string | null;
  title: string | null;
  due: string | null;
  timezone: string | null;
  due_at: string | null;
  occurrence: string | null;
  due_for: string;
  fired_at: string;
  read_at: string | null;
  task_status: Status | null;
  digest?: Digest | null;
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
  /** When the day's list is sent: `HH:MM`, or null. Missing where the server sends none. */
  digest?: string | null;
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
  /** 0, or how often it had rung before without being acknowledged. */
  repetition: number;
  /** How often it rings again at most. */
  again_left: number;
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
