// Accounts and their rows, made through the API, so that a test begins where it wants to.

import { server, ZONE } from './browser.mjs';

let made = 0;
const PASSWORD = 'a long enough password';

export const newEmail = () => `p${process.pid}-${Date.now()}-${made++}@example.org`;

export class Account {
  static async register(email = newEmail()) {
    const account = new Account();
    account.email = email;
    account.password = PASSWORD;
    const session = await account.call('POST', '/api/auth/register', { email, password: PASSWORD, timezone: ZONE });
    account.token = session.access_token;
    account.inbox = session.user.inbox_id;
    return account;
  }

  async call(method, path, body, headers = {}) {
    const response = await fetch(server() + path, {
      method,
      headers: {
        accept: 'application/json',
        ...(body === undefined
          ? {}
          : { 'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json' }),
        ...(this.token ? { authorization: `Bearer ${this.token}` } : {}),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }

  task(title, fields = {}) {
    return this.call('POST', '/api/tasks', { title, ...fields });
  }

  project(name) {
    return this.call('POST', '/api/projects', { name });
  }

  change(task, fields) {
    return this.call('PATCH', `/api/tasks/${task.id}`, fields);
  }

  complete(task) {
    return this.call('POST', `/api/tasks/${task.id}/complete`);
  }

  read(task) {
    return this.call('GET', `/api/tasks/${task.id}`);
  }

  /** The person's calendar: today plus some days. */
  day(ahead = 0) {
    return new Intl.DateTimeFormat('sv-SE', { timeZone: ZONE }).format(Date.now() + ahead * 86_400_000);
  }

  /** Through the page, as people do it. */
  async signIn(page, to = '/today') {
    await page.goto('/sign-in');
    await page.getByLabel('E-mail').or(page.getByLabel('E-Mail')).fill(this.email);
    await page.locator('input[name=password]').fill(this.password);
    await page.locator('form button[type=submit]').click();
    await page.locator('main .page').waitFor();
    if (to !== '/today') await page.goto(to);
    await page.locator('main[data-live]').waitFor();
  }
}

/** Asks again until it holds, at most `seconds`. */
export async function until(what, holds, seconds = 15) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const value = await holds();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
