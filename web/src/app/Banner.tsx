import { t } from '../i18n';
import { Icon } from '../ui/Icon';
import { show } from './dialogs';
import { useStatus, useStore, useView } from './state';

/** What stands between this page and the server, while something does. */
export function Banner({ onSignIn }: { onSignIn: () => void }) {
  const store = useStore();
  const { away, signedOut } = useStatus();
  useView();
  const { ops } = store.outbox;
  const conflicts = ops.filter((op) => op.conflict).length;
  const waiting = ops.length - conflicts;
  return (
    <div className="banners" role="status">
      {conflicts > 0 && (
        <div className="banner banner-conflict">
          <Icon name="warning" size={18} />
          <span>{t('conflict.banner', { n: conflicts })}</span>
          <button type="button" className="text-button" onClick={() => show({ kind: 'conflict' })}>
            {t('conflict.decide')}
          </button>
        </div>
      )}
      {signedOut ? (
        <div className="banner">
          <Icon name="key" size={18} />
          <span>{t('status.signedOut')}</span>
          <button type="button" className="text-button" onClick={onSignIn}>
            {t('sign.inDo')}
          </button>
        </div>
      ) : (
        away && (
          <div className="banner">
            <Icon name="offline" size={18} />
            <span>
              {t('status.offline')} {waiting > 0 && t('status.waiting', { n: waiting })}
            </span>
          </div>
        )
      )}
    </div>
  );
}
