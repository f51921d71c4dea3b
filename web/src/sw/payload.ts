/** What the server pushes, and nothing else: a reminder or a digest that fired, or one that was read elsewhere. */

export interface FiredPush {
  kind: 'fired';
  id: string;
  /** Empty for a digest, which is of no task and has no actions. */
  task_id: string;
  title: string;
  body: string;
  due_for: string;
  /** A path of this app. */
  url: string;
  lang: string;
  actions: { done: string; snooze: string } | null;
}

export interface ClosePush {
  kind: 'close';
  id: string;
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Null for what is none of these; missing texts become empty, a foreign address the task's own. */
export function readPush(content: unknown): FiredPush | ClosePush | null {
  if (typeof content !== 'object' || content === null) return null;
  const push = content as Record<string, unknown>;
  const id = text(push.id);
  if (!id) return null;
  if (push.kind === 'close') return { kind: 'close', id };
  const task = text(push.task_id);
  if (push.kind !== 'fired' || !text(push.title)) return null;
  const labels = (typeof push.actions === 'object' && push.actions) || {};
  const { done, snooze } = labels as Record<string, unknown>;
  const url = text(push.url);
  return {
    kind: 'fired',
    id,
    task_id: task,
    title: text(push.title),
    body: text(push.body),
    due_for: text(push.due_for),
    url: /^\/(?![/\\])/.test(url) ? url : task ? `/task/${encodeURIComponent(task)}` : '/today',
    lang: text(push.lang) || 'en',
    actions: task ? { done: text(done) || 'Done', snooze: text(snooze) || 'Snooze 10 min' } : null,
  };
}
