// Each view: it shows what it should, fits phone and wide windows, and is accessible, in light and dark.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Account } from './support/account.mjs';
import { watch } from './support/app.mjs';
import { violations } from './support/axe.mjs';
import { launch, PHONE, person, WIDE } from './support/browser.mjs';
import { household } from './support/household.mjs';
import { findFaults } from './support/layout.mjs';

let browser;
let home;
before(async () => {
  browser = await launch();
  home = await household();
});
after(() => browser?.close());

const press = async (page, phone) => {
  if (phone) await page.locator('.float-add').click();
  else await page.keyboard.press('q');
  await page.locator('dialog .composer-title').fill('Back up the photos');
};

const VIEWS = [
  ['Today', '/today', 'Call Ada about the quarterly figures'],
  ['Upcoming', '/upcoming', 'Book the dentist'],
  ['Inbox', '/inbox', 'Renew the passport'],
  ['a project', () => `/project/${home.release.id}`, 'Write the release notes'],
  ['Projects', '/projects', 'Trip to Lisbon'],
  ['Completed', '/completed', 'Order new filters'],
  ['Notifications', '/notifications', 'Join the stand-up'],
  ['Settings', '/settings', 'Time zone'],
  ['Search', '/search?q=release', 'Write the release notes'],
  [
    'a task with its receipts and history',
    () => `/today?task=${home.ringing.id}`,
    'It rang and reached every channel',
    async (page) => {
      for (const section of await page.locator('.detail .disclosure').all()) await section.click();
      await page.locator('.detail .history li').first().waitFor();
    },
  ],
  [
    'the dates of a series',
    () => `/upcoming?task=${home.rent.id}`,
    'instead of',
    (page) => page.getByRole('button', { name: 'Dates to come' }).click(),
  ],
  [
    'another date for one of them',
    () => `/upcoming?task=${home.rent.id}`,
    'Next week',
    async (page) => {
      await page.getByRole('button', { name: 'Dates to come' }).click();
      await page.getByRole('button', { name: /^Move / }).last().click();
    },
  ],
  [
    'a reminder that rings again',
    () => `/upcoming?task=${home.rent.id}`,
    'Until you acknowledge it',
    async (page) => {
      await page.locator('.detail [data-property=reminders]').click();
      await page.getByRole('button', { name: /^Ring again/ }).first().click();
    },
  ],
  [
    'a start',
    () => `/upcoming?task=${home.rent.id}`,
    'Start: not before',
    (page) => page.locator('.detail [data-property=start]').click(),
  ],
  [
    'a project’s name and reminders',
    () => `/project/${home.home.id}`,
    'A new task here gets them',
    async (page) => {
      await page.locator('.page-head button').click();
      await page.getByRole('menuitem', { name: 'Name and reminders' }).click();
    },
  ],
  ['the composer', '/today', 'Reminders', press],
  [
    'the date picker',
    '/today',
    'Next week',
    async (page, phone) => {
      await press(page, phone);
      await page.locator('dialog [data-property=due]').click();
    },
  ],
  [
    'the reminder picker',
    '/today',
    'At a fixed time',
    async (page, phone) => {
      await press(page, phone);
      await page.locator('dialog [data-property=reminders]').click();
    },
  ],
  [
    'the recurrence editor',
    '/upcoming',
    'Every month on day',
    async (page, phone) => {
      await press(page, phone);
      await page.locator('dialog [data-property=repeat]').click();
      await page.locator('.repeat-picker .menu-item').nth(3).click();
      await page.locator('.repeat-picker .day-marked').first().waitFor();
    },
  ],
  ['a project’s menu', () => `/project/${home.release.id}`, 'Archive project', (page) => page.locator('.page-head button').click()],
  ['the commands', '/today', 'Go to Upcoming', (page) => page.keyboard.press('Control+k')],
  ['the keys', '/today', 'Move to next week', (page) => page.keyboard.press('?')],
];

test('the checks see what is broken', async () => {
  const context = await person(browser);
  const page = await context.newPage();
  await page.goto('/sign-in');
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  assert.deepEqual(await page.evaluate(findFaults), []);
  const broken = async (html, style) => {
    await page.evaluate(
      ([html, style]) => {
        document.querySelector('#broken')?.remove();
        const box = document.createElement('div');
        box.id = 'broken';
        box.innerHTML = html;
        document.querySelector('form').append(box);
        for (const element of box.children) element.style.cssText = style;
      },
      [html, style],
    );
    return (await page.evaluate(findFaults)).join();
  };
  assert.match(await broken('<p>wide</p>', 'width: 3000px'), /scrolls sideways.*sticks out/s);
  assert.match(await broken('<p>much too long</p>', 'width: 20px; white-space: nowrap'), /wider than its box/);
  assert.match(await broken('<p>two lines</p>', 'width: 30px; height: 10px; overflow: hidden'), /is cut/);
  assert.match(await broken('<button>x</button>', 'width: 12px; height: 12px; padding: 0'), /smaller than 24/);
  assert.match(
    await broken('<button>one</button><button>other</button>', 'position: absolute; top: 300px; height: 40px'),
    /cover each other/,
  );
  await broken('<input>', '');
  assert.match((await violations(page)).join(), /label: /);
  await context.close();
});

for (const [size, viewport] of [
  ['wide', WIDE],
  ['phone', PHONE],
])
  describe(`${size} window`, () => {
    const phone = size === 'phone';
    let context;
    let page;
    let errors;
    before(async () => {
      context = await person(browser, { viewport, hasTouch: phone, isMobile: phone });
      page = await context.newPage();
      errors = watch(page);
      await home.account.signIn(page);
    });
    after(() => context?.close());

    for (const [name, path, says, open] of VIEWS)
      test(name, async () => {
        await page.emulateMedia({ colorScheme: 'light' });
        await page.goto(typeof path === 'function' ? path() : path);
        await page.locator('main[data-live]').waitFor();
        await open?.(page, phone);
        const place = (await page.locator('dialog[open]').count()) > 0 ? 'dialog[open] >> nth=-1' : '#root';
        const text = page.locator(place).getByText(says).or(page.locator(place).getByRole('textbox', { name: says }));
        await text.locator('visible=true').first().waitFor();
        assert.deepEqual(await page.evaluate(findFaults), []);
        assert.deepEqual(await violations(page), []);
        await page.emulateMedia({ colorScheme: 'dark' });
        assert.deepEqual(await violations(page), []);
        assert.deepEqual(errors.splice(0), []);
      });

    test('an empty account teaches', async () => {
      const account = await Account.register();
      const own = await person(browser, { viewport, hasTouch: phone, isMobile: phone });
      const fresh = await own.newPage();
      await account.signIn(fresh);
      for (const [path, says] of [
        ['/today', 'Nothing is due today'],
        ['/inbox', 'The Inbox is empty'],
        ['/projects', 'No projects yet'],
        ['/completed', 'Nothing finished yet'],
        ['/notifications', 'Nothing has rung yet'],
        ['/search', 'Find any task'],
      ]) {
        await fresh.goto(path);
        await fresh.getByRole('heading', { name: says }).waitFor();
        assert.deepEqual(await fresh.evaluate(findFaults), []);
        assert.deepEqual(await violations(fresh), []);
      }
      await own.close();
    });

    test('before signing in', async () => {
      const own = await person(browser, { viewport, hasTouch: phone, isMobile: phone });
      const stranger = await own.newPage();
      for (const [path, says] of [
        ['/sign-up', 'Create an account'],
        ['/sign-in', 'Sign in'],
      ]) {
        await stranger.goto(path);
        await stranger.getByRole('heading', { name: says }).waitFor();
        await stranger.getByText('To-dos whose reminders never get lost').waitFor();
        assert.deepEqual(await stranger.evaluate(findFaults), []);
        assert.deepEqual(await violations(stranger), []);
      }
      await own.close();
    });
  });
