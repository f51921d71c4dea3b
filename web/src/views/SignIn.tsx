import { type FormEvent, useEffect, useState } from 'react';
import { navigate, useAddress } from '../app/router';
import { Problem, registration, signIn, signUp } from '../core/api';
import type { User } from '../core/types';
import { type PlainKey, t } from '../i18n';
import { browserZone } from '../time/zone';
import { Icon, Mark } from '../ui/Icon';
import { Link } from '../ui/Link';
import { WithKeys } from './Page';

const SHORTEST = 10;

interface Props {
  onUser: (user: User) => void;
  /** The session ended; its account signs in again. */
  email?: string;
  onOther?: () => void;
}

type Registration = Awaited<ReturnType<typeof registration>>;

function say(error: unknown, up: boolean): string {
  if (!(error instanceof Problem)) return t('error.away');
  if (error.status === 429) return t('sign.tooMany', { n: Math.ceil((error.retryAfter ?? 60) / 60) });
  if (error.status === 401) return t('sign.wrong');
  if (error.status === 409) return t('sign.taken');
  if (error.status === 403) return t('sign.notInvited');
  const field = error.fields[0];
  if (field) {
    const known: Record<string, PlainKey> = { email: 'sign.badEmail', password: 'sign.badPassword' };
    const key = known[field.field.replace(/^\//, '')];
    return key ? t(key) : `${field.field}: ${field.reason}`;
  }
  return up || error.message ? error.message : t('error.refused');
}

export function SignIn({ onUser, email: known = '', onOther }: Props) {
  const address = useAddress();
  const up = address.pathname === '/sign-up';
  const invite = address.searchParams.get('invite') ?? '';
  const [rule, setRule] = useState<Registration | null>(null);
  const [email, setEmail] = useState(known);
  const [password, setPassword] = useState('');
  const [shown, setShown] = useState(false);
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);

  useEffect(() => {
    registration().then(
      (answer) => {
        setRule(answer);
        if (answer.first && !known) navigate('/sign-up', { replace: true });
      },
      () => {},
    );
  }, [known]);
  useEffect(() => {
    document.title = `${t(up ? 'sign.up' : 'sign.in')} · ${t('app.name')}`;
  }, [up]);

  const open = rule === null || rule.first || rule.registration === 'open' || invite !== '';
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError('');
    try {
      const zone = browserZone();
      onUser(
        up
          ? await signUp({ email, password, timezone: zone, ...(invite ? { invite } : {}) })
          : await signIn(email, password),
      );
    } catch (reason) {
      setError(say(reason, up));
      setBusy(false);
    }
  };

  return (
    <main className="sign">
      <section className="sign-about" aria-label={t('app.name')}>
        <div className="sign-brand">
          <Mark size={40} />
          <span>{t('app.name')}</span>
        </div>
        <p className="sign-what">{t('sign.what')}</p>
        <ul className="sign-points">
          {(['sign.point1', 'sign.point2', 'sign.point3'] as const).map((point) => (
            <li key={point}>
              <Icon name="check" />
              <span>
                <WithKeys text={t(point)} />
              </span>
            </li>
          ))}
        </ul>
      </section>
      <div className="sign-box">
        <h1>{t(up ? (rule?.first ? 'sign.first' : 'sign.up') : known ? 'sign.again' : 'sign.in')}</h1>
        <p className="sign-lead">
          {t(
            up ? (rule?.first ? 'sign.firstLead' : 'sign.upLead') : known ? 'sign.againLead' : 'sign.inLead',
          )}
        </p>
        {up && !open ? (
          <p className="notice-box">
            {t(rule?.registration === 'invite' ? 'sign.inviteOnly' : 'sign.closed')}
          </p>
        ) : (
          <form className="form" onSubmit={submit}>
            <label className="field">
              <span>{t('sign.email')}</span>
              <input
                type="email"
                name="email"
                autoComplete="username"
                required
                maxLength={254}
                value={email}
                onChange={(event) => setEmail(event.target.value)}
              />
            </label>
            <div className="field">
              <label htmlFor="password">{t('sign.password')}</label>
              <span className="with-button">
                <input
                  id="password"
                  type={shown ? 'text' : 'password'}
                  name="password"
                  autoComplete={up ? 'new-password' : 'current-password'}
                  required
                  minLength={up ? SHORTEST : undefined}
                  maxLength={256}
                  value={password}
                  aria-describedby={up ? 'password-hint' : undefined}
                  onChange={(event) => setPassword(event.target.value)}
                />
                <button
                  type="button"
                  className="text-button"
                  aria-pressed={shown}
                  onClick={() => setShown(!shown)}
                >
                  {t('sign.show')}
                </button>
              </span>
            </div>
            {up && (
              <p className="hint" id="password-hint">
                {t('sign.passwordHint', { n: SHORTEST })}
              </p>
            )}
            {up && <p className="hint">{t('sign.zone', { zone: browserZone() })}</p>}
            <p className="form-error" role="alert">
              {error}
            </p>
            <button type="submit" className="button button-primary button-wide" disabled={busy}>
              {t(up ? 'sign.upDo' : 'sign.inDo')}
            </button>
          </form>
        )}
        {onOther && (
          <p className="sign-switch">
            <button type="button" className="text-button" onClick={onOther}>
              {t('sign.other')}
            </button>
          </p>
        )}
        {!rule?.first && !known && (
          <p className="sign-switch">
            {up ? (
              <>
                {t('sign.haveAccount')} <Link to="/sign-in">{t('sign.in')}</Link>
              </>
            ) : (
              open &&
              !known && (
                <>
                  {t('sign.noAccount')} <Link to="/sign-up">{t('sign.up')}</Link>
                </>
              )
            )}
          </p>
        )}
      </div>
    </main>
  );
}
