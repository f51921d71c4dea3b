/**
 * What this browser keeps for one account: the server's rows as last seen, the position they are good for, and the
 * changes that were not sent yet. All tabs of the account share it.
 */

import type { Op } from './ops';
import type { Notification, Project, Settings, Task, User } from './types';

/** 2: tasks have a start, projects reminders. */
const VERSION = 2;
const ROWS = ['tasks', 'projects', 'notifications'] as const;
export type RowStore = (typeof ROWS)[number];

interface Row {
  id: string;
  version?: number;
}

export interface Kept {
  tasks: Task[];
  projects: Project[];
  notifications: Notification[];
  settings: Settings | null;
  user: User | null;
  cursor: string | null;
  /** True once every finished task was loaded, too. */
  complete: boolean;
}

/** Rows to write and to remove, with the position that they bring the whole to. */
export interface Delta {
  tasks?: Task[];
  projects?: Project[];
  notifications?: Notification[];
  removed?: { store: RowStore; id: string }[];
  settings?: Settings;
  user?: User;
  cursor?: string;
  complete?: boolean;
}

const asked = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

const done = (transaction: IDBTransaction): Promise<void> =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
    transaction.onerror = () => reject(transaction.error);
  });

const nameOf = (account: string): string => `punctual-${account}`;

export class Database {
  private readonly db: IDBDatabase;

  private constructor(db: IDBDatabase) {
    this.db = db;
    db.onversionchange = () => db.close();
  }

  static async open(account: string): Promise<Database> {
    const request = indexedDB.open(nameOf(account), VERSION);
    request.onupgradeneeded = ({ oldVersion }) => {
      const { result: db } = request;
      // Rows are read again; what was not sent yet is all that is the person's own.
      if (oldVersion > 0) for (const store of [...ROWS, 'meta']) db.deleteObjectStore(store);
      else db.createObjectStore('queue', { keyPath: 'id' });
      for (const store of ROWS) db.createObjectStore(store, { keyPath: 'id' });
      db.createObjectStore('meta');
    };
    return new Database(await asked(request));
  }

  static async remove(account: string): Promise<void> {
    await asked(indexedDB.deleteDatabase(nameOf(account)));
  }

  close(): void {
    this.db.close();
  }

  async read(): Promise<Kept> {
    const transaction = this.db.transaction([...ROWS, 'meta']);
    const all = <T>(store: RowStore) => asked(transaction.objectStore(store).getAll() as IDBRequest<T[]>);
    const meta = <T>(key: string) =>
      asked(transaction.objectStore('meta').get(key) as IDBRequest<T | undefined>);
    const [tasks, projects, notifications, settings, user, cursor, complete] = await Promise.all([
      all<Task>('tasks'),
      all<Project>('projects'),
      all<Notification>('notifications'),
      meta<Settings>('settings'),
      meta<User>('user'),
      meta<string>('cursor'),
      meta<boolean>('complete'),
    ]);
    return {
      tasks,
      projects,
      notifications,
      settings: settings ?? null,
      user: user ?? null,
      cursor: cursor ?? null,
      complete: complete ?? false,
    };
  }

  /** Never puts an older version over a newer one: another tab may be ahead. */
  async write(delta: Delta): Promise<void> {
    const transaction = this.db.transaction([...ROWS, 'meta'], 'readwrite');
    const put = async (store: RowStore, rows: Row[]) => {
      const target = transaction.objectStore(store);
      for (const row of rows) {
        const present = (await asked(target.get(row.id))) as Row | undefined;
        if ((present?.version ?? 0) <= (row.version ?? 0)) target.put(row);
      }
    };
    for (const { store, id } of delta.removed ?? []) transaction.objectStore(store).delete(id);
    const meta = transaction.objectStore('meta');
    if (delta.settings) meta.put(delta.settings, 'settings');
    if (delta.user) meta.put(delta.user, 'user');
    if (delta.complete !== undefined) meta.put(delta.complete, 'complete');
    await put('tasks', delta.tasks ?? []);
    await put('projects', delta.projects ?? []);
    await put('notifications', delta.notifications ?? []);
    if (delta.cursor !== undefined) {
      const present = (await asked(meta.get('cursor'))) as string | undefined;
      if (Number(present ?? -1) < Number(delta.cursor)) meta.put(delta.cursor, 'cursor');
    }
    await done(transaction);
  }

  /** Forgets the rows, not the queue: everything is loaded again. */
  async forgetRows(): Promise<void> {
    const transaction = this.db.transaction([...ROWS, 'meta'], 'readwrite');
    for (const store of [...ROWS, 'meta']) transaction.objectStore(store).clear();
    await done(transaction);
  }

  async queued(): Promise<Op[]> {
    const ops = await asked(this.db.transaction('queue').objectStore('queue').getAll() as IDBRequest<Op[]>);
    return ops.sort((a, b) => (a.at === b.at ? a.seq - b.seq : a.at < b.at ? -1 : 1));
  }

  async enqueue(ops: Op[]): Promise<void> {
    await this.change((queue) => {
      for (const op of ops) queue.put(op);
    });
  }

  async dequeue(ids: string[]): Promise<void> {
    await this.change((queue) => {
      for (const id of ids) queue.delete(id);
    });
  }

  private async change(ask: (queue: IDBObjectStore) => void): Promise<void> {
    const transaction = this.db.transaction('queue', 'readwrite');
    ask(transaction.objectStore('queue'));
    // At once: else the page's turn is awaited, and one that is closed right away would take the change with it.
    transaction.commit();
    await done(transaction);
  }
}
