// How fast it feels: PUNCTUAL_URL=… node speed.mjs
//  - from a key press to the frame that shows what it did,
//  - from a key press in one browser to the frame of another that shows it.

import { Account, until } from './support/account.mjs';
import { settled } from './support/app.mjs';
import { launch, person } from './support/browser.mjs';

const TASKS = Number(process.env.TASKS ?? 200);
const TURNS = Number(process.env.TURNS ?? 40);

const browser = await launch();
const account = await Account.register();
for (let at = 0; at < TASKS; at++) await account.task(`Task ${String(at).padStart(4, '0')}`, { due: account.day(at % 14) });

async function open() {
  const context = await person(browser);
  const page = await context.newPage();
  await account.signIn(page, '/inbox');
  await page.locator('main .row').nth(TASKS - 1).waitFor();
  // Times are of the system's clock, so that two pages can be compared.
  await page.evaluate(() => {
    const now = () => performance.timeOrigin + performance.now();
    window.pressed = 0;
    window.painted = [];
    addEventListener('keydown', (event) => (window.pressed = performance.timeOrigin + event.timeStamp), true);
    window.waitFor = (holds) =>
      new Promise((resolve) => {
        const look = () => {
          if (!holds()) return;
          observer.disconnect();
          // After the next frame was drawn.
          requestAnimationFrame(() => {
            const channel = new MessageChannel();
            channel.port1.onmessage = () => resolve(now());
            channel.port2.postMessage(null);
          });
        };
        const observer = new MutationObserver(look);
        observer.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
        look();
      });
  });
  return page;
}

const [here, there] = [await open(), await open()];
const done = (id) => `[data-task="${id}"].row-done, [data-task="${id}"].row-leaving`;
const results = { complete: [], add: [], other: [] };

for (let turn = 0; turn < TURNS; turn++) {
  // `x` on a row.
  await here.locator('main h1').focus();
  await here.keyboard.press('j');
  const id = await here.evaluate(() => document.activeElement.closest('[data-task]').dataset.task);
  const shown = (page) =>
    page.evaluate(([id, selector]) => window.waitFor(() => document.querySelector(selector) || !document.querySelector(`[data-task="${id}"]`)), [id, done(id)]);
  const [paintedHere, paintedThere] = [shown(here), shown(there)];
  await here.keyboard.press('x');
  const at = await paintedHere;
  const pressed = await here.evaluate(() => window.pressed);
  results.complete.push(at - pressed);
  results.other.push((await paintedThere) - pressed);
  await until('it has left', () => here.evaluate((id) => !document.querySelector(`[data-task="${id}"]`), id));

  // Enter in the composer.
  const title = `Added ${turn} ${Date.now()}`;
  await here.keyboard.press('q');
  await here.locator('dialog .composer-title').fill(title);
  const has = (page) => page.evaluate((title) => window.waitFor(() => [...document.querySelectorAll('.row-title')].some((row) => row.textContent === title)), title);
  const [addedHere, addedThere] = [has(here), has(there)];
  await here.keyboard.press('Enter');
  const added = await addedHere;
  const entered = await here.evaluate(() => window.pressed);
  results.add.push(added - entered);
  results.other.push((await addedThere) - entered);
  await settled(here);
}
await browser.close();

const at = (values, part) => values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))];
const line = (name, values) =>
  console.log(`${name.padEnd(44)} median ${at(values, 0.5).toFixed(1).padStart(6)} ms   p95 ${at(values, 0.95).toFixed(1).padStart(6)} ms   n=${values.length}`);
console.log(`${TASKS} tasks in the list`);
line('key press to painted: task done', results.complete);
line('key press to painted: task added', results.add);
line('key press here to painted in another browser', results.other);
