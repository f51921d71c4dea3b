/**
 * The account in this tab: the server's rows (base), unsent changes (outbox), and both together as the person sees
 * them (view). Everything that is drawn reads `view`; everything that changes goes through `change`.
 */

import { api, type Problem, pages } from './api';
import { Database, type Delta, type RowStore } from './db';
import { type LiveState, live } from './live';
import { mergeEvent } from './merge';
import { applyOps, isNew, type Op, type View } from './ops';
import { Outbox } from './outbox';
import type { LiveEvent, Notification, Project, Settings, Task, User } from './types';

/** Finished tasks kept in the browser; older ones are not searched. */
const FINISHED_LIMIT = 2_000;
/** A reminder that rang longer ago is not announced any more: it waits in the notifications. */
const RECENT_MS = 60_000;

export interface Status {
  /** Rows can be shown. */
  loaded: boolean;
  live: LiveState;
  /** The server was not reached lately, by a change or by the stream. */
  away: boolean;
  signedOut: boolean;
}

export type StoreEvent =
  | { type: 'refused'; op: Op; reason: Problem }
  | { type: 'rang'; notification: Notification }
  /** Somewhere a person has read it: what this device shows of it goes, whether or not the row was here as unread. */
  | { type: 'read'; id: string }
  | { type: 'renamed'; from: string; to: string }
  | { type: 'answered'; op: Op; answer: unknown };

const EMPTY: View = { tasks: new Map(), projects: new Map(), notifications: new Map(), settings: null };

const byId = <T extends { id: string }>(rows: T[]): Map<string, T> =>
  new Map(rows.map((row) => [row.id, row]));

export class Store {
  view: View = EMPTY;
  status: Status = { loaded: false, live: 'connecting', away: false, signedOut: false };
  user: User;
  /** Finished tasks have all been loaded. */
  complete = false;
  readonly outbox: Outbox;
  private base: View = EMPTY;
  private cursor: string | null = null;
  private readonly listeners = new Set<() => void>();
  private readonly watchers = new Set<(event: StoreEvent) => void>();
  private readonly stopping = new AbortController();
  private stream: { wake: (anew: boolean) => void } | null = null;
  private writing: Promise<void> = Promise.resolve();
  /** Many events are drawn once. */
  private holding = false;
  private readonly keys = new Map<string, string>();
  private readonly db: Database | null;

  private constructor(db: Database | null, user: User) {
    this.db = db;
    this.user = user;
    this.outbox = new Outbox(db, {
      changed: () => this.draw(),
      answered: (op, answer) => this.answered(op, answer),
      refused: (op, reason) => this.tell({ type: 'refused', op, reason }),
      signedOut: () => this.setStatus({ signedOut: true }),
      reachable: (yes) => this.setStatus({ away: !yes }),
    });
  }

  static async open(user: User): Promise<Store> {
    const db = await Database.open(user.id).catch(() => null);
    const store = new Store(db, user);
    const kept = await db?.read().catch(() => null);
    if (kept && kept.cursor !== null) {
      store.base = {
        tasks: byId(kept.tasks),
        projects: byId(kept.projects),
        notifications: byId(kept.notifications),
        settings: kept.settings,
      };
      store.cursor = kept.cursor;
      store.complete = kept.complete;
      store.status = { ...store.status, loaded: true };
    }
    await store.outbox.start();
    store.draw();
    return store;
  }

  private follow(): void {
    let failures = 0;
    this.stream = live(
      {
        cursor: () => this.cursor,
        ready: async (position) => {
          if (this.cursor !== null) await this.forget();
          await this.load(position);
        },
        events: (events) => this.receive(events),
        state: (state) => {
          if (state === 'away') failures++;
          if (state === 'live') failures = 0;
          // A stream that is there again after one try is no news.
          const away = failures > 1 || (failures > 0 && !navigator.onLine);
          this.setStatus(state === 'connecting' ? { live: state } : { live: state, away });
        },
        lost: () => this.forget(),
        signedOut: () => this.setStatus({ signedOut: true }),
      },
      this.stopping.signal,
    );
  }

  /** Begins to follow the server. */
  connect(): void {
    const stop = this.stopping.signal;
    this.follow();
    if (this.cursor !== null) void this.refreshOverdue();
    if (this.cursor !== null && !this.complete) void this.loadFinished();
    const wake = (event: Event) => {
      if (event.type === 'visibilitychange' && document.visibilityState === 'hidden') return;
      this.stream?.wake(event.type === 'online');
      this.outbox.pump();
      void this.outbox.adopt();
    };
    window.addEventListener('online', wake, { signal: stop });
    window.addEventListener('offline', () => this.setStatus({ away: true }), { signal: stop });
    document.addEventListener('visibilitychange', wake, { signal: stop });
    const hourly = setInterval(() => void this.refreshOverdue(), 3_600_000);
    stop.addEventListener('abort', () => clearInterval(hourly));
  }

  /** What is kept is of a time that the server no longer knows. */
  private async forget(): Promise<void> {
    this.cursor = null;
    this.writing = this.writing.then(() => this.db?.forgetRows()).catch(() => {});
    await this.writing;
  }

  /** After the person has signed in again: the same account goes on where it stopped. */
  resume(): void {
    this.setStatus({ signedOut: false, away: false });
    this.follow();
    this.outbox.pump();
  }

  async close(forget: boolean): Promise<void> {
    this.stopping.abort();
    this.outbox.stop();
    await this.writing.catch(() => {});
    this.db?.close();
    if (forget) await Database.remove(this.user.id).catch(() => {});
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  watch(watcher: (event: StoreEvent) => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  /** Paints at once, sends in the background. Null where too much waits already. */
  change(op: Omit<Op, 'id' | 'seq' | 'at' | 'tab'>): Op | null {
    return this.outbox.add(op);
  }

  /** `missed` grows with the clock, without an event. */
  async refreshOverdue(): Promise<void> {
    const now = encodeURIComponent(new Date().toISOString());
    const tasks = await pages<Task>(`/api/tasks?status=open&due_before=${now}&limit=200`).catch(() => []);
    this.put({ tasks });
  }

  /** A task that is not kept here. False where the server has none of that id. */
  async find(id: string): Promise<boolean> {
    await this.fetchRow({ store: 'tasks', id });
    return this.base.tasks.has(id);
  }

  /** The name of a row in lists, the same before and after the server has given its id. */
  keyOf(id: string): string {
    return this.keys.get(id) ?? id;
  }

  async reloadSettings(): Promise<void> {
    this.put({ settings: await api<Settings>('/api/settings') });
  }

  private tell(event: StoreEvent): void {
    for (const watcher of this.watchers) watcher(event);
  }

  private draw(): void {
    if (this.holding) return;
    this.view = applyOps(this.base, this.outbox.ops);
    for (const listener of this.listeners) listener();
  }

  private setStatus(change: Partial<Status>): void {
    const status = { ...this.status, ...change };
    const keys = Object.keys(change) as (keyof Status)[];
    if (keys.every((key) => this.status[key] === status[key])) return;
    this.status = status;
    for (const listener of this.listeners) listener();
  }

  /** Rows from the server, never older than what is there. */
  private put(delta: Delta): void {
    // Only what changes is a new map: who reads the others need not draw again.
    const copy = <T>(store: RowStore, map: ReadonlyMap<string, T>): Map<string, T> => {
      const changes = delta[store] || delta.removed?.some((gone) => gone.store === store);
      return changes ? new Map(map) : (map as Map<string, T>);
    };
    const tasks = copy('tasks', this.base.tasks);
    const projects = copy('projects', this.base.projects);
    const notifications = copy('notifications', this.base.notifications);
    for (const { store, id } of delta.removed ?? []) ({ tasks, projects, notifications })[store].delete(id);
    const live = (delta.tasks ?? []).filter((task) => (tasks.get(task.id)?.version ?? 0) <= task.version);
    for (const task of live) {
      if (task.deleted_at) tasks.delete(task.id);
      else tasks.set(task.id, task);
    }
    for (const project of delta.projects ?? [])
      if ((projects.get(project.id)?.version ?? 0) <= project.version) projects.set(project.id, project);
    for (const row of delta.notifications ?? []) notifications.set(row.id, row);
    const settings =
      delta.settings && (this.base.settings?.version ?? 0) <= delta.settings.version
        ? delta.settings
        : this.base.settings;
    this.base = { tasks, projects, notifications, settings };
    if (delta.cursor !== undefined) this.cursor = delta.cursor;
    if (delta.complete !== undefined) this.complete = delta.complete;
    const gone = live
      .filter((task) => task.deleted_at)
      .map((task) => ({ store: 'tasks' as const, id: task.id }));
    const kept: Delta = {
      ...delta,
      settings: delta.settings && (settings ?? undefined),
      tasks: live.filter((task) => !task.deleted_at),
      removed: [...(delta.removed ?? []), ...gone],
    };
    this.writing = this.writing.then(() => this.db?.write(kept)).catch(() => {});
    this.draw();
  }

  private answered(op: Op, answer: unknown): void {
    const noun = op.kind.split('.')[0];
    const row = answer as { id: string } | null;
    const from = row && isNew(op.target) ? op.target : null;
    if (from) this.keys.set(row?.id ?? '', from);
    if (op.kind === 'task.delete') this.put({ removed: [{ store: 'tasks', id: op.target }] });
    else if (noun === 'task') this.put({ tasks: [answer as Task] });
    else if (noun === 'project') this.put({ projects: [answer as Project] });
    else if (noun === 'settings') this.put({ settings: answer as Settings });
    else {
      const read = [...this.base.notifications.values()]
        .filter(
          (other) => other.read_at === null && (op.kind === 'notification.readAll' || other.id === op.target),
        )
        .map((other) => ({ ...other, read_at: op.at }));
      this.put({ notifications: read });
    }
    if (from && row) this.tell({ type: 'renamed', from, to: row.id });
    this.tell({ type: 'answered', op, answer });
  }

  private async load(position: string): Promise<void> {
    const signal = this.stopping.signal;
    const [user, settings, projects, archived, tasks, notifications] = await Promise.all([
      api<User>('/api/auth/me', { signal }),
      api<Settings>('/api/settings', { signal }),
      pages<Project>('/api/projects?limit=200', undefined, signal),
      pages<Project>('/api/projects?archived=true&limit=200', undefined, signal),
      pages<Task>('/api/tasks?status=open&limit=200', undefined, signal),
      pages<Notification>('/api/notifications?limit=200', 400, signal),
    ]);
    this.user = user;
    this.base = { ...EMPTY };
    this.put({
      user,
      settings,
      projects: [...projects, ...archived],
      tasks,
      notifications,
      cursor: position,
      complete: false,
    });
    this.setStatus({ loaded: true, away: false });
    void this.loadFinished();
  }

  private async loadFinished(): Promise<void> {
    const signal = this.stopping.signal;
    try {
      for (const status of ['completed', 'skipped'])
        this.put({
          tasks: await pages<Task>(
            `/api/tasks?status=${status}&sort=completed&limit=200`,
            FINISHED_LIMIT,
            signal,
          ),
        });
      this.put({ complete: true });
    } catch {
      // The next start tries again.
    }
  }

  private async receive(events: LiveEvent[]): Promise<void> {
    if (events.some((event) => event.type.endsWith('.created.v1') && event.data.actor === this.user.id))
      await this.outbox.settled();
    const rang: string[] = [];
    const read: string[] = [];
    this.holding = true;
    try {
      for (const event of events) {
        const { cursor, fetch, rang: ring, read: seen, ...delta } = mergeEvent(this.base, event);
        this.put(delta);
        // The position moves on only when everything before it is here.
        await Promise.all(fetch.map((missing) => this.fetchRow(missing)));
        this.put({ cursor });
        if (ring) rang.push(ring);
        if (seen) read.push(seen);
      }
    } finally {
      this.holding = false;
      this.draw();
    }
    for (const id of read) this.tell({ type: 'read', id });
    for (const id of rang) {
      const notification = this.base.notifications.get(id);
      if (notification && Date.now() - Date.parse(notification.fired_at) < RECENT_MS)
        this.tell({ type: 'rang', notification });
    }
  }

  private async fetchRow({ store, id }: { store: string; id: string }): Promise<void> {
    if (store === 'settings') return this.reloadSettings();
    const row = await api<Task & Project & Notification>(`/api/${store}/${encodeURIComponent(id)}`).catch(
      (reason: Problem) => {
        if (reason.status === 404) return null;
        throw reason;
      },
    );
    if (row) this.put({ [store]: [row] });
    else this.put({ removed: [{ store: store as 'tasks', id }] });
  }
}
