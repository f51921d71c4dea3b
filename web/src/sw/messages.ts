/** The few sentences that the service worker says itself; the page's messages are too many to carry along. */

const en = {
  notDone: 'Could not be marked as done: the server was not reached.',
  notSnoozed: 'Could not be snoozed: the server was not reached.',
};

const de: typeof en = {
  notDone: 'Konnte nicht erledigt werden: Der Server war nicht erreichbar.',
  notSnoozed: 'Konnte nicht verschoben werden: Der Server war nicht erreichbar.',
};

export const messagesOf = (language: string): typeof en => (language.startsWith('de') ? de : en);
