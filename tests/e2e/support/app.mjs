// The page's own words and places, in one spot.

import { expectEqual } from './expect.mjs';
import { until } from './account.mjs';

export const titles = (page, list = 'main') => page.locator(`${list} .row:not(.row-leaving) .row-title`).allTextContents();

export const waitForTitles = async (page, wanted, list = 'main') => {
  let seen = [];
  await until(`the rows are ${JSON.stringify(wanted)}`, async () => {
    seen = await titles(page, list);
    return JSON.stringify(seen) === JSON.stringify(wanted);
  }).catch(() => expectEqual(seen, wanted));
};

export const row = (page, title) => page.locator('main .row', { hasText: title });

/** Nothing waits to be sent, and every row has the server's id. */
export const settled = (page) =>
  until('everything is sent', async () => {
    const waiting = await page.evaluate(async () => {
      if (document.querySelector('[data-task^="new-"]')) return 1;
      const [name] = (await indexedDB.databases()).map((database) => database.name).filter((it) => it?.startsWith('punctual-'));
      return new Promise((resolve, reject) => {
        const open = indexedDB.open(name);
        open.onerror = () => reject(open.error);
        open.onsuccess = () => {
          const count = open.result.transaction('queue').objectStore('queue').count();
          count.onsuccess = () => {
            open.result.close();
            resolve(count.result);
          };
        };
      });
    });
    return waiting === 0;
  });

export const add = async (page, title) => {
  await page.keyboard.press('q');
  await page.locator('dialog .composer-title').fill(title);
  await page.keyboard.press('Enter');
  await page.locator('dialog').waitFor({ state: 'detached' });
};

/** Collects what a page says in its console and what it throws; a test ends with none. */
export function watch(page) {
  const errors = [];
  page.on('pageerror', (error) => errors.push(`thrown: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  return errors;
}
