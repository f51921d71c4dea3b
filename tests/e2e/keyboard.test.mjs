// Everything by key, and nothing by pointer.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Account, until } from './support/account.mjs';
import { add, settled, titles, waitForTitles, watch } from './support/app.mjs';
import { launch, person } from './support/browser.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

async function start(path) {
  const account = await Account.register();
  const context = await person(browser);
  const page = await context.newPage();
  const errors = watch(page);
  await account.signIn(page, path);
  return { account, context, page, errors };
}

const focused = (page) => page.evaluate(() => document.activeElement?.closest('[data-task]')?.querySelector('.row-title')?.textContent);

test('a day’s work without touching the mouse', async () => {
  const { account, context, page, errors } = await start('/inbox');
  for (const title of ['One', 'Two', 'Three']) await add(page, title);
  await settled(page);
  await waitForTitles(page, ['One', 'Two', 'Three']);

  await page.keyboard.press('j');
  assert.equal(await focused(page), 'One');
  await page.keyboard.press('j');
  assert.equal(await focused(page), 'Two');
  await page.keyboard.press('k');
  assert.equal(await focused(page), 'One');

  // Done, and back.
  await page.keyboard.press('x');
  await waitForTitles(page, ['Two', 'Three']);
  assert.equal(await focused(page), 'Two');
  await page.keyboard.press('u');
  await waitForTitles(page, ['One', 'Two', 'Three']);

  // Order.
  await page.keyboard.press('Alt+ArrowDown');
  await waitForTitles(page, ['One', 'Three', 'Two']);
  assert.equal(await focused(page), 'Two');
  await page.keyboard.press('Alt+ArrowUp');
  await page.keyboard.press('Alt+ArrowUp');
  await waitForTitles(page, ['Two', 'One', 'Three']);

  // Edit, and Escape back to the row.
  await page.keyboard.press('e');
  await page.locator('.detail-name:focus').waitFor();
  await page.keyboard.press('End');
  await page.keyboard.type(' and a half');
  await page.keyboard.press('Escape');
  await waitForTitles(page, ['Two and a half', 'One', 'Three']);
  await until('the focus is back', async () => (await focused(page)) === 'Two and a half');

  // Days.
  await page.keyboard.press('t');
  await page.getByText('Moved to Today').waitFor();
  await page.keyboard.press('w');
  await page.getByText(/Moved to (Tomorrow|Monday|\d)/).waitFor();
  await page.keyboard.press('d');
  await page.locator('.due-picker').waitFor();
  await page.keyboard.press('Enter');
  await page.locator('.due-picker').waitFor({ state: 'detached' });

  // Gone, and back.
  await page.keyboard.press('Delete');
  await waitForTitles(page, ['One', 'Three']);
  await page.keyboard.press('u');
  await waitForTitles(page, ['Two and a half', 'One', 'Three']);
  await settled(page);

  // The server has all of it.
  const { items } = await account.call('GET', '/api/tasks?limit=50');
  const two = items.find((task) => task.title === 'Two and a half');
  assert.equal(two?.due, account.day());
  assert.equal(two?.status, 'open');
  await page.reload();
  await waitForTitles(page, ['Two and a half', 'One', 'Three']);
  assert.deepEqual(errors, []);
  await context.close();
});

test('search, commands, help and the ways between views', async () => {
  const { account, context, page } = await start('/today');
  await account.task('Water the plants');
  await account.task('Call Ada');

  await page.keyboard.press('/');
  await page.locator('input[type=search]:focus').waitFor();
  await page.keyboard.type('plants');
  await waitForTitles(page, ['Water the plants']);
  await page.keyboard.press('Escape');
  await page.keyboard.press('j');
  assert.equal(await focused(page), 'Water the plants');

  for (const [key, heading] of [
    ['i', 'Inbox'],
    ['u', 'Upcoming'],
    ['n', 'Notifications'],
    ['p', 'Projects'],
    ['c', 'Completed'],
    ['s', 'Settings'],
    ['t', 'Today'],
  ]) {
    await page.keyboard.press('g');
    await page.keyboard.press(key);
    await page.getByRole('heading', { name: heading, level: 1 }).waitFor();
  }

  await page.keyboard.press('Control+k');
  await page.keyboard.type('ada');
  await page.getByRole('option', { name: 'Call Ada' }).waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('complementary').getByLabel('Title').waitFor();
  assert.equal(await page.getByRole('complementary').getByLabel('Title').inputValue(), 'Call Ada');
  await page.keyboard.press('Escape');
  await page.getByRole('complementary').waitFor({ state: 'detached' });

  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await context.close();
});

test('a task with date, time, reminder, rule, priority and tag, all by key', async () => {
  const { account, context, page } = await start('/inbox');
  await page.keyboard.press('q');
  await page.keyboard.type('Pay the rent');
  const chip = async (name) => {
    await page.locator(`dialog [data-property=${name}]`).focus();
    await page.keyboard.press('Enter');
  };
  await chip('due');
  await page.getByLabel('Time', { exact: true }).fill('09:30');
  await page.keyboard.press('Escape');
  await chip('reminders');
  await page.getByRole('button', { name: '30 minutes before' }).focus();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Escape');
  await chip('repeat');
  await page.getByRole('button', { name: /Every month on day/ }).focus();
  await page.keyboard.press('Enter');
  await page.locator('.day-marked').first().waitFor();
  await page.keyboard.press('Escape');
  await chip('priority');
  await page.getByRole('menuitemradio', { name: 'High' }).focus();
  await page.keyboard.press('Enter');
  await chip('tags');
  await page.keyboard.type('home');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Escape');
  await page.locator('dialog .composer-title').focus();
  await page.keyboard.press('Enter');
  await waitForTitles(page, ['Pay the rent']);
  await settled(page);

  const { items } = await account.call('GET', '/api/tasks');
  const [task] = items;
  assert.equal(task.due, `${account.day()}T09:30`);
  assert.deepEqual(task.reminders.map((reminder) => reminder.before), ['PT30M']);
  assert.match(task.repeat.rrule, /FREQ=MONTHLY;BYMONTHDAY=\d+/);
  assert.equal(task.priority, 'high');
  assert.deepEqual(task.tags, ['home']);

  // Skipped by key: the next one takes its place.
  await page.keyboard.press('j');
  await page.keyboard.press('Shift+X');
  await page.getByText(/Next: /).waitFor();
  await until('the next occurrence is there', async () => (await titles(page)).length === 1);
  await context.close();
});
