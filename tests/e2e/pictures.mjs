// Pictures of the main views, dark and light, phone and wide: PUNCTUAL_URL=… node pictures.mjs FOLDER

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { launch, PHONE, person, WIDE } from './support/browser.mjs';
import { household } from './support/household.mjs';

const folder = process.argv[2];
if (!folder) throw new Error('give the folder that the pictures go to');
mkdirSync(folder, { recursive: true });

const browser = await launch();
const { account, release, ringing, rent } = await household();

const VIEWS = [
  ['today', '/today'],
  ['upcoming', '/upcoming'],
  ['inbox', '/inbox'],
  ['project', `/project/${release.id}`],
  ['projects', '/projects'],
  ['completed', '/completed'],
  ['notifications', '/notifications'],
  ['settings', '/settings'],
  ['search', '/search?q=release'],
  [
    'task',
    `/today?task=${ringing.id}`,
    async (page) => {
      for (const section of await page.locator('.detail .disclosure').all()) await section.click();
      await page.locator('.detail .receipt').first().waitFor();
      await page.locator('.detail .history li').first().waitFor();
    },
  ],
  [
    'dates',
    `/upcoming?task=${rent.id}`,
    async (page) => {
      await page.getByRole('button', { name: 'Dates to come' }).click();
      await page.locator('.occurrences li').nth(3).waitFor();
      await page.locator('.occurrences').scrollIntoViewIfNeeded();
    },
  ],
  [
    'composer',
    '/today',
    async (page, phone) => {
      if (phone) await page.locator('.float-add').click();
      else await page.keyboard.press('q');
      await page.locator('dialog .composer-title').fill('Prepare the slides for Thursday');
    },
  ],
  [
    'date',
    '/today',
    async (page, phone) => {
      if (phone) await page.locator('.float-add').click();
      else await page.keyboard.press('q');
      await page.locator('dialog .composer-title').fill('Prepare the slides for Thursday');
      await page.locator('dialog [data-property=due]').click();
      await page.locator('.due-picker').waitFor();
    },
  ],
  [
    'repeat',
    `/project/${release.id}`,
    async (page, phone) => {
      if (phone) await page.locator('.float-add').click();
      else await page.keyboard.press('q');
      await page.locator('dialog .composer-title').fill('Back up the photos');
      await page.locator('dialog [data-property=repeat]').click();
      await page.locator('.repeat-picker .menu-item').nth(2).click();
      await page.locator('.repeat-picker .day-marked').first().waitFor();
    },
  ],
  [
    'palette',
    '/today',
    async (page) => {
      await page.keyboard.press('Control+k');
      await page.locator('.palette').waitFor();
    },
  ],
  [
    'help',
    '/today',
    async (page) => {
      await page.keyboard.press('?');
      await page.locator('.help').waitFor();
    },
  ],
];

for (const [size, viewport] of [
  ['phone', PHONE],
  ['wide', WIDE],
])
  for (const colorScheme of ['light', 'dark']) {
    const phone = size === 'phone';
    const context = await person(browser, {
      viewport,
      colorScheme,
      hasTouch: phone,
      isMobile: phone,
      deviceScaleFactor: Number(process.env.SCALE ?? 1),
    });
    const page = await context.newPage();
    const take = (name) => page.screenshot({ path: join(folder, `${name}-${size}-${colorScheme}.png`) });
    await page.goto('/sign-up');
    await page.locator('form').waitFor();
    await take('sign-up');
    await account.signIn(page);
    for (const [name, path, open] of VIEWS) {
      if (phone && ['palette', 'help'].includes(name)) continue;
      await page.goto(path);
      await page.locator('main[data-live]').waitFor();
      await page.locator('main .page').waitFor();
      await page.evaluate(() => document.fonts.ready);
      await open?.(page, phone);
      await take(name);
    }
    await context.close();
  }
await browser.close();
