// Two browsers, one account; offline and back.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Account, until } from './support/account.mjs';
import { add, row, settled, waitForTitles } from './support/app.mjs';
import { launch, person } from './support/browser.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

async function two(path) {
  const account = await Account.register();
  const contexts = [await person(browser), await person(browser)];
  const pages = [];
  for (const context of contexts) {
    const page = await context.newPage();
    await account.signIn(page, path);
    pages.push(page);
  }
  return { account, contexts, pages };
}

test('what one browser does, the other shows', async () => {
  const { contexts, pages } = await two('/inbox');
  const [one, other] = pages;
  await add(one, 'From here');
  await waitForTitles(other, ['From here']);
  await row(other, 'From here').getByRole('checkbox').click();
  await waitForTitles(one, []);
  await other.getByRole('button', { name: 'Undo' }).click();
  await waitForTitles(one, ['From here']);
  for (const context of contexts) await context.close();
});

test('a reminder rings in both, and what is read in one is read in the other', async () => {
  const { account, contexts, pages } = await two('/today');
  await account.task('Look up', {
    due: account.day(),
    reminders: [{ at: new Date(Date.now() + 1500).toISOString() }],
  });
  for (const page of pages) await page.locator('.toast-ring', { hasText: 'Look up' }).waitFor();
  for (const page of pages) await page.locator('.sidebar').getByText(', 1 unread').waitFor();
  await pages[0].locator('.toast-ring').getByRole('button', { name: '10 minutes' }).click();
  for (const page of pages) await page.locator('.toast-ring').waitFor({ state: 'detached' });
  await pages[1].locator('.sidebar').getByText(', 1 unread').waitFor({ state: 'detached' });
  const { items } = await account.call('GET', '/api/tasks');
  const { items: receipts } = await account.call('GET', `/api/tasks/${items[0].id}/reminders`);
  assert.ok(receipts.some((receipt) => receipt.kind === 'snooze' && receipt.state === 'planned'));
  for (const context of contexts) await context.close();
});

test('offline: the app opens, shows everything, takes changes, and sends them in order on return', async () => {
  const account = await Account.register();
  await account.task('Known before', { due: account.day() });
  const context = await person(browser);
  const page = await context.newPage();
  await account.signIn(page);
  await waitForTitles(page, ['Known before']);
  await page.evaluate(() => navigator.serviceWorker.ready);
  await until('the shell is kept', () =>
    page.evaluate(async () => (await caches.keys()).some((name) => name.startsWith('punctual-shell-'))),
  );
  await page.reload();
  await page.locator('main[data-live]').waitFor();

  await context.setOffline(true);
  await page.reload();
  await waitForTitles(page, ['Known before']);
  await page.getByText('Offline. You can go on').waitFor();
  await add(page, 'Written offline');
  await waitForTitles(page, ['Known before', 'Written offline']);
  await page.keyboard.press('j');
  await until('the first row has the focus', () =>
    page.evaluate(() => document.activeElement?.closest('main .row')?.textContent.includes('Known before')),
  );
  await page.keyboard.press('x');
  await waitForTitles(page, ['Written offline']);
  await page.getByText('2 changes wait').waitFor();
  // They outlive the page.
  await page.reload();
  await waitForTitles(page, ['Written offline']);

  await account.task('Meanwhile elsewhere', { due: account.day() });
  await context.setOffline(false);
  await waitForTitles(page, ['Meanwhile elsewhere', 'Written offline']);
  await page.getByText('Offline. You can go on').waitFor({ state: 'detached' });
  await settled(page);
  const { items } = await account.call('GET', '/api/tasks?status=all&limit=50');
  assert.deepEqual(
    items.map((task) => [task.title, task.status]).sort(),
    [
      ['Known before', 'completed'],
      ['Meanwhile elsewhere', 'open'],
      ['Written offline', 'open'],
    ].sort(),
  );
  await context.close();
});

test('two changes of one field: nothing is overwritten, the person chooses', async () => {
  const account = await Account.register();
  const task = await account.task('Draft', { due: account.day() });
  const context = await person(browser);
  const page = await context.newPage();
  await account.signIn(page, `/today?task=${task.id}`);
  const title = page.getByRole('complementary').getByLabel('Title');
  await title.waitFor();
  await context.setOffline(true);
  await title.fill('Mine');
  await page.keyboard.press('Enter');
  await waitForTitles(page, ['Mine']);
  await account.change(task, { title: 'Theirs' });
  await account.change(task, { notes: 'kept' });
  await context.setOffline(false);
  await page.getByRole('button', { name: 'Decide' }).click();
  const dialog = page.getByRole('dialog', { name: 'Changed in two places' });
  await dialog.getByRole('cell', { name: 'Theirs' }).waitFor();
  assert.equal((await account.read(task)).title, 'Theirs');
  await dialog.getByRole('button', { name: 'Keep mine' }).click();
  await until('mine is on the server', async () => (await account.read(task)).title === 'Mine');
  assert.equal((await account.read(task)).notes, 'kept');
  await dialog.waitFor({ state: 'detached' });
  await context.close();
});

test('what the server refuses is taken back, with its reason', async () => {
  const account = await Account.register();
  const task = await account.task('Here', { due: account.day() });
  const context = await person(browser);
  const page = await context.newPage();
  await account.signIn(page);
  await waitForTitles(page, ['Here']);
  await page.route(`**/api/tasks/${task.id}/complete`, (route) =>
    route.fulfill({
      status: 409,
      contentType: 'application/problem+json',
      body: JSON.stringify({ title: 'Conflict', detail: 'Not today.' }),
    }),
  );
  await row(page, 'Here').getByRole('checkbox').click();
  await page.getByText('Not today.').waitFor();
  await waitForTitles(page, ['Here']);
  await context.close();
});

test('after sleep, the app catches up from its cursor', async () => {
  const account = await Account.register();
  const context = await person(browser);
  const page = await context.newPage();
  await account.signIn(page, '/inbox');
  await context.setOffline(true);
  for (let turn = 0; turn < 5; turn++) await account.task(`Task ${turn}`);
  const first = page.waitForRequest((request) => /\/api\/live\?after=\d+$/.test(request.url()));
  await context.setOffline(false);
  await first;
  await waitForTitles(page, [0, 1, 2, 3, 4].map((turn) => `Task ${turn}`));
  await context.close();
});

test('what a browser has kept of a time that a restore has undone goes', async () => {
  const account = await Account.register();
  await account.task('Still here');
  const context = await person(browser);
  const page = await context.newPage();
  await account.signIn(page, '/inbox');
  await waitForTitles(page, ['Still here']);
  /** Tasks and cursor in the browser's database, after a change to it. */
  const kept = (change) =>
    page.evaluate(async (change) => {
      const asked = (request) =>
        new Promise((resolve, reject) => {
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(request.error);
        });
      const [name] = (await indexedDB.databases()).map((it) => it.name).filter((it) => it?.startsWith('punctual-'));
      const db = await asked(indexedDB.open(name));
      const transaction = db.transaction(['tasks', 'meta'], 'readwrite');
      const [tasks, meta] = ['tasks', 'meta'].map((store) => transaction.objectStore(store));
      const [task] = await asked(tasks.getAll());
      if (change) {
        tasks.put({ ...task, ...change.task });
        meta.put(change.cursor, 'cursor');
      }
      const answer = { tasks: await asked(tasks.getAllKeys()), cursor: await asked(meta.get('cursor')) };
      db.close();
      return answer;
    }, change);
  await until('the task is kept', async () => (await kept()).tasks.length === 1);
  const undone = { id: 'undone', title: 'Undone', version: 7 };
  const then = await kept({ task: undone, cursor: '999999999999' });
  assert.equal(then.tasks.length, 2);
  await page.reload();
  await waitForTitles(page, ['Still here']);
  await until('the browser has forgotten it', async () => {
    const now = await kept();
    return now.tasks.length === 1 && now.tasks[0] !== 'undone' && now.cursor !== undefined && now.cursor !== then.cursor;
  });
  await context.close();
});
