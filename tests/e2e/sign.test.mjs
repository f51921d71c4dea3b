// Coming and going: accounts, sessions, settings.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Account, newEmail, until } from './support/account.mjs';
import { add, settled, waitForTitles } from './support/app.mjs';
import { launch, person } from './support/browser.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

test('a new account, a task, a reload: all is still there, and no token is where scripts could read it', async () => {
  const context = await person(browser);
  const page = await context.newPage();
  await page.goto('/');
  await page.getByRole('link', { name: 'Create an account' }).click();
  await page.getByLabel('E-mail').fill(newEmail());
  await page.locator('input[name=password]').fill('short');
  await page.getByRole('button', { name: 'Create account' }).click();
  assert.equal(await page.locator('input[name=password]').evaluate((field) => field.validity.valid), false);
  await page.locator('input[name=password]').fill('a long enough password');
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByRole('heading', { name: 'Today', exact: true }).waitFor();
  await add(page, 'Still here');
  await settled(page);
  await page.reload();
  await waitForTitles(page, ['Still here']);
  await page.locator('main[data-live]').waitFor();
  const kept = await page.evaluate(() => JSON.stringify(localStorage) + document.cookie);
  assert.doesNotMatch(kept, /at\.|rt\./);
  await context.close();
});

test('a wrong password says so', async () => {
  const account = await Account.register();
  const context = await person(browser);
  const page = await context.newPage();
  await page.goto('/sign-in');
  await page.getByLabel('E-mail').fill(account.email);
  await page.locator('input[name=password]').fill('not the password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').filter({ hasText: 'don’t belong together' }).waitFor();
  await context.close();
});

test('signing out forgets the account on this device', async () => {
  const account = await Account.register();
  await account.task('Secret', { due: account.day() });
  const context = await person(browser);
  const page = await context.newPage();
  await account.signIn(page);
  await waitForTitles(page, ['Secret']);
  await page.goto('/settings');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await until('the rows are gone', () =>
    page.evaluate(async () => (await indexedDB.databases()).every((database) => !database.name?.startsWith('punctual-'))),
  );
  await page.goto('/today');
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await context.close();
});

test('a session that was ended elsewhere asks to sign in again, and keeps what was not sent', async () => {
  const account = await Account.register();
  const context = await person(browser);
  const page = await context.newPage();
  await account.signIn(page);
  const { items } = await account.call('GET', '/api/auth/sessions');
  const other = items.find((session) => !session.current);
  await account.call('DELETE', `/api/auth/sessions/${other.id}`);
  await page.reload();
  await page.getByText('Your session has ended').waitFor();
  await add(page, 'Written while signed out');
  await waitForTitles(page, ['Written while signed out']);
  await page.locator('.banner').getByRole('button', { name: 'Sign in' }).click();
  await page.locator('input[name=password]').fill(account.password);
  await page.locator('form button[type=submit]').click();
  await until('it is on the server', async () => {
    const { items: tasks } = await account.call('GET', '/api/tasks');
    return tasks.some((task) => task.title === 'Written while signed out');
  });
  await context.close();
});

test('settings: zone, morning, quiet hours, a token, a webhook, sessions', async () => {
  const account = await Account.register();
  const context = await person(browser);
  const page = await context.newPage();
  await account.signIn(page, '/settings');
  const settings = () => account.call('GET', '/api/settings');

  await page.getByLabel('Time zone').fill('America/New_York');
  await until('the zone is saved', async () => (await settings()).timezone === 'America/New_York');
  await page.getByLabel('Morning').fill('07:30');
  await until('the morning is saved', async () => (await settings()).morning === '07:30');
  await page.getByRole('switch', { name: 'Hold reminders at night' }).check();
  await until('quiet hours are saved', async () => {
    const { quiet_from, quiet_until } = await settings();
    return quiet_from === '22:00' && quiet_until === '07:00';
  });
  await page.getByLabel('Quiet until').fill('06:15');
  await until('their end is saved', async () => (await settings()).quiet_until === '06:15');

  await page.getByLabel('Name of the token').fill('backup script');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  const token = await page.getByLabel('The new token. It is shown only now.').last().inputValue();
  const answer = await fetch(`${new URL(page.url()).origin}/api/tasks`, {
    headers: { authorization: `Bearer ${token}` },
  });
  assert.equal(answer.status, 200);
  await page.getByRole('button', { name: 'Revoke' }).click();
  await page.getByRole('button', { name: 'Revoke' }).waitFor({ state: 'detached' });

  await page.getByLabel('Kind of channel').selectOption('webhook');
  await page.getByLabel('https:// address').fill('https://example.org/hook');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByText('https://example.org/hook').waitFor();
  assert.match(await page.locator('.secret input').first().inputValue(), /^whsec_/);

  await page.getByText('This one').waitFor();
  const others = page.locator('.items li', { has: page.getByRole('button', { name: 'End' }) });
  await others.first().getByRole('button', { name: 'End' }).click();
  await others.first().waitFor({ state: 'detached' });
  await context.close();
});
