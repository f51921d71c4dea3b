// An account that looks like somebody's: what the pictures and the checks of the layout show.

import { Account, until } from './account.mjs';

export async function household() {
  const account = await Account.register();
  const day = (ahead) => account.day(ahead);
  const home = await account.call('POST', '/api/projects', { name: 'Home', reminders: [{ before: 'P1D' }] });
  const release = await account.project('Release 2.0');
  await account.project('Trip to Lisbon');
  const in_ = (project) => ({ project_id: project.id });

  await account.task('Send the signed lease to the landlord', { due: day(-2), priority: 'high', ...in_(home) });
  await account.task('Water the plants on the balcony', {
    due: day(-1),
    repeat: { rrule: 'FREQ=DAILY;INTERVAL=3', from: 'completion' },
    ...in_(home),
  });
  await account.task('Review the migration plan', {
    due: `${day(0)}T23:15`,
    priority: 'high',
    tags: ['deep'],
    notes: 'Look at the lock order first, then at the roll-back.',
    reminders: [{ before: 'PT30M' }],
    ...in_(release),
  });
  await account.task('Call Ada about the quarterly figures', {
    due: `${day(0)}T23:30`,
    tags: ['phone'],
    reminders: [{ before: 'PT10M' }],
  });
  await account.task('Take out the recycling', {
    due: day(0),
    repeat: { rrule: 'FREQ=WEEKLY;BYDAY=MO,TU,TH', from: 'due' },
    priority: 'low',
    ...in_(home),
  });
  const ringing = await account.task('Join the stand-up', {
    due: `${day(0)}T23:45`,
    notes: 'Say what blocks the release.',
    reminders: [{ at: new Date(Date.now() + 1_500).toISOString() }, { before: 'PT5M' }],
    ...in_(release),
  });
  await account.task('Book the dentist', { due: `${day(1)}T10:00`, reminders: [{ before: 'P1D' }] });
  const rent = await account.task('Pay the rent', {
    start: day(1),
    due: day(3),
    priority: 'high',
    repeat: { rrule: 'FREQ=MONTHLY;BYMONTHDAY=31;RSCALE=GREGORIAN;SKIP=BACKWARD', from: 'due' },
    reminders: [{ before: 'P1D', again: 'PT1H', times: 3 }, { before: 'PT0M', of: 'start' }],
    ...in_(home),
  });
  const { items } = await account.call('GET', `/api/tasks/${rent.id}/occurrences?limit=4`);
  const of = (index) => `/api/tasks/${rent.id}/occurrences/${items[index].occurrence}`;
  await account.call('PATCH', of(1), { skipped: true });
  await account.call('PATCH', of(2), { due: `${items[2].due.slice(0, 8)}25` });
  await account.task('Write the release notes', { due: day(4), tags: ['writing'], ...in_(release) });
  await account.task('Renew the passport', { priority: 'medium' });
  await account.task('Ask Grace which keyboard she uses');
  await account.task('Find a present for Edsger’s birthday', { tags: ['shopping'] });
  await account.task('Freeze the API and tag the candidate', { ...in_(release), priority: 'high' });
  await account.task('Measure the start-up time on the small machine', in_(release));
  await account.task('Tell the translators what has changed', in_(release));
  for (const title of ['Order new filters', 'Reply to the insurance', 'Clean the bicycle chain'])
    await account.complete(await account.task(title, { due: day(0), ...in_(home) }));
  await account.change(ringing, { priority: 'medium' });

  await until('the reminder has rung', async () => {
    const { items } = await account.call('GET', '/api/notifications');
    return items.length > 0;
  });
  return { account, home, release, ringing, rent };
}
