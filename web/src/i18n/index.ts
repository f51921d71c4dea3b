/** Messages by language. No component holds a sentence of its own. */

import { en, type Messages } from './en';

export type Language = 'en' | 'de';
export const LANGUAGES: { id: Language; name: string }[] = [
  { id: 'en', name: 'English' },
  { id: 'de', name: 'Deutsch' },
];

export type Key = keyof Messages;

/** The parameters that a message names, so that none can be forgotten or misspelt. */
type Names<Text> = Text extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never;
type ParamsOf<K extends Key> = K extends Key
  ? (typeof en)[K] extends { one: infer One; other: infer Other }
    ? 'n' | Names<One> | Names<Other>
    : Names<(typeof en)[K]>
  : never;
/** Messages that stand alone, for keys that are put together. */
export type PlainKey = { [K in Key]: [ParamsOf<K>] extends [never] ? K : never }[Key];
type Args<K extends Key> = [ParamsOf<K>] extends [never] ? [] : [Record<ParamsOf<K>, string | number>];

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
export function t<K extends Key>(key: K, ...args: Args<K>): string {
  const params: Record<string, string | number> = args[0] ?? {};
  const message = messages[key];
  const text =
    typeof message === 'string'
      ? message
      : plural.select(Number(params.n)) === 'one'
        ? message.one
        : message.other;
  return text.replace(/\{(\w+)\}/g, (_, name: string) => String(params[name] ?? ''));
}
