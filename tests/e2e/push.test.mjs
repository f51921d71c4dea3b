// The service worker: a push is shown, answered without the page, and taken down when it was read elsewhere.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Account, until } from './support/account.mjs';
import { launchWhole, notifies, person, server } from './support/browser.mjs';
import { PushService } from './support/push-service.mjs';

let browser;
let able;
before(async () => {
  browser = await launchWhole();
  able = await notifies(browser);
});
after(() => browser?.close());

const shownTest = (name, work) =>
  test(name, (context) => (able ? work() : context.skip('this browser shows no notifications; CHROMIUM can name one that does')));

/** A page whose worker is there, and a task whose reminder has rung. */
async function start() {
  const account = await Account.register();
  const context = await person(browser, { permissions: ['notifications'] });
  const page = await context.newPage();
  const protocol = await context.newCDPSession(page);
  const registrations = [];
  protocol.on('ServiceWorker.workerRegistrationUpdated', (event) => registrations.push(...event.registrations));
  await protocol.send('ServiceWorker.enable');
  await account.signIn(page);
  await until('the worker is active', () =>
    page.evaluate(async () => (await navigator.serviceWorker.ready).active?.state === 'activated'),
  );
  const registration = await until('the worker is registered', () => registrations.findLast((entry) => !entry.isDeleted && entry.scopeURL.startsWith(server())));

  const task = await account.task('Call Ada', {
    due: account.day(),
    reminders: [{ at: new Date(Date.now() + 1000).toISOString() }],
  });
  const notification = await until('it has rung', async () => {
    const { items } = await account.call('GET', '/api/notifications');
    return items[0];
  });
  const deliver = (content) =>
    protocol.send('ServiceWorker.deliverPushMessage', {
      origin: server(),
      registrationId: registration.registrationId,
      data: typeof content === 'string' ? content : JSON.stringify(content),
    });
  // DevTools does not say when a delivery got lost, because the worker was on its way up or down: it comes again, as a
  // push does that a push service keeps.
  const delivered = async (content, what, holds) => {
    for (let left = 3; ; left--) {
      await deliver(content);
      try {
        return await until(what, holds, 5);
      } catch (error) {
        if (left === 0) throw error;
      }
    }
  };
  const fired = {
    kind: 'fired',
    id: notification.id,
    task_id: task.id,
    title: task.title,
    body: 'Due today',
    due_for: notification.due_for,
    url: `/task/${task.id}`,
    lang: 'en',
    actions: { done: 'Done', snooze: 'Snooze 10 min' },
  };
  const shown = () =>
    page.evaluate(async () => {
      const registration = await navigator.serviceWorker.ready;
      return (await registration.getNotifications()).map(({ title, body, tag, actions }) => ({
        title,
        body,
        tag,
        actions: actions?.map((action) => action.action),
      }));
    });
  const press = async (action) => {
    const [worker] = context.serviceWorkers();
    await worker.evaluate(async (action) => {
      const [notification] = await self.registration.getNotifications();
      self.dispatchEvent(new NotificationEvent('notificationclick', { notification, action }));
    }, action);
  };
  const ring = (content) => delivered(content, 'it is shown', async () => (await shown()).length === 1);
  return { account, context, page, task, notification, fired, deliver, delivered, ring, shown, press };
}

shownTest('a reminder that fired is shown under its id, with two answers; a second push replaces it', async () => {
  const { context, fired, deliver, delivered, ring, shown } = await start();
  await ring(fired);
  const replaced = async () => (await shown())[0]?.body === 'Still due';
  await delivered({ ...fired, body: 'Still due' }, 'it is replaced', replaced);
  assert.deepEqual(await shown(), [
    { title: 'Call Ada', body: 'Still due', tag: fired.id, actions: ['done', 'snooze'] },
  ]);
  await deliver('{"kind":"close","id":"another"}');
  await deliver('not JSON');
  await delivered({ kind: 'close', id: fired.id }, 'it is closed', async () => (await shown()).length === 0);
  await context.close();
});

shownTest('Done on the notification completes the task, with the session’s cookie alone', async () => {
  const { account, context, task, fired, ring, shown, press } = await start();
  await ring(fired);
  await press('done');
  await until('the task is done', async () => (await account.read(task)).status === 'completed');
  await until('it is closed', async () => (await shown()).length === 0);
  await context.close();
});

shownTest('Snooze on the notification plans it again in ten minutes', async () => {
  const { account, context, task, fired, ring, press } = await start();
  await ring(fired);
  await press('snooze');
  const snoozed = await until('it is planned again', async () => {
    const { items } = await account.call('GET', `/api/tasks/${task.id}/reminders`);
    return items.find((receipt) => receipt.kind === 'snooze');
  });
  const minutes = (Date.parse(snoozed.due_for) - Date.now()) / 60_000;
  assert.ok(minutes > 9 && minutes < 10.1, `in ${minutes} minutes`);
  await context.close();
});

shownTest('an answer that does not reach the server is not swallowed', async () => {
  const { context, fired, ring, shown, press } = await start();
  await ring(fired);
  // The session is gone.
  await context.clearCookies();
  await press('done');
  await until('it says so', async () => (await shown())[0]?.body.startsWith('Could not be marked as done'));
  await context.close();
});

shownTest('read in another browser, it is taken down here', async () => {
  const { account, context, notification, fired, ring, shown } = await start();
  await ring(fired);
  await account.call('POST', `/api/notifications/${notification.id}/read`);
  await until('it is closed', async () => (await shown()).length === 0);
  await context.close();
});

shownTest('pressed, it opens its task in the window that is there', async () => {
  const { context, page, task, fired, ring, press } = await start();
  await ring(fired);
  // Only a real press may focus a window; the worker's message to the page is what is tested.
  const [worker] = context.serviceWorkers();
  await worker.evaluate(async (url) => {
    const [client] = await self.clients.matchAll({ type: 'window' });
    client.postMessage({ kind: 'open', url });
  }, fired.url);
  await page.waitForURL(`**/inbox?task=${task.id}`);
  await page.getByRole('complementary').getByLabel('Title').waitFor();
  await context.close();
});

shownTest('what the server really sends is understood: it rings here, and is taken down when it was read', async () => {
  const { account, context, page, delivered, ring, shown } = await start();
  const service = await PushService.start();
  await account.call('PATCH', '/api/settings', { language: 'de' });
  await account.call('POST', '/api/settings/channels', service.channel());
  const task = await account.task('Zug nach Köln', {
    due: `${account.day(1)}T09:30`,
    reminders: [{ at: new Date(Date.now() + 1000).toISOString() }],
  });
  const [fired] = await until('the server has pushed', () => service.messages.length > 0 && service.messages);
  assert.equal(fired.headers['content-encoding'], 'aes128gcm');
  assert.match(fired.headers.authorization, /^vapid t=/);
  assert.ok(Number(fired.headers.ttl) > 0);
  assert.equal(fired.content.task_id, task.id);
  await ring(fired.content);
  const [notification] = await shown();
  assert.equal(notification.title, 'Zug nach Köln');
  assert.equal(notification.tag, fired.content.id);
  assert.deepEqual(notification.actions, ['done', 'snooze']);
  await page.goto(fired.content.url);
  await page.getByRole('complementary').getByLabel('Title').or(page.getByLabel('Titel')).first().waitFor();

  await account.call('POST', `/api/notifications/${fired.content.id}/read`);
  const closed = await until('the server has pushed that it was read', () =>
    service.messages.find((message) => message.content.kind === 'close'),
  );
  assert.equal(closed.content.id, fired.content.id);
  await delivered(closed.content, 'it is closed', async () => (await shown()).length === 0);
  service.close();
  await context.close();
});
