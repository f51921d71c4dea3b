import { afterEach, describe, expect, test } from 'vitest';
import { setLanguage, t } from '../src/i18n';
import { de } from '../src/i18n/de';
import { en } from '../src/i18n/en';
import { repeatWords } from '../src/time/words';

afterEach(() => setLanguage('en'));

const names = (message: string | { one: string; other: string }): string[] =>
  [...new Set(JSON.stringify(message).match(/\{\w+\}/g))].sort();
const keys = (message: string | { one: string; other: string }): string[] =>
  (JSON.stringify(message).match(/\[[^\]]+\]/g) ?? []).sort();

describe('German', () => {
  test('has every message, with the same parameters and keys', () => {
    expect(Object.keys(de).sort()).toEqual(Object.keys(en).sort());
    for (const key of Object.keys(en) as (keyof typeof en)[]) {
      expect([key, names(de[key])]).toEqual([key, names(en[key])]);
      expect([key, keys(de[key])]).toEqual([key, keys(en[key])]);
      expect([key, typeof de[key]]).toEqual([key, typeof en[key]]);
    }
  });

  test('is used once it is chosen', async () => {
    expect(t('nav.today')).toBe('Today');
    await setLanguage('de');
    expect(t('nav.today')).toBe('Heute');
    expect(t('search.hits', { n: 1 })).toBe('1 Aufgabe gefunden');
    expect(t('search.hits', { n: 2 })).toBe('2 Aufgaben gefunden');
  });
});

test('a rule in words, in both languages', async () => {
  const words = () => [
    repeatWords({ rrule: 'FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR', from: 'due' }, '2026-11-24'),
    repeatWords({ rrule: 'FREQ=MONTHLY;BYDAY=-1FR;COUNT=3', from: 'completion' }, '2026-11-24'),
    repeatWords({ rrule: 'FREQ=DAILY;BYHOUR=9', from: 'due' }, '2026-11-24'),
  ];
  expect(words()).toEqual([
    'Every 2 weeks on Monday and Friday',
    'Every month on the last Friday, 3 times, after it was done',
    'By its own rule',
  ]);
  await setLanguage('de');
  expect(words()).toEqual([
    'Alle 2 Wochen am Montag und Freitag',
    'Jeden Monat am letzten Freitag, 3-mal, nach dem Erledigen',
    'Nach eigener Regel',
  ]);
});
