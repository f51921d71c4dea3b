/** Messages by language. No component holds a sentence of its own. */

import { en, type Messages } from './en';

export type Language = 'en' | 'de';
export const LANGUAGES: { id: Language; name: string }[] = [
  { id: 'en', name: 'English' },
  { id: 'de', name: 'Deutsch' },
];

export type Key = keyof Messages;
export type Params = Record<string, string | number>;

let messages: Messages = en;
let current: Language = 'en';
let plural = new Intl.PluralRules('en');

export const language = (): Language => current;

/** For Intl: the browser's own region where it speaks the chosen language. */
export function locale(): string {
  const own = globalThis.navigator?.language ?? 'en';
  return own.split('-')[0] === current ? own : current === 'en' ? 'en-GB' : current;
}

export const isLanguage = (text: string | null | undefined): text is Language =>
  text === 'en' || text === 'de';

export const browserLanguage = (): Language => {
  const own = globalThis.navigator?.language.split('-')[0];
  return isLanguage(own) ? own : 'en';
};

export async function setLanguage(next: Language): Promise<void> {
  messages = next === 'de' ? (await import('./de')).de : en;
  current = next;
  plural = new Intl.PluralRules(next);
  if (globalThis.document) document.documentElement.lang = next;
}

/** `{name}` takes the parameter of that name; where a message has forms, `n` chooses. */
export function t(key: Key, params: Params = {}): string {
  const message = messages[key];
  const text =
    typeof message === 'string'
      ? message
      : plural.select(Number(params.n)) === 'one'
        ? message.one
        : message.other;
  return text.replace(/\{(\w+)\}/g, (_, name: string) => String(params[name] ?? ''));
}
