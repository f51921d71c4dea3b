// Reminders that ring again until they are acknowledged, those of the start, and those that a project gives.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Account, until } from './support/account.mjs';
import { row, settled, watch } from './support/app.mjs';
import { violations } from './support/axe.mjs';
import { launch, PHONE, person, ZONE } from './support/browser.mjs';
import { findFaults } from './support/layout.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

async function start(path, options, seed) {
  const account = await Account.register();
  const seeded = await seed?.(account);
  const context = await person(browser, options);
  const page = await context.newPage();
  const errors = watch(page);
  await account.signIn(page, typeof path === 'function' ? path(seeded) : path);
  return { account, context, page, errors, seeded };
}

const ringing = (title) => (own) =>
  own.task(title, {
    due: own.day(1),
    reminders: [{ at: new Date(Date.now() + 3000).toISOString(), again: 'PT1M', times: 3 }],
  });

const plannedAgain = async (account, task) =>
  (await account.call('GET', `/api/tasks/${task.id}/reminders`)).items.filter(
    (receipt) => receipt.repetition === 1 && receipt.state === 'planned',
  ).length;

test('a reminder is set to ring again, so many times, and once again', async () => {
  const { account, context, page, errors, seeded } = await start(
    (task) => `/inbox?task=${task.id}`,
    {},
    (own) => own.task('Take the medicine', { due: `${own.day(1)}T08:00`, reminders: [{ before: 'PT0M' }] }),
  );
  await page.locator('.detail [data-property=reminders]').click();
  const picker = page.locator('dialog .picker');
  await picker.getByRole('button', { name: 'Ring again: When it is due' }).click();
  await picker.getByLabel('Ring again', { exact: true }).selectOption({ label: 'every 10 minutes' });
  await picker.getByLabel('At most').fill('3');
  await settled(page);
  const [set] = (await account.read(seeded)).reminders;
  assert.deepEqual([set.before, set.again, set.times], ['PT0S', 'PT10M', 3]);
  assert.deepEqual(await page.evaluate(findFaults), []);
  assert.deepEqual(await violations(page), []);
  await picker.getByLabel('Ring again', { exact: true }).selectOption({ label: 'never' });
  await settled(page);
  assert.deepEqual((await account.read(seeded)).reminders, [{ id: set.id, before: 'PT0S' }]);
  assert.deepEqual(errors, []);
  await context.close();
});

test('acknowledged on the message, it does not ring again', async () => {
  const { account, context, page } = await start('/today');
  const task = await ringing('Stop the oven')(account);
  const toast = page.locator('.toast-ring', { hasText: 'Stop the oven' });
  await toast.waitFor();
  await until('it would ring again', () => plannedAgain(account, task).then((n) => n === 1));
  await toast.getByRole('button', { name: 'Acknowledge' }).click();
  await toast.waitFor({ state: 'detached' });
  await until('it will not', () => plannedAgain(account, task).then((n) => n === 0));
  assert.equal((await account.read(task)).status, 'open');
  await context.close();
});

test('acknowledged in the notifications, by key, and in the task', async () => {
  const { account, context, page } = await start('/notifications', {}, async (own) => {
    for (const title of ['Oven', 'Kettle', 'Laundry']) await ringing(title)(own);
  });
  await until('all three rang', async () => (await page.locator('.notice').count()) === 3);
  const unread = async () => (await account.call('GET', '/api/notifications?unread=true')).items.length;
  await page.locator('.notice', { hasText: 'Oven' }).getByRole('button', { name: 'Acknowledge' }).click();
  await until('one is acknowledged', async () => (await unread()) === 2);
  await page.locator('.notice', { hasText: 'Kettle' }).locator('.row-link').focus();
  await page.keyboard.press('a');
  await until('two are', async () => (await unread()) === 1);
  await page.goto('/inbox');
  await row(page, 'Laundry').locator('.row-link').click();
  await page.getByRole('button', { name: 'Reminder receipts' }).click();
  await page.getByText('It rings up to 3 times more until you acknowledge it.').waitFor();
  assert.deepEqual(await page.evaluate(findFaults), []);
  assert.deepEqual(await violations(page), []);
  await page.locator('.detail-rang').getByRole('button', { name: 'Acknowledge' }).click();
  await page.getByText('It rings up to 3 times more').waitFor({ state: 'detached' });
  await page.getByText('It did not ring again').waitFor();
  await until('all are', async () => (await unread()) === 0);
  await context.close();
});

test('a reminder counts from the start, and goes with it', async () => {
  const { account, context, page, seeded } = await start(
    (task) => `/inbox?task=${task.id}`,
    {},
    (own) => own.task('Write the talk', { start: `${own.day(2)}T10:00`, due: `${own.day(5)}T18:00` }),
  );
  await page.locator('.detail [data-property=reminders]').click();
  const picker = page.locator('dialog .picker');
  await picker.getByRole('radio', { name: 'Start' }).check();
  await picker.getByRole('button', { name: '30 minutes before the start' }).click();
  await settled(page);
  const [set] = (await account.read(seeded)).reminders;
  assert.deepEqual([set.before, set.of], ['PT30M', 'start']);
  await page.keyboard.press('Escape');
  await page.locator('.detail [data-property=start]').click();
  await page.locator('.due-picker').getByRole('button', { name: 'Any time' }).click();
  await page.getByText('One reminder counted from that date and is gone').waitFor();
  await settled(page);
  assert.deepEqual((await account.read(seeded)).reminders, []);
  await page.getByRole('button', { name: 'Undo' }).click();
  await until('both are back', async () => {
    const task = await account.read(seeded);
    return task.start !== null && task.reminders.length === 1;
  });
  await context.close();
});

test('a project’s new tasks are reminded as it says, unless they say otherwise', async () => {
  const { account, context, page, errors } = await start('/today');
  await page.getByRole('button', { name: 'New project' }).click();
  const dialog = page.locator('dialog[open]');
  await dialog.getByLabel('Name').fill('Garden');
  await dialog.getByRole('button', { name: '30 minutes before', exact: true }).click();
  assert.deepEqual(await page.evaluate(findFaults), []);
  assert.deepEqual(await violations(page), []);
  await dialog.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { name: 'Garden' }).waitFor();
  await settled(page);
  const garden = (await account.call('GET', '/api/projects')).items.find((project) => project.name === 'Garden');
  assert.deepEqual(garden.reminders.map(({ before }) => before), ['PT30M']);

  await page.keyboard.press('q');
  await page.locator('dialog .composer-title').fill('Prune the roses tomorrow at 10:00');
  await page.locator('dialog [data-property=reminders]', { hasText: '30 minutes before' }).waitFor();
  await page.keyboard.press('Enter');
  await row(page, 'Prune the roses').waitFor();
  await settled(page);
  const reminders = async (title) =>
    (await account.call('GET', '/api/tasks')).items
      .find((task) => task.title === title)
      .reminders.map(({ before }) => before);
  assert.deepEqual(await reminders('Prune the roses'), ['PT30M']);

  // Its own, chosen by hand: none.
  await page.keyboard.press('q');
  await page.locator('dialog .composer-title').fill('Mow the lawn tomorrow at 11:00');
  await page.locator('dialog [data-property=reminders]', { hasText: '30 minutes before' }).click();
  await page.getByRole('button', { name: 'Remove: 30 minutes before' }).click();
  await page.keyboard.press('Escape');
  await page.locator('dialog .composer-title').press('Enter');
  await row(page, 'Mow the lawn').waitFor();
  await settled(page);
  assert.deepEqual(await reminders('Mow the lawn'), []);

  // The project's own are changed in its menu.
  await page.getByRole('button', { name: 'Project menu' }).click();
  await page.getByRole('menuitem', { name: 'Name and reminders' }).click();
  await dialog.getByRole('button', { name: 'Remove: 30 minutes before' }).click();
  await dialog.getByRole('button', { name: 'Save' }).click();
  await until('the server has none', async () => {
    const project = await account.call('GET', `/api/projects/${garden.id}`);
    return project.reminders.length === 0 && project.name === 'Garden';
  });
  assert.deepEqual(errors, []);
  await context.close();
});

test('the daily digest: on with the morning, at another time, told, off', async (run) => {
  const { account, context, page, errors } = await start('/settings', {}, (own) =>
    own.task('Send the lease', { due: own.day(-1) }),
  );
  const digest = async () => (await account.call('GET', '/api/settings')).digest;
  if ((await digest()) === undefined) {
    await context.close();
    run.skip('this server tells no digest');
    return;
  }
  const field = page.locator('fieldset', { hasText: 'Daily digest' });
  await field.getByRole('switch').check();
  await until('it is on', async () => (await digest()) === '09:00');
  const soon = new Intl.DateTimeFormat('en-GB', { timeZone: ZONE, hour: '2-digit', minute: '2-digit' }).format(
    Date.now() + 65_000,
  );
  await field.getByLabel('Time of the digest').fill(soon);
  await until('it has that time', async () => (await digest()) === soon);
  assert.deepEqual(await page.evaluate(findFaults), []);
  assert.deepEqual(await violations(page), []);
  await field.getByRole('switch').focus();
  const toast = page.locator('.toast-ring', { hasText: 'Your day' });
  await toast.waitFor({ timeout: 80_000 });
  await toast.getByText('1 overdue').waitFor();
  await page.goto('/notifications');
  await page.locator('.notice', { hasText: '1 overdue' }).locator('.row-link').click();
  await page.getByRole('heading', { name: 'Today' }).waitFor();
  await until('it is read', async () => (await account.call('GET', '/api/notifications?unread=true')).items.length === 0);
  await page.goto('/settings');
  await field.getByRole('switch').uncheck();
  await until('it is off', async () => (await digest()) === null);
  assert.deepEqual(errors, []);
  await context.close();
});

test('on a phone, in German: the message that rings again has room for its answers', async () => {
  const { account, context, page } = await start('/today', {
    viewport: PHONE,
    hasTouch: true,
    isMobile: true,
    locale: 'de-DE',
  });
  await ringing('Den Ofen ausschalten und die Fenster schließen')(account);
  const toast = page.locator('.toast-ring');
  await toast.waitFor();
  const cut = await toast.evaluate((element) => {
    const box = element.getBoundingClientRect();
    const text = element.querySelector('.toast-text').getBoundingClientRect();
    return { wide: text.width > 180, inside: box.left >= 0 && box.right <= window.innerWidth };
  });
  assert.deepEqual(cut, { wide: true, inside: true });
  await toast.getByRole('button', { name: 'Bestätigen' }).tap();
  await toast.waitFor({ state: 'detached' });
  await context.close();
});
