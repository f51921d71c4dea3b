// What one does with tasks by pointer and finger; German.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Account, until } from './support/account.mjs';
import { row, settled, titles, waitForTitles } from './support/app.mjs';
import { violations } from './support/axe.mjs';
import { launch, PHONE, person } from './support/browser.mjs';
import { findFaults } from './support/layout.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

async function start(path, options, seed) {
  const account = await Account.register();
  await seed?.(account);
  const context = await person(browser, options);
  const page = await context.newPage();
  await account.signIn(page, path);
  return { account, context, page };
}

test('a row is dragged to another place, and stays there', async () => {
  const { context, page } = await start('/inbox', {}, async (account) => {
    for (const title of ['Apples', 'Bread', 'Cheese']) await account.task(title);
  });
  await waitForTitles(page, ['Apples', 'Bread', 'Cheese']);
  await row(page, 'Apples').hover();
  const grip = await row(page, 'Apples').locator('.row-grip').boundingBox();
  const last = await row(page, 'Cheese').boundingBox();
  await page.mouse.move(grip.x + grip.width / 2, grip.y + grip.height / 2);
  await page.mouse.down();
  await page.mouse.move(grip.x + 10, grip.y + 30, { steps: 3 });
  await page.mouse.move(grip.x + 10, last.y + last.height - 2, { steps: 5 });
  await page.mouse.up();
  await waitForTitles(page, ['Bread', 'Cheese', 'Apples']);
  await settled(page);
  await page.reload();
  await waitForTitles(page, ['Bread', 'Cheese', 'Apples']);
  await context.close();
});

test('a recurring task: done, the next one comes; undone, it goes', async () => {
  const { account, context, page } = await start('/upcoming', {}, (own) =>
    own.task('Every day', { due: own.day(), repeat: { rrule: 'FREQ=DAILY', from: 'due' } }),
  );
  await waitForTitles(page, ['Every day']);
  await row(page, 'Every day').getByRole('checkbox').click();
  await page.getByText('Next: Tomorrow').waitFor();
  await until('tomorrow’s is shown', async () => {
    const due = await page.locator('main .row:not(.row-leaving)').count();
    return due === 1 && (await page.locator(`[data-droppable="${account.day(1)}"] .row`).count()) === 1;
  });
  await page.getByRole('button', { name: 'Undo' }).click();
  await until('today’s is back alone', async () => {
    return (
      (await page.locator(`[data-droppable="${account.day()}"] .row`).count()) === 1 &&
      (await page.locator('main .row').count()) === 1
    );
  });
  await context.close();
});

test('the recurrence editor says what the server will do', async () => {
  const { context, page } = await start('/inbox', {}, (own) => own.task('Report', { due: '2027-01-31' }));
  await row(page, 'Report').locator('.row-link').click();
  await page.locator('[data-property=repeat]').click();
  await page.getByRole('button', { name: 'Every month on day 31' }).click();
  await page.locator('.preview-dates').filter({ hasText: /31 Jan.*28 Feb.*31 Mar.*30 Apr/ }).waitFor();
  await page.getByRole('button', { name: 'Next month' }).last().click();
  await page.locator('.repeat-picker .day-marked', { hasText: '28' }).waitFor();
  await context.close();
});

test('the receipt of a reminder: planned, rang, how late, by which channel', async () => {
  const { context, page, account } = await start('/today', {}, (own) =>
    own.task('Ring', { due: own.day(), reminders: [{ at: new Date(Date.now() + 3000).toISOString() }] }),
  );
  await page.locator('.toast-ring').waitFor();
  await page.locator('.toast-ring .toast-text').click();
  await page.getByRole('button', { name: 'Reminder receipts' }).click();
  const receipt = page.locator('.receipt');
  await receipt.getByText('Rang', { exact: true }).first().waitFor();
  await receipt.getByText('It rang and reached every channel.').waitFor();
  await receipt.getByText(/on time, .* late/).waitFor();
  await receipt.getByText('This app').waitFor();
  const { items } = await account.call('GET', '/api/notifications');
  await until('opening it has read it', async () => {
    const { read_at } = await account.call('GET', `/api/notifications/${items[0].id}`);
    return read_at !== null;
  });
  await context.close();
});

test('everything overdue is moved to today at once, and back at once', async () => {
  const { account, context, page } = await start('/today', {}, async (own) => {
    await own.task('Late', { due: own.day(-1) });
    await own.task('Later', { due: `${own.day(-2)}T23:30` });
  });
  await waitForTitles(page, ['Later', 'Late']);
  await page.getByRole('button', { name: 'Move all to today' }).click();
  await page.getByText('2 tasks moved to Today').waitFor();
  await page.getByRole('heading', { name: 'Overdue' }).waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByRole('heading', { name: 'Overdue' }).waitFor();
  await settled(page);
  const { items } = await account.call('GET', '/api/tasks');
  assert.deepEqual(items.map((task) => task.due).sort(), [`${account.day(-2)}T23:30`, account.day(-1)]);
  await context.close();
});

test('Back closes a task, and a closed one stays closed', async () => {
  const { context, page } = await start('/today', {}, (own) => own.task('Here', { due: own.day() }));
  await page.goto('/inbox');
  const panel = page.getByRole('complementary');
  await row(page, 'Here').locator('.row-link').click();
  await panel.waitFor();
  await page.goBack();
  await panel.waitFor({ state: 'detached' });
  assert.match(page.url(), /\/inbox$/);
  await row(page, 'Here').locator('.row-link').click();
  await panel.getByRole('button', { name: 'Close' }).click();
  await panel.waitFor({ state: 'detached' });
  await page.goBack();
  await page.getByRole('heading', { name: 'Today' }).waitFor();
  assert.equal(await panel.count(), 0);
  await context.close();
});

test('a link to a task opens it in its list', async () => {
  const { context, page, account } = await start('/today', {});
  const task = await account.task('Linked');
  await page.goto(`/task/${task.id}`);
  await page.getByRole('complementary').getByLabel('Title').waitFor();
  assert.match(page.url(), new RegExp(`/inbox\\?task=${task.id}$`));
  await page.goto('/task/00000000-0000-7000-8000-000000000000');
  await page.getByRole('heading', { name: 'This task is not here' }).first().waitFor();
  await context.close();
});

test('on a phone: add, open, edit and finish with a finger', async () => {
  const { context, page, account } = await start('/today', { viewport: PHONE, hasTouch: true, isMobile: true });
  await page.locator('.float-add').tap();
  await page.locator('dialog .composer-title').fill('From the phone');
  assert.deepEqual(await page.evaluate(findFaults), []);
  await page.getByRole('button', { name: 'Add task' }).last().tap();
  await waitForTitles(page, ['From the phone']);
  await settled(page);
  await row(page, 'From the phone').locator('.row-link').tap();
  const title = page.getByRole('dialog').getByLabel('Title');
  await title.fill('Edited on the phone');
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).tap();
  await waitForTitles(page, ['Edited on the phone']);
  await row(page, 'Edited on the phone').getByRole('checkbox').tap();
  await waitForTitles(page, []);
  await page.locator('.bottom-bar').getByRole('link', { name: 'Browse' }).tap();
  await page.getByRole('link', { name: 'Completed' }).tap();
  await waitForTitles(page, ['Edited on the phone']);
  await settled(page);
  const { items } = await account.call('GET', '/api/tasks?status=completed');
  assert.deepEqual(items.map((task) => task.title), ['Edited on the phone']);
  await context.close();
});

test('German: by the browser at first, then by the settings, everywhere', async () => {
  const { account, context, page } = await start('/today', { locale: 'de-DE' }, (own) =>
    own.task('Miete zahlen', {
      due: `${own.day()}T23:30`,
      repeat: { rrule: 'FREQ=MONTHLY;BYDAY=-1FR', from: 'due' },
      reminders: [{ before: 'PT30M' }],
    }),
  );
  await page.getByRole('heading', { name: 'Heute' }).waitFor();
  await page.getByText('Jeden Monat am letzten Freitag').waitFor();
  assert.equal(await page.locator('html').getAttribute('lang'), 'de');
  for (const [path, heading] of [
    ['/upcoming', 'Demnächst'],
    ['/inbox', 'Eingang'],
    ['/projects', 'Projekte'],
    ['/completed', 'Erledigt'],
    ['/notifications', 'Meldungen'],
    ['/settings', 'Einstellungen'],
  ]) {
    await page.goto(path);
    await page.getByRole('heading', { name: heading, level: 1 }).waitFor();
    assert.deepEqual(await page.evaluate(findFaults), []);
    assert.deepEqual(await violations(page), []);
    await page.setViewportSize(PHONE);
    assert.deepEqual(await page.evaluate(findFaults), []);
    await page.setViewportSize({ width: 1440, height: 900 });
  }
  await page.getByRole('radio', { name: 'English' }).check();
  await page.getByRole('heading', { name: 'Settings' }).waitFor();
  await until('the server knows', async () => (await account.call('GET', '/api/settings')).language === 'en');
  await page.reload();
  await page.getByRole('heading', { name: 'Settings' }).waitFor();
  assert.deepEqual(await titles(page), []);
  await context.close();
});
