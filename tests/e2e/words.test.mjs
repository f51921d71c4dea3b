// The composer reads while one writes: what was understood is marked in the text, letter under letter, and can be
// taken back.

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

const marks = (page) => page.locator('dialog .composer-mirror mark').allTextContents();
const marked = (page, wanted) =>
  until(`${JSON.stringify(wanted)} are marked`, async () => JSON.stringify(await marks(page)) === JSON.stringify(wanted));

async function composer(options, seed) {
  const account = await Account.register();
  await seed?.(account);
  const context = await person(browser, options);
  const page = await context.newPage();
  const errors = watch(page);
  await account.signIn(page, '/inbox');
  if (options?.isMobile) await page.locator('.float-add').tap();
  else await page.keyboard.press('q');
  const title = page.locator('dialog .composer-title');
  await title.waitFor();
  return { account, context, page, title, errors };
}

test('what is understood is marked while one writes, exactly under its letters, and becomes the task', async () => {
  const { account, context, page, title, errors } = await composer({}, (own) => own.project('Home'));
  await title.pressSequentially('Pay rent every month on the 1st at 9:00 ');
  await marked(page, ['every month on the 1st', 'at 9:00']);
  await title.pressSequentially('!high #Home @money');
  await marked(page, ['every month on the 1st', 'at 9:00', '!high', '#Home', '@money']);

  // The mark lies where the field itself has the word.
  const places = await page.evaluate(() => {
    const field = document.querySelector('dialog .composer-title');
    const mirror = document.querySelector('dialog .composer-mirror');
    const styles = ['font', 'letterSpacing', 'padding', 'whiteSpace', 'lineHeight'];
    const of = (element) => styles.map((name) => getComputedStyle(element)[name]).join('|');
    const [a, b] = [field.getBoundingClientRect(), mirror.getBoundingClientRect()];
    return { same: of(field) === of(mirror), at: [a.left - b.left, a.top - b.top, a.width - b.width], text: mirror.textContent };
  });
  assert.deepEqual(places, {
    same: true,
    at: [0, 0, 0],
    text: 'Pay rent every month on the 1st at 9:00 !high #Home @money',
  });
  // Screen readers hear it, and the properties below show it.
  await page.locator('dialog [aria-live]', { hasText: 'Priority' }).waitFor({ state: 'attached' });
  await page.locator('dialog [data-property=repeat]', { hasText: 'Every month on day 1' }).waitFor();
  await page.locator('dialog [data-property=project]', { hasText: 'Home' }).waitFor();
  assert.deepEqual(await violations(page), []);

  await page.keyboard.press('Enter');
  await page.locator('dialog').waitFor({ state: 'detached' });
  await settled(page);
  const { items } = await account.call('GET', '/api/tasks');
  const [task] = items;
  assert.equal(task.title, 'Pay rent');
  assert.match(task.due, /-01T09:00$/);
  assert.match(task.repeat.rrule, /^FREQ=MONTHLY/);
  assert.deepEqual([task.priority, task.tags], ['high', ['money']]);
  assert.notEqual(task.project_id, account.inbox);
  assert.deepEqual(errors, []);
  await context.close();
});

test('Backspace behind a mark, or a press on its chip, leaves the words in the title', async () => {
  const { account, context, page, title } = await composer();
  await title.pressSequentially('Say hello tomorrow');
  await marked(page, ['tomorrow']);
  await page.getByRole('button', { name: 'tomorrow leave it in the title' }).click();
  await marked(page, []);
  await title.press('End');
  await title.pressSequentially(' today');
  await marked(page, ['today']);
  await title.press('Backspace');
  await marked(page, []);
  assert.equal(await title.inputValue(), 'Say hello tomorrow today');
  await title.press('Enter');
  await waitForTitles(page, ['Say hello tomorrow today']);
  await settled(page);
  assert.equal((await account.call('GET', '/api/tasks')).items[0].due, null);
  await context.close();
});

test('what is chosen by hand takes the place of the words that said it', async () => {
  const { context, page, title } = await composer();
  await title.pressSequentially('Call Ada tomorrow');
  await marked(page, ['tomorrow']);
  await page.locator('dialog [data-property=due]').click();
  await page.getByRole('button', { name: /^Today/ }).click();
  await until('the word is gone', async () => (await title.inputValue()).trim() === 'Call Ada');
  await marked(page, []);
  await page.locator('dialog [data-property=due]', { hasText: 'Today' }).waitFor();
  await context.close();
});

test('on a phone, in German, over several lines: the marks follow the text', async () => {
  const { context, page, title } = await composer({ viewport: PHONE, hasTouch: true, isMobile: true, locale: 'de-DE' });
  await title.fill('Die Unterlagen für das Gespräch mit der Schule zusammenstellen und ausdrucken morgen um 9 Uhr');
  await marked(page, ['morgen', 'um 9 Uhr']);
  const heights = await page.evaluate(() => {
    const field = document.querySelector('dialog .composer-title');
    const mark = document.querySelector('dialog .composer-mirror mark');
    const last = mark.getClientRects()[0];
    const box = field.getBoundingClientRect();
    return { inside: last.bottom <= box.bottom && last.top >= box.top, lines: Math.round(box.height / 25) };
  });
  assert.ok(heights.inside && heights.lines >= 3, JSON.stringify(heights));
  assert.deepEqual(await page.evaluate(findFaults), []);
  await context.close();
});

test('offline the text is the title, as it stands', async () => {
  const { context, page, title } = await composer();
  await context.setOffline(true);
  await title.pressSequentially('Buy milk tomorrow');
  await title.press('Enter');
  await waitForTitles(page, ['Buy milk tomorrow']);
  assert.equal(await row(page, 'Buy milk tomorrow').locator('time').count(), 0);
  await context.close();
});
