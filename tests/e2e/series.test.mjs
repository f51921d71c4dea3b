// A series: its dates to come, what is changed for one and for all later ones, and its start.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Account, until } from './support/account.mjs';
import { row, settled, waitForTitles, watch } from './support/app.mjs';
import { violations } from './support/axe.mjs';
import { launch, PHONE, person } from './support/browser.mjs';
import { findFaults } from './support/layout.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** Mondays from one that is a week or two ahead. */
function monday(account) {
  const weekday = (new Date(`${account.day()}T12:00Z`).getUTCDay() + 6) % 7;
  return (weeks) => account.day(14 - weekday + weeks * 7);
}

/** As the list says it: `Mon 7 Dec`. */
const short = (date, locale = 'en-GB') =>
  [{ weekday: 'short' }, { day: 'numeric', month: 'short' }]
    .map((part) => new Intl.DateTimeFormat(locale, { timeZone: 'UTC', ...part }).format(new Date(`${date}T00:00Z`)))
    .join(' ');

async function start(options, fields, title = 'Water the plants') {
  const account = await Account.register();
  const at = monday(account);
  const task = await account.task(title, {
    due: at(0),
    repeat: { rrule: 'FREQ=WEEKLY;BYDAY=MO', from: 'due' },
    ...fields?.(account),
  });
  const context = await person(browser, options);
  const page = await context.newPage();
  const errors = watch(page);
  await account.signIn(page, `/inbox?task=${task.id}`);
  const detail = page.locator('.detail');
  await detail.waitFor();
  return { account, at, task, context, page, errors, detail };
}

const dates = (page) => page.locator('.occurrences');
const line = (page, text) => dates(page).locator('li', { hasText: text });

async function open(page) {
  await page.getByRole('button', { name: 'Dates to come' }).click();
  await dates(page).locator('li').first().waitFor();
}

const exceptions = async (account, task) => {
  const { repeat } = await account.read(task);
  return { exdates: repeat.exdates ?? [], moved: repeat.moved ?? {} };
};

test('a date of a series is left out and taken in again, by key, and undone', async () => {
  const { account, at, task, context, page, errors } = await start();
  await open(page);
  await line(page, short(at(0))).getByText('this one').waitFor();
  assert.equal(await dates(page).locator('li').count(), 8);

  const second = line(page, short(at(1)));
  await second.getByRole('button', { name: `Skip ${short(at(1))}` }).focus();
  await page.keyboard.press('Enter');
  await second.getByText('skipped').waitFor();
  await settled(page);
  assert.deepEqual(await exceptions(account, task), { exdates: [at(1)], moved: {} });

  await second.getByRole('button', { name: `Take ${short(at(1))} in again` }).click();
  await second.getByText('skipped').waitFor({ state: 'detached' });
  await settled(page);
  assert.deepEqual(await exceptions(account, task), { exdates: [], moved: {} });

  await page.getByRole('button', { name: 'Undo' }).last().click();
  await second.getByText('skipped').waitFor();
  await settled(page);
  assert.deepEqual(await exceptions(account, task), { exdates: [at(1)], moved: {} });
  assert.deepEqual(await violations(page), []);
  await page.emulateMedia({ colorScheme: 'dark' });
  assert.deepEqual(await violations(page), []);
  assert.deepEqual(errors, []);

  // Done, the series goes on with the one after it.
  await page.locator('.detail-head').getByRole('button', { name: 'Done' }).click();
  await until('the third Monday is the open one', async () => {
    const { items } = await account.call('GET', '/api/tasks');
    return items[0]?.due === at(2);
  });
  await context.close();
});

test('a date is moved to another day and time, and back', async () => {
  const { account, at, task, context, page } = await start({}, (own) => ({ due: `${monday(own)(0)}T09:00` }));
  await open(page);
  const second = line(page, short(at(1)));
  await second.getByRole('button', { name: /^Move / }).click();
  const picker = page.locator('dialog .due-picker');
  await picker.getByLabel('Time').fill('10:30');
  assert.equal(await picker.getByRole('button', { name: 'No date' }).count(), 0);
  await picker.getByRole('button', { name: 'Done' }).click();
  await second.getByText(/instead of 0?9:00/).waitFor();
  await settled(page);
  const key = `${at(1)}T09:00`;
  assert.deepEqual(await exceptions(account, task), { exdates: [], moved: { [key]: `${at(1)}T10:30` } });
  // What one browser does is what the API has: another read shows the same.
  const { items } = await account.call('GET', `/api/tasks/${task.id}/occurrences?limit=3`);
  assert.deepEqual(items.map((one) => [one.due, one.state]), [
    [`${at(0)}T09:00`, 'open'],
    [`${at(1)}T10:30`, 'planned'],
    [`${at(2)}T09:00`, 'planned'],
  ]);
  await second.getByRole('button', { name: /^Move back to / }).click();
  await second.getByText('instead of').waitFor({ state: 'detached' });
  await settled(page);
  assert.deepEqual(await exceptions(account, task), { exdates: [], moved: {} });
  await page.getByRole('button', { name: 'Undo' }).last().click();
  await second.getByText(/instead of 0?9:00/).waitFor();
  await context.close();
});

test('more dates are shown on demand, and what passed of a neglected series', async () => {
  const { context, page, account } = await start({}, (own) => ({
    due: own.day(-3),
    repeat: { rrule: 'FREQ=DAILY', from: 'due' },
  }));
  await open(page);
  await dates(page).locator('li').nth(7).waitFor();
  await page.getByRole('button', { name: 'Show more' }).click();
  await until('28 dates', async () => (await dates(page).locator('li').count()) === 28);
  const texts = await dates(page).locator('time').allTextContents();
  assert.equal(new Set(texts).size, 28);
  await page.getByRole('button', { name: 'Show those that passed' }).click();
  await line(page, short(account.day(-3))).getByText('this one').waitFor();
  await line(page, short(account.day(-2))).getByText('passed').waitFor();
  await context.close();
});

test('counted from completion, nothing is known yet; at its end, nothing is left', async () => {
  const { context, page, account } = await start({}, () => ({
    repeat: { rrule: 'FREQ=WEEKLY', from: 'completion' },
  }));
  await page.getByRole('button', { name: 'Dates to come' }).click();
  await page.getByText('counted from the day you finish this one').waitFor();
  const last = await account.task('Once only', {
    due: account.day(1),
    repeat: { rrule: 'FREQ=DAILY;COUNT=1', from: 'due' },
  });
  await page.goto(`/inbox?task=${last.id}`);
  await page.getByRole('button', { name: 'Dates to come' }).click();
  await page.getByText('the series ends with this one').waitFor();
  await context.close();
});

test('offline, what is shown can be changed, what is not says why, and comes with the connection', async () => {
  const { account, at, task, context, page } = await start();
  await open(page);
  await context.setOffline(true);
  const second = line(page, short(at(1)));
  await second.getByRole('button', { name: /^Skip / }).click();
  await second.getByText('skipped').waitFor();
  // Closed and opened again: the dates have to come from the server.
  const section = page.getByRole('button', { name: 'Dates to come' });
  await section.click();
  await section.click();
  await page.getByText('The dates come from the server').waitFor();
  assert.deepEqual(await violations(page), []);
  await context.setOffline(false);
  await page.getByText('The dates come from the server').waitFor({ state: 'detached' });
  await line(page, short(at(1))).getByText('skipped').waitFor();
  await until('it is sent', async () => (await exceptions(account, task)).exdates.length === 1);
  await context.close();
});

test('a change that the series does not allow is taken back, with the reason', async () => {
  const { account, at, task, context, page } = await start();
  await open(page);
  // Meanwhile the series ended elsewhere, and this page has not heard of it.
  await page.route('**/api/live*', (route) => route.abort());
  await page.route('**/api/tasks/*/occurrences/*', async (route) => {
    await account.complete(task);
    await route.continue();
  });
  await line(page, short(at(1))).getByRole('button', { name: /^Skip / }).click();
  const toast = page.locator('.toast-error');
  await toast.getByText('The server did not accept that').waitFor();
  await toast.getByText('Only the open task of a series').waitFor();
  await context.close();
});

test('a title is changed for this time, then for all later ones', async () => {
  const { account, task, context, page, detail } = await start();
  await detail.getByLabel('Title').fill('Water the herbs');
  await detail.getByLabel('Title').press('Enter');
  await page.getByText('Changed for this time only').waitFor();
  await settled(page);
  let seen = await account.read(task);
  assert.deepEqual([seen.title, seen.later], ['Water the herbs', { title: 'Water the plants' }]);
  await page.locator('.toast').getByRole('button', { name: 'All later ones, too' }).click();
  await page.getByText('Changed for all later ones, too').waitFor();
  await settled(page);
  seen = await account.read(task);
  assert.deepEqual([seen.title, seen.later], ['Water the herbs', null]);
  // Taken back, all have the old one.
  await page.getByRole('button', { name: 'Undo' }).click();
  await until('the title is the old one', async () => {
    const { title, later } = await account.read(task);
    return title === 'Water the plants' && later === null;
  });
  await context.close();
});

test('a due is moved for this time, then the whole series with it, and back', async () => {
  const { account, at, task, context, page, detail } = await start();
  await detail.locator('[data-property=due]').click();
  const tuesday = account.day(0);
  await page.locator('.due-picker').getByRole('button', { name: /^Today/ }).click();
  await page.getByText('Changed for this time only').waitFor();
  await settled(page);
  assert.deepEqual((await account.read(task)).occurrence, at(0));
  await page.locator('.toast').getByRole('button', { name: 'All later ones, too' }).click();
  await settled(page);
  const moved = await account.read(task);
  assert.deepEqual([moved.due, moved.occurrence, moved.series_start], [tuesday, tuesday, tuesday]);
  await page.getByRole('button', { name: 'Undo' }).click();
  await until('the series is back', async () => {
    const { due, repeat, occurrence } = await account.read(task);
    return due === at(0) && occurrence === at(0) && repeat.rrule === 'FREQ=WEEKLY;BYDAY=MO';
  });
  await context.close();
});

test('what this one has of its own is shown, and can be given to all later ones at any time', async () => {
  const { account, at, task, context, page, detail } = await start({}, (own) => ({ due: `${monday(own)(0)}T09:00` }));
  await account.change(task, { title: 'Water the herbs', due: `${at(0)}T10:00` });
  await detail.getByText('Later ones are called “Water the plants”.').waitFor();
  const due = detail.locator('.detail-own', { hasText: 'The series has this one on' });
  await due.getByRole('button', { name: 'Move all later ones along' }).click();
  await due.waitFor({ state: 'detached' });
  await until('the series is moved', async () => {
    const { occurrence, later } = await account.read(task);
    return occurrence === `${at(0)}T10:00` && later.title === 'Water the plants';
  });
  assert.deepEqual(await violations(page), []);
  await page.getByRole('button', { name: 'Undo' }).click();
  await due.waitFor();
  await until('the series is back, this one is not', async () => {
    const seen = await account.read(task);
    return seen.occurrence === `${at(0)}T09:00` && seen.due === `${at(0)}T10:00`;
  });
  await context.close();
});

test('offline, what was changed for one is said for all later ones, and sent so on return', async () => {
  const { account, task, context, page, detail } = await start();
  await context.setOffline(true);
  await detail.getByLabel('Title').fill('Written offline');
  await detail.getByLabel('Title').press('Enter');
  await page.locator('.toast').getByRole('button', { name: 'All later ones, too' }).click();
  await page.getByText('Changed for all later ones, too').waitFor();
  await context.setOffline(false);
  await until('it is sent, for all', async () => {
    const { title, later } = await account.read(task);
    return title === 'Written offline' && later === null;
  });
  await settled(page);
  await context.close();
});

test('a new rule keeps the dates that differ', async () => {
  const { account, at, task, context, page } = await start();
  await account.call('PATCH', `/api/tasks/${task.id}/occurrences/${at(1)}`, { skipped: true });
  await page.locator('.detail [data-property=repeat]').click();
  await page.getByText('1 date differs from the rule').waitFor();
  await page.locator('.repeat-picker').getByLabel('How often').fill('2');
  await page.locator('.repeat-picker').getByRole('button', { name: 'Done' }).click();
  await settled(page);
  const { repeat } = await account.read(task);
  assert.deepEqual([repeat.rrule, repeat.exdates], ['FREQ=WEEKLY;INTERVAL=2;BYDAY=MO', [at(1)]]);
  await context.close();
});

test('a start before the due: set, bounded by the due, moved along with it, removed', async () => {
  const { account, task, context, page, detail, at } = await start({}, () => ({ repeat: null }));
  await detail.locator('[data-property=start]').click();
  const picker = page.locator('.due-picker');
  const late = picker.locator(`[data-date="${account.day(0).slice(0, 8)}28"]`);
  await picker.getByRole('button', { name: /^Tomorrow/ }).click();
  await detail.locator('[data-property=start]', { hasText: 'Tomorrow' }).waitFor();
  await settled(page);
  assert.equal((await account.read(task)).start, account.day(1));

  // The due moves to today: the start can't stay behind it.
  await detail.locator('[data-property=due]').click();
  await picker.getByRole('button', { name: /^Today/ }).click();
  await settled(page);
  const moved = await account.read(task);
  assert.equal(moved.due, account.day(0));
  assert.ok(moved.start <= moved.due, moved.start);

  await detail.locator('[data-property=start]').click();
  await picker.locator('button.day[aria-disabled=true]').first().waitFor();
  await picker.getByRole('button', { name: 'Any time' }).click();
  await settled(page);
  assert.equal((await account.read(task)).start, null);
  assert.ok(late && at);
  await context.close();
});

test('on a phone: the dates fit, and are changed with a finger', async () => {
  const { account, at, task, context, page } = await start(
    { viewport: PHONE, hasTouch: true, isMobile: true, locale: 'de-DE' },
    // Late enough to be still to come when it is moved to today.
    (own) => ({ due: `${monday(own)(0)}T23:59` }),
  );
  await page.getByRole('button', { name: 'Kommende Termine' }).tap();
  await dates(page).locator('li').first().waitFor();
  const second = line(page, short(at(1), 'de'));
  await second.getByRole('button', { name: /verschieben$/ }).tap();
  await page.locator('dialog .due-picker').getByRole('button', { name: /^Heute/ }).tap();
  await line(page, 'statt').waitFor();
  // The message is seen over the sheet, and its way back can be pressed.
  await page.locator('.toast').getByRole('button', { name: 'Rückgängig' }).tap();
  await line(page, 'statt').waitFor({ state: 'detached' });
  await second.getByRole('button', { name: /auslassen$/ }).tap();
  await second.getByText('ausgelassen').waitFor();
  await settled(page);
  assert.deepEqual((await exceptions(account, task)).exdates, [`${at(1)}T23:59`]);
  assert.deepEqual(await page.evaluate(findFaults), []);
  assert.deepEqual(await violations(page), []);
  await page.goto('/inbox');
  await waitForTitles(page, ['Water the plants']);
  await row(page, 'Water the plants').waitFor();
  await context.close();
});
