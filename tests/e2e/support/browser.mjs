// Chromium from npm, which needs no root and no download; CHROMIUM names another one.

import { existsSync } from 'node:fs';
import chromium from '@sparticuz/chromium';
import { chromium as playwright } from 'playwright-core';

export const PHONE = { width: 390, height: 844 };
export const WIDE = { width: 1440, height: 900 };
export const ZONE = 'Europe/Berlin';

/** The one from npm has no notifications; a whole one does, where the system has it. */
const WHOLE = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

export const launchWhole = () => launch(process.env.CHROMIUM ?? WHOLE.find((path) => existsSync(path)));

export async function launch(own = process.env.CHROMIUM) {
  return playwright.launch({
    executablePath: own ?? (await chromium.executablePath()),
    // One process for all pages would let one crash end every test.
    args: own ? ['--no-sandbox'] : chromium.args.filter((arg) => arg !== '--single-process'),
    headless: true,
  });
}

export const server = () => {
  const address = process.env.PUNCTUAL_URL;
  if (!address) throw new Error('PUNCTUAL_URL has to name a running server, such as http://127.0.0.1:3000');
  return address.replace(/\/$/, '');
};

/** A context as a person has it: its own storage, a zone, a language. */
export const person = (browser, options = {}) =>
  browser.newContext({
    baseURL: server(),
    viewport: WIDE,
    locale: 'en-GB',
    timezoneId: ZONE,
    reducedMotion: 'reduce',
    ...options,
  });

/** Whether this browser can show notifications, permission given. */
export async function notifies(browser) {
  const context = await person(browser, { permissions: ['notifications'] });
  const page = await context.newPage();
  await page.goto('/sign-in');
  const permission = await page.evaluate(() => Notification.permission);
  await context.close();
  return permission === 'granted';
}
