import { type FormEvent, useEffect, useState } from 'react';
import { useStore, useView } from '../app/state';
import { api } from '../core/api';
import { currentSubscription, isFor, pushChannel, pushSupported, subscribe } from '../core/push';
import type { Channel, ChannelKind } from '../core/types';
import { t } from '../i18n';
import { channelName } from '../tasks/Receipts';
import { Icon, type IconName } from '../ui/Icon';
import { toast } from '../ui/toasts';
import { Secret, sayProblem } from './Security';
import { SettingsSection } from './Settings';

const ICONS: Record<ChannelKind, IconName> = {
  'in-app': 'bell',
  push: 'device',
  email: 'mail',
  webhook: 'link',
  ntfy: 'globe',
};

interface Offer {
  push_public_key: string | null;
  email: boolean;
}

/** What this server can send through; `null` where it does not say. */
function useOffer(): Offer | null {
  const [offer, setOffer] = useState<Offer | null>(null);
  useEffect(() => {
    api<Offer>('/api/settings/delivery').then(setOffer, () => {});
  }, []);
  return offer;
}

function PushSwitch({ publicKey, channels }: { publicKey: string; channels: Channel[] }) {
  const store = useStore();
  const [endpoint, setEndpoint] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    currentSubscription().then(
      (subscription) =>
        setEndpoint(subscription && isFor(subscription, publicKey) ? subscription.endpoint : null),
      () => {},
    );
  }, [publicKey]);
  const own = channels.find((channel) => channel.kind === 'push' && channel.target === endpoint);
  const blocked = Notification.permission === 'denied';
  const turnOn = async () => {
    setBusy(true);
    try {
      const subscription = await subscribe(publicKey);
      const body = pushChannel(subscription);
      await api('/api/settings/channels', { method: 'POST', body, key: crypto.randomUUID() });
      setEndpoint(subscription.endpoint);
      await store.reloadSettings();
      toast(t('push.on'));
    } catch (error) {
      if (error instanceof Error && error.message === 'denied') toast(t('push.denied'), { tone: 'error' });
      else if (error instanceof DOMException) toast(t('push.failed'), { tone: 'error' });
      else sayProblem(error);
    } finally {
      setBusy(false);
    }
  };
  const turnOff = async () => {
    setBusy(true);
    try {
      if (own) await api(`/api/settings/channels/${encodeURIComponent(own.id)}`, { method: 'DELETE' });
      await (await currentSubscription())?.unsubscribe();
      setEndpoint(null);
      await store.reloadSettings();
    } catch (error) {
      sayProblem(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <div className="field">
      <label className="switch">
        <input
          type="checkbox"
          role="switch"
          aria-checked={own !== undefined}
          checked={own !== undefined}
          disabled={busy || blocked}
          onChange={(event) => void (event.target.checked ? turnOn() : turnOff())}
        />
        <span>{t('push.switch')}</span>
      </label>
      <span className="hint">{t(blocked ? 'push.blocked' : 'push.hint')}</span>
    </div>
  );
}

const TYPES = { email: 'email', webhook: 'url', ntfy: 'url' } as const;

export function Channels() {
  const store = useStore();
  const { settings } = useView();
  const offer = useOffer();
  const [kind, setKind] = useState<'email' | 'webhook' | 'ntfy'>('webhook');
  const [target, setTarget] = useState('');
  const [token, setToken] = useState('');
  const [made, setMade] = useState<Channel | null>(null);
  const channels = settings?.channels ?? [];
  const add = (event: FormEvent) => {
    event.preventDefault();
    const body = { kind, target: target.trim(), ...(kind === 'ntfy' && token ? { token } : {}) };
    api<Channel>('/api/settings/channels', { method: 'POST', body, key: crypto.randomUUID() }).then(
      (channel) => {
        setTarget('');
        setToken('');
        setMade(channel.secret ? channel : null);
        if (channel.kind === 'email') toast(t('channels.emailSent', { address: channel.target }));
        return store.reloadSettings();
      },
      sayProblem,
    );
  };
  const remove = (channel: Channel) =>
    api(`/api/settings/channels/${encodeURIComponent(channel.id)}`, { method: 'DELETE' }).then(
      () => store.reloadSettings(),
      sayProblem,
    );
  const kinds = (['email', 'webhook', 'ntfy'] as const).filter(
    (name) => name !== 'email' || offer?.email === true,
  );
  return (
    <SettingsSection title={t('channels.title')} hint={t('channels.hint')}>
      {pushSupported() && offer?.push_public_key ? (
        <PushSwitch publicKey={offer.push_public_key} channels={channels} />
      ) : (
        <p className="hint">{t(pushSupported() ? 'push.none' : 'push.unsupported')}</p>
      )}
      {made?.secret && (
        <Secret label={t('channels.secret')} value={made.secret} onClose={() => setMade(null)} />
      )}
      <ul className="items">
        {channels.map((channel) => (
          <li key={channel.id}>
            <Icon name={ICONS[channel.kind] ?? 'bell'} />
            <div className="item-text">
              <span>{channel.name || channelName(channel.kind)}</span>
              <span className="hint item-target">
                {channel.kind === 'in-app'
                  ? t('channels.inAppHint')
                  : channel.kind === 'push'
                    ? channelName('push')
                    : channel.target}
                {channel.state === 'unconfirmed' && ` · ${t('channels.unconfirmed')}`}
              </span>
            </div>
            {channel.kind !== 'in-app' && (
              <button type="button" className="text-button danger" onClick={() => remove(channel)}>
                {t('action.remove')}
              </button>
            )}
          </li>
        ))}
      </ul>
      <form className="field-row" onSubmit={add}>
        <select
          aria-label={t('channels.kind')}
          value={kind}
          onChange={(event) => setKind(event.target.value as typeof kind)}
        >
          {kinds.map((name) => (
            <option key={name} value={name}>
              {channelName(name)}
            </option>
          ))}
        </select>
        <input
          type={TYPES[kind]}
          required
          maxLength={2000}
          aria-label={t(`channels.target.${kind}`)}
          placeholder={t(`channels.target.${kind}`)}
          value={target}
          onChange={(event) => setTarget(event.target.value)}
        />
        {kind === 'ntfy' && (
          <input
            type="password"
            autoComplete="off"
            maxLength={500}
            aria-label={t('channels.token')}
            placeholder={t('channels.token')}
            value={token}
            onChange={(event) => setToken(event.target.value)}
          />
        )}
        <button type="submit" className="button">
          {t('action.add')}
        </button>
      </form>
    </SettingsSection>
  );
}
