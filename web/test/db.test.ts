import 'fake-indexeddb/auto';
import { expect, test } from 'vitest';
import { Database } from '../src/core/db';
import { task } from './support/rows';

test('rows come back as they were, and an older version never replaces a newer one', async () => {
  const db = await Database.open('rows');
  await db.write({ tasks: [task('a', { version: 3, title: 'new' })], cursor: '9', complete: true });
  await db.write({ tasks: [task('a', { version: 2, title: 'old' })], cursor: '8' });
  const kept = await db.read();
  expect(kept.tasks).toEqual([task('a', { version: 3, title: 'new' })]);
  expect(kept).toMatchObject({ cursor: '9', complete: true });
  db.close();
});

test('forgetting the rows keeps the queue', async () => {
  const db = await Database.open('forget');
  const op = { id: 'k', seq: 0, at: '1', tab: 't', kind: 'task.complete' as const, target: 'a' };
  await db.write({ tasks: [task('a')], cursor: '9' });
  await db.enqueue([op]);
  await db.forgetRows();
  expect(await db.read()).toMatchObject({ tasks: [], cursor: null });
  expect(await db.queued()).toEqual([op]);
  db.close();
});

test('what an earlier version kept: rows are read again, unsent changes stay', async () => {
  const op = { id: 'k', seq: 0, at: '1', tab: 't', kind: 'task.complete' as const, target: 'a' };
  await new Promise<void>((resolve, reject) => {
    const request = indexedDB.open('punctual-earlier', 1);
    request.onupgradeneeded = () => {
      for (const store of ['tasks', 'projects', 'notifications', 'queue'])
        request.result.createObjectStore(store, { keyPath: 'id' }).add(store === 'queue' ? op : task('a'));
      request.result.createObjectStore('meta').add('9', 'cursor');
    };
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      request.result.close();
      resolve();
    };
  });
  const db = await Database.open('earlier');
  expect(await db.read()).toMatchObject({ tasks: [], projects: [], cursor: null });
  expect(await db.queued()).toEqual([op]);
  db.close();
});

test('accounts do not see each other', async () => {
  const [one, other] = [await Database.open('one'), await Database.open('other')];
  await one.write({ tasks: [task('a')] });
  expect((await other.read()).tasks).toEqual([]);
  one.close();
  other.close();
});
