import { type ReactNode, useEffect, useState } from 'react';
import { actionsOf } from '../app/actions';
import { useClock, useStore, useView } from '../app/state';
import { api } from '../core/api';
import { isLanguage, LANGUAGES, language, t } from '../i18n';
import { clock } from '../time/format';
import { browserZone, isZone, knownZones, toLocal } from '../time/zone';
import { toast } from '../ui/toasts';
import { Channels } from './Channels';
import { Page } from './Page';
import { Invites, Sessions, Tokens } from './Security';

export function SettingsSection({
  title,
  hint,
  children,
}: {
  title: string;
  hint?: string;
  children: ReactNode;
}) {
  return (
    <section className="settings-section">
      <div className="settings-head">
        <h2>{title}</h2>
        {hint && <p className="hint">{hint}</p>}
      </div>
      <div className="settings-body">{children}</div>
    </section>
  );
}

function TimeSettings() {
  const store = useStore();
  const { settings } = useView();
  const { now } = useClock();
  const actions = actionsOf(store);
  const [zone, setZone] = useState<string | null>(null);
  const shown = zone ?? settings?.timezone ?? '';
  if (!settings) return null;
  const detected = browserZone();
  const quiet = Boolean(settings.quiet_from && settings.quiet_until);
  const digest = settings.digest ?? null;
  const saveZone = (name: string) => {
    setZone(name);
    if (isZone(name) && name.length > 2) {
      actions.settings({ timezone: name });
      setZone(null);
    }
  };
  return (
    <SettingsSection title={t('settings.time')} hint={t('settings.timeHint')}>
      <label className="field">
        <span>{t('settings.zone')}</span>
        <input
          type="text"
          list="all-zones"
          value={shown}
          aria-invalid={!isZone(shown)}
          onChange={(event) => {
            const name = event.target.value;
            if (knownZones().includes(name)) saveZone(name);
            else setZone(name);
          }}
          onBlur={() => zone !== null && (isZone(zone) ? saveZone(zone) : setZone(null))}
        />
        <datalist id="all-zones">
          {knownZones().map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
        <span className="hint">
          {isZone(shown)
            ? t('settings.zoneNow', { time: clock(toLocal(now, settings.timezone)) })
            : t('settings.zoneBad')}
        </span>
      </label>
      {detected !== settings.timezone && (
        <p className="hint">
          {t('settings.zoneOther', { zone: detected })}{' '}
          <button type="button" className="text-button" onClick={() => saveZone(detected)}>
            {t('settings.zoneUse')}
          </button>
        </p>
      )}
      <label className="field">
        <span>{t('settings.morning')}</span>
        <input
          type="time"
          value={settings.morning}
          onChange={(event) => event.target.value && actions.settings({ morning: event.target.value })}
        />
        <span className="hint">{t('settings.morningHint')}</span>
      </label>
      <fieldset className="field">
        <legend>{t('settings.quiet')}</legend>
        <label className="switch">
          <input
            type="checkbox"
            role="switch"
            aria-checked={quiet}
            checked={quiet}
            onChange={(event) =>
              actions.settings(
                event.target.checked
                  ? { quiet_from: '22:00', quiet_until: '07:00' }
                  : { quiet_from: null, quiet_until: null },
              )
            }
          />
          <span>{t('settings.quietOn')}</span>
        </label>
        {quiet && (
          <div className="field-row">
            <input
              type="time"
              aria-label={t('settings.quietFrom')}
              value={settings.quiet_from ?? ''}
              onChange={(event) =>
                event.target.value &&
                actions.settings({ quiet_from: event.target.value, quiet_until: settings.quiet_until })
              }
            />
            <span>{t('settings.quietTo')}</span>
            <input
              type="time"
              aria-label={t('settings.quietUntil')}
              value={settings.quiet_until ?? ''}
              onChange={(event) =>
                event.target.value &&
                actions.settings({ quiet_from: settings.quiet_from, quiet_until: event.target.value })
              }
            />
          </div>
        )}
        <span className="hint">{t('settings.quietHint')}</span>
      </fieldset>
      {settings.digest !== undefined && (
        <fieldset className="field">
          <legend>{t('settings.digest')}</legend>
          <label className="switch">
            <input
              type="checkbox"
              role="switch"
              aria-checked={digest !== null}
              checked={digest !== null}
              onChange={(event) =>
                actions.settings({ digest: event.target.checked ? settings.morning : null })
              }
            />
            <span>{t('settings.digestOn')}</span>
          </label>
          {digest !== null && (
            <div className="field-row">
              <input
                type="time"
                aria-label={t('settings.digestAt')}
                value={digest}
                onChange={(event) => event.target.value && actions.settings({ digest: event.target.value })}
              />
            </div>
          )}
          <span className="hint">{t('settings.digestHint')}</span>
        </fieldset>
      )}
    </SettingsSection>
  );
}

function LanguageSettings() {
  const store = useStore();
  return (
    <SettingsSection title={t('settings.language')} hint={t('settings.languageHint')}>
      <div className="segmented" role="radiogroup" aria-label={t('settings.language')}>
        {LANGUAGES.map(({ id, name }) => (
          <label key={id}>
            <input
              type="radio"
              name="language"
              checked={language() === id}
              onChange={() => {
                if (isLanguage(id)) actionsOf(store).settings({ language: id });
              }}
            />
            <span lang={id}>{name}</span>
          </label>
        ))}
      </div>
    </SettingsSection>
  );
}

function Account({ onSignOut }: { onSignOut: () => void }) {
  const store = useStore();
  const waiting = store.outbox.ops.length;
  const [version, setVersion] = useState('');
  useEffect(() => {
    api<{ info?: { version?: string } }>('/api/openapi.json', { open: true })
      .then((document) => setVersion(document.info?.version ?? ''))
      .catch(() => {});
  }, []);
  return (
    <SettingsSection title={t('settings.account')}>
      <p>
        {t('settings.signedInAs')} <strong>{store.user.email}</strong>
      </p>
      {waiting > 0 && <p className="hint">{t('settings.signOutWaiting', { n: waiting })}</p>}
      <div className="field-row">
        <button type="button" className="button" onClick={onSignOut}>
          {t('settings.signOut')}
        </button>
      </div>
      {version && <p className="hint">{t('settings.version', { version })}</p>}
    </SettingsSection>
  );
}

export function SettingsView({ onSignOut }: { onSignOut: () => void }) {
  const store = useStore();
  useEffect(() => {
    store.reloadSettings().catch(() => toast(t('settings.away'), { tone: 'error' }));
  }, [store]);
  return (
    <Page title={t('nav.settings')}>
      <div className="settings">
        <TimeSettings />
        <LanguageSettings />
        <Channels />
        <Sessions />
        <Tokens />
        {store.user.role === 'admin' && <Invites />}
        <Account onSignOut={onSignOut} />
      </div>
    </Page>
  );
}
