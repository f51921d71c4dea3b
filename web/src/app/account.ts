/** Whose rows this browser shows before the server was asked: the last account, and its language. */

import type { User } from '../core/types';
import { isLanguage, type Language } from '../i18n';

const USER = 'punctual-user';
const LANGUAGE = 'punctual-language';

function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // Without storage, every visit begins with signing in.
  }
}

export function rememberedUser(): User | null {
  try {
    const user = JSON.parse(read(USER) ?? 'null') as User | null;
    return user && typeof user.id === 'string' && typeof user.inbox_id === 'string' ? user : null;
  } catch {
    return null;
  }
}

export const rememberUser = (user: User | null): void => write(USER, user && JSON.stringify(user));

export function rememberedLanguage(): Language | null {
  const language = read(LANGUAGE);
  return isLanguage(language) ? language : null;
}

export const rememberLanguage = (language: Language): void => write(LANGUAGE, language);
