/**
 * Changes on their way to the server: in order, one at a time, each under its Idempotency-Key, kept in IndexedDB until
 * they are answered. Each tab sends its own; what a closed tab left behind is adopted by the next.
 */

import { api, Problem, SignedOut, Unreachable } from './api';
import type { Database } from './db';
import { clashes, isNew, type Op, renameIn, requestOf } from './ops';
import { joined, merged } from './patch';
import type { Task } from './types';

export const LIMIT = 500;
const WAITS_MS = [500, 1_000, 2_000, 5_000, 10_000, 30_000];

export interface OutboxEvents {
  /** The list has changed. */
  changed: () => void;
  /** The server's answer; the change has left the list. */
  answered: (op: Op, answer: unknown) => void;
  /** The server has refused; the change has left the list, and everything that was built on it. */
  refused: (op: Op, reason: Problem) => void;
  signedOut: () => void;
  reachable: (yes: boolean) => void;
}

/** One change in the place of two that follow each other; null where they have to be sent one by one. */
function together(first: Op, second: Omit<Op, 'id' | 'seq' | 'at' | 'tab'>): Op | null {
  const { kind, body = {} } = second;
  // What was made here and is changed before it was sent is made so.
  if (first.kind === 'task.create' && kind === 'task.update' && !body.apply) {
    const made = { ...first.body, ...body };
    if (body.repeat) made.repeat = merged(first.body?.repeat, body.repeat);
    return { ...first, body: made };
  }
  if (kind !== first.kind || (kind !== 'task.update' && kind !== 'settings.update')) return null;
  // Which occurrences it is for is said of all its fields.
  if (first.body?.apply !== body.apply) return null;
  const both = { ...first.body, ...body };
  if (first.body && 'repeat' in first.body && 'repeat' in body) {
    both.repeat = joined(first.body.repeat, body.repeat);
    if (both.repeat === undefined) return null;
  }
  return { ...first, body: both, was: { ...second.was, ...first.was } };
}

type Sender = <T>(path: string, call: Parameters<typeof api>[1]) => Promise<T>;

export class Outbox {
  ops: readonly Op[] = [];
  private readonly tab = crypto.randomUUID();
  private readonly names = new Map<string, string>();
  /** Versions that this tab's own changes have led to, where nobody else came between. */
  private readonly reached = new Map<string, number>();
  private readonly tried = new Set<string>();
  private sequence = 0;
  private pumping = false;
  private failures = 0;
  private stopped = false;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private inFlight: Op | null = null;
  private landed: (() => void)[] = [];
  private releaseTab: () => void = () => {};
  /** Living tabs whose end is waited for. */
  private readonly awaited = new Set<string>();
  private readonly leaving = new AbortController();
  private readonly db: Database | null;
  private readonly on: OutboxEvents;
  private readonly send: Sender;

  constructor(db: Database | null, on: OutboxEvents, send: Sender = api) {
    this.db = db;
    this.on = on;
    this.send = send;
  }

  /** Takes over what closed tabs have left, and holds this tab's own lock. */
  async start(): Promise<void> {
    const held = new Promise<void>((resolve) => {
      this.releaseTab = resolve;
    });
    void globalThis.navigator?.locks?.request(`punctual-tab-${this.tab}`, () => held);
    await this.adopt();
    this.pump();
  }

  stop(): void {
    this.stopped = true;
    this.leaving.abort();
    clearTimeout(this.retry);
    this.releaseTab();
  }

  /** What closed tabs have left is this tab's from now on; what is a living tab's, as soon as that one closes. */
  async adopt(): Promise<void> {
    const queued = (await this.db?.queued().catch(() => [])) ?? [];
    const locks = globalThis.navigator?.locks;
    for (const tab of new Set(queued.map((op) => op.tab))) {
      if (tab === this.tab || this.awaited.has(tab)) continue;
      const name = `punctual-tab-${tab}`;
      if (!locks) {
        await this.take(tab);
        continue;
      }
      const taken = await locks.request(name, { ifAvailable: true }, async (lock) => {
        if (lock) await this.take(tab);
        return lock !== null;
      });
      if (taken) continue;
      // A page that is being reloaded may still hold its own for a moment.
      this.awaited.add(tab);
      void locks
        .request(name, { signal: this.leaving.signal }, () => this.take(tab))
        .then(this.pump, () => {})
        .finally(() => this.awaited.delete(tab));
    }
  }

  /** Under that tab's lock: read again, because another one may have been faster. */
  private async take(tab: string): Promise<void> {
    const left = ((await this.db?.queued().catch(() => [])) ?? []).filter((op) => op.tab === tab);
    if (left.length === 0 || this.stopped) return;
    const ops = left.map((op) => ({ ...op, tab: this.tab, seq: this.sequence++ }));
    for (const op of ops) this.tried.add(op.id);
    await this.db?.enqueue(ops);
    this.ops = [...ops, ...this.ops];
    this.on.changed();
  }

  /** False where the queue is full. */
  add(change: Omit<Op, 'id' | 'seq' | 'at' | 'tab'>): Op | null {
    if (this.ops.length >= LIMIT) return null;
    const target = this.names.get(change.target) ?? change.target;
    const before = this.ops.findLast((op) => op.target === target);
    if (before && before === this.ops.at(-1) && !this.tried.has(before.id) && !before.conflict) {
      // Nothing of it was sent: one change can say both.
      const one = together(before, change);
      if (one) {
        this.amend(one);
        return one;
      }
    }
    const op: Op = {
      ...change,
      target,
      id: crypto.randomUUID(),
      seq: this.sequence++,
      at: new Date().toISOString(),
      tab: this.tab,
    };
    this.ops = [...this.ops, op];
    this.on.changed();
    this.keep([op]);
    return op;
  }

  /** Says of a change that was not sent yet that it is for all later occurrences, too. */
  applyToLater(id: string): boolean {
    const op = this.ops.find((candidate) => candidate.id === id);
    if (!op || this.tried.has(id)) return false;
    this.amend({ ...op, body: { ...op.body, apply: 'later' } });
    return true;
  }

  private amend(op: Op): void {
    this.ops = this.ops.map((other) => (other.id === op.id ? op : other));
    this.on.changed();
    this.keep([op]);
  }

  /** Takes back what was not sent yet. */
  cancel(id: string): boolean {
    const op = this.ops.find((candidate) => candidate.id === id);
    if (!op || this.tried.has(id)) return false;
    this.drop([op]);
    return true;
  }

  resolve(id: string, keep: 'mine' | 'theirs'): void {
    const op = this.ops.find((candidate) => candidate.id === id);
    if (!op?.conflict) return;
    if (keep === 'theirs') this.drop([op]);
    else this.replace({ ...op, version: op.conflict.theirs.version, conflict: undefined });
    this.pump();
  }

  /** The present name of a row, once the server has named it. */
  nameOf(id: string): string {
    return this.names.get(id) ?? id;
  }

  /** Resolves when no creation is on its way: until then nobody knows which new row is this tab's own. */
  async settled(): Promise<void> {
    if (this.inFlight?.kind.endsWith('.create'))
      await new Promise<void>((resolve) => this.landed.push(resolve));
  }

  /** Sends again at once: the network is back. */
  pump = (): void => {
    clearTimeout(this.retry);
    this.retry = undefined;
    if (!this.pumping && !this.stopped) void this.run();
  };

  private keep(ops: Op[]): void {
    const kept = this.db?.enqueue(ops).catch(() => {}) ?? Promise.resolve();
    // A server that asked to wait is not asked again because there is more to send.
    void kept.then(() => this.retry === undefined && this.pump());
  }

  private drop(ops: Op[]): void {
    const gone = new Set(ops.map((op) => op.id));
    this.ops = this.ops.filter((op) => !gone.has(op.id));
    void this.db?.dequeue([...gone]).catch(() => {});
    this.on.changed();
  }

  private replace(op: Op): void {
    this.ops = this.ops.map((other) => (other.id === op.id ? op : other));
    void this.db?.enqueue([op]).catch(() => {});
    this.on.changed();
  }

  private next(): Op | undefined {
    const held = new Set(this.ops.filter((op) => op.conflict).map((op) => op.target));
    return this.ops.find((op) => !held.has(op.target));
  }

  private async run(): Promise<void> {
    this.pumping = true;
    try {
      for (let op = this.next(); op && !this.stopped; op = this.next()) {
        this.inFlight = op;
        this.tried.add(op.id);
        const wait = await this.deliver(op);
        this.inFlight = null;
        for (const resolve of this.landed.splice(0)) resolve();
        if (wait !== null) {
          if (!this.stopped) this.retry = setTimeout(this.pump, wait);
          return;
        }
      }
    } finally {
      this.pumping = false;
    }
  }

  /** Milliseconds to wait before the next try, or null to go on. */
  private async deliver(op: Op): Promise<number | null> {
    const { method, path } = requestOf(op);
    const version = Math.max(op.version ?? 0, this.reached.get(op.target) ?? 0);
    const guarded = op.version !== undefined && version > 0;
    try {
      const answer = await this.send<unknown>(path, {
        method,
        body: op.body,
        key: op.id,
        ifMatch: guarded ? version : undefined,
      });
      this.failures = 0;
      this.on.reachable(true);
      this.landedWith(op, answer, guarded);
      return null;
    } catch (error) {
      if (error instanceof SignedOut) {
        this.on.signedOut();
        return WAITS_MS.at(-1) ?? 0;
      }
      if (error instanceof Problem && error.status === 412) {
        try {
          await this.compare(op);
          return null;
        } catch {
          return this.backOff(null);
        }
      }
      if (error instanceof Problem && error.status === 404 && op.kind === 'task.delete') {
        // Sent before, without an answer that came back; or deleted elsewhere.
        this.landedWith(op, null, false);
        return null;
      }
      if (error instanceof Problem && error.status < 500 && error.status !== 429 && error.status !== 408) {
        this.refuse(op, error);
        return null;
      }
      if (error instanceof Unreachable) this.on.reachable(false);
      return this.backOff(error instanceof Problem ? error.retryAfter : null);
    }
  }

  private backOff(seconds: number | null): number {
    const wait = WAITS_MS[Math.min(this.failures++, WAITS_MS.length - 1)] ?? 0;
    return seconds === null ? wait : seconds * 1000;
  }

  private landedWith(op: Op, answer: unknown, guarded: boolean): void {
    const row = answer as { id?: string; version?: number } | null;
    if (isNew(op.target) && row?.id) {
      this.names.set(op.target, row.id);
      this.ops = this.ops.map((other) => (other.id === op.id ? other : renameIn(other, this.names)));
      const rest = this.ops.filter((other) => other.id !== op.id);
      void this.db?.enqueue(rest).catch(() => {});
    }
    if (row?.id && row.version) {
      // One version on from what was seen: this change is the only one in between.
      const seen = this.ops.filter((other) => other.target === row.id).map((other) => other.version ?? 0);
      const known = Math.max(this.reached.get(row.id) ?? 0, ...seen);
      if (guarded || op.kind.endsWith('.create') || row.version === known + 1)
        this.reached.set(row.id, row.version);
    }
    const gone = op.id;
    this.ops = this.ops.filter((other) => other.id !== gone);
    void this.db?.dequeue([gone]).catch(() => {});
    this.on.answered(op, answer);
  }

  /** After a 412: both changes stand where they touch different fields; else the person chooses. */
  private async compare(op: Op): Promise<void> {
    if (!op.kind.startsWith('task.')) {
      this.replace({ ...op, version: undefined });
      return;
    }
    const theirs = await this.send<Task>(`/api/tasks/${encodeURIComponent(op.target)}`, {});
    const fields = clashes(op, theirs);
    this.reached.delete(op.target);
    if (fields.length === 0) this.replace({ ...op, version: theirs.version });
    else this.replace({ ...op, conflict: { theirs, fields } });
  }

  private refuse(op: Op, reason: Problem): void {
    const dependent = this.ops.filter(
      (other) => isNew(op.target) && (other.target === op.target || other.body?.project_id === op.target),
    );
    this.drop([op, ...dependent]);
    this.on.refused(op, reason);
  }
}
