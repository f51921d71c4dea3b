import { type FormEvent, useCallback, useEffect, useState } from 'react';
import { useClock } from '../app/state';
import { api, Problem } from '../core/api';
import type { ApiToken, Page as PageOf, SessionInfo } from '../core/types';
import { t } from '../i18n';
import { fullDate, relative } from '../time/format';
import { dateOf, toLocal } from '../time/zone';
import { Icon } from '../ui/Icon';
import { toast } from '../ui/toasts';
import { SettingsSection } from './Settings';

/** A list of the server's that is only read here. `null` while it loads, `undefined` where it can't be had. */
export function useRemoteList<T>(path: string): [T[] | null | undefined, () => void] {
  const [items, setItems] = useState<T[] | null | undefined>(null);
  const load = useCallback(() => {
    api<PageOf<T>>(path)
      .then((page) => setItems(page.items))
      .catch(() => setItems(undefined));
  }, [path]);
  useEffect(load, [load]);
  return [items, load];
}

export const sayProblem = (error: unknown): void => {
  toast(t('error.failed'), {
    detail: error instanceof Problem ? (error.fields[0]?.reason ?? error.message) : t('error.away'),
    tone: 'error',
  });
};

/** Shown once, to be copied. */
export function Secret({ label, value, onClose }: { label: string; value: string; onClose: () => void }) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      toast(t('secret.copied'));
    } catch {
      toast(t('secret.copyFailed'), { tone: 'error' });
    }
  };
  return (
    <div className="secret" role="status">
      <p>{label}</p>
      <div className="field-row">
        <input
          type="text"
          readOnly
          value={value}
          aria-label={label}
          onFocus={(event) => event.target.select()}
        />
        <button type="button" className="button button-small" onClick={copy}>
          {t('action.copy')}
        </button>
        <button type="button" className="icon-button" onClick={onClose}>
          <Icon name="close" size={16} />
          <span className="hidden">{t('action.close')}</span>
        </button>
      </div>
    </div>
  );
}

export function Sessions() {
  const { now } = useClock();
  const [sessions, reload] = useRemoteList<SessionInfo>('/api/auth/sessions');
  const end = (session: SessionInfo) =>
    api(`/api/auth/sessions/${encodeURIComponent(session.id)}`, { method: 'DELETE' }).then(
      reload,
      sayProblem,
    );
  if (sessions === undefined) return null;
  return (
    <SettingsSection title={t('sessions.title')} hint={t('sessions.hint')}>
      {sessions === null && <div className="skeleton skeleton-block" />}
      <ul className="items">
        {sessions?.map((session) => (
          <li key={session.id}>
            <Icon name="device" />
            <div className="item-text">
              <span>{session.client}</span>
              <span className="hint">
                {session.current
                  ? t('sessions.current')
                  : t('sessions.used', { time: relative(session.used_at, now) })}
              </span>
            </div>
            {!session.current && (
              <button type="button" className="text-button danger" onClick={() => end(session)}>
                {t('sessions.end')}
              </button>
            )}
          </li>
        ))}
      </ul>
    </SettingsSection>
  );
}

export function Tokens() {
  const { zone } = useClock();
  const [tokens, reload] = useRemoteList<ApiToken>('/api/auth/tokens');
  const [name, setName] = useState('');
  const [scope, setScope] = useState<'read' | 'write'>('write');
  const [days, setDays] = useState('90');
  const [made, setMade] = useState<ApiToken | null>(null);
  const add = (event: FormEvent) => {
    event.preventDefault();
    const body = { name: name.trim(), scopes: [scope], expires_in_days: days ? Number(days) : null };
    api<ApiToken>('/api/auth/tokens', { method: 'POST', body, key: crypto.randomUUID() }).then((token) => {
      setMade(token);
      setName('');
      reload();
    }, sayProblem);
  };
  const revoke = (token: ApiToken) =>
    api(`/api/auth/tokens/${encodeURIComponent(token.id)}`, { method: 'DELETE' }).then(reload, sayProblem);
  return (
    <SettingsSection title={t('tokens.title')} hint={t('tokens.hint')}>
      {made?.token && <Secret label={t('tokens.once')} value={made.token} onClose={() => setMade(null)} />}
      <ul className="items">
        {tokens?.map((token) => (
          <li key={token.id}>
            <Icon name="key" />
            <div className="item-text">
              <span>{token.name}</span>
              <span className="hint">
                {t(token.scopes.includes('write') ? 'tokens.write' : 'tokens.read')} ·{' '}
                {token.expires_at
                  ? t('tokens.until', { date: fullDate(dateOf(toLocal(Date.parse(token.expires_at), zone))) })
                  : t('tokens.forever')}
              </span>
            </div>
            <button type="button" className="text-button danger" onClick={() => revoke(token)}>
              {t('tokens.revoke')}
            </button>
          </li>
        ))}
      </ul>
      <form className="field-row" onSubmit={add}>
        <input
          type="text"
          required
          maxLength={120}
          aria-label={t('tokens.name')}
          placeholder={t('tokens.name')}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <select
          aria-label={t('tokens.scope')}
          value={scope}
          onChange={(event) => setScope(event.target.value as 'read' | 'write')}
        >
          <option value="write">{t('tokens.write')}</option>
          <option value="read">{t('tokens.read')}</option>
        </select>
        <select
          aria-label={t('tokens.expiry')}
          value={days}
          onChange={(event) => setDays(event.target.value)}
        >
          {[30, 90, 365].map((n) => (
            <option key={n} value={n}>
              {t('tokens.days', { n })}
            </option>
          ))}
          <option value="">{t('tokens.forever')}</option>
        </select>
        <button type="submit" className="button">
          {t('tokens.add')}
        </button>
      </form>
    </SettingsSection>
  );
}

export function Invites() {
  const [link, setLink] = useState<string | null>(null);
  const invite = () =>
    api<{ invite: string }>('/api/auth/invites', { method: 'POST', key: crypto.randomUUID() }).then(
      (made) => setLink(`${location.origin}/sign-up?invite=${encodeURIComponent(made.invite)}`),
      sayProblem,
    );
  return (
    <SettingsSection title={t('invites.title')} hint={t('invites.hint')}>
      {link && <Secret label={t('invites.link')} value={link} onClose={() => setLink(null)} />}
      <div className="field-row">
        <button type="button" className="button" onClick={invite}>
          {t('invites.make')}
        </button>
      </div>
    </SettingsSection>
  );
}
