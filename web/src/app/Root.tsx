import { Component, type ReactNode, useCallback, useEffect, useState, useSyncExternalStore } from 'react';
import { signOut } from '../core/api';
import { unsubscribe } from '../core/push';
import { Store } from '../core/store';
import type { User } from '../core/types';
import { browserLanguage, isLanguage, type Language, language, setLanguage, t } from '../i18n';
import { Toasts } from '../ui/toasts';
import { SignIn } from '../views/SignIn';
import { rememberedLanguage, rememberedUser, rememberLanguage, rememberUser } from './account';
import { navigate } from './router';
import { Shell } from './Shell';
import { ClockContext, StoreContext, useMakeClock } from './state';

export const startLanguage = (): Promise<void> => setLanguage(rememberedLanguage() ?? browserLanguage());

/** What no view can show any more, with a way out of it. */
class Fallback extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    if (!this.state.failed) return this.props.children;
    return (
      <main className="sign">
        <div className="sign-box">
          <h1>{t('error.page')}</h1>
          <button type="button" className="button button-primary" onClick={() => location.reload()}>
            {t('error.reload')}
          </button>
        </div>
      </main>
    );
  }
}

function useLanguageOf(store: Store | null): Language {
  const [shown, setShown] = useState(language());
  const wanted = useSyncExternalStore(
    store?.subscribe ?? (() => () => {}),
    () => store?.view.settings?.language ?? null,
  );
  useEffect(() => {
    if (!isLanguage(wanted) || wanted === language()) return;
    rememberLanguage(wanted);
    setLanguage(wanted).then(
      () => setShown(wanted),
      () => {},
    );
  }, [wanted]);
  return shown;
}

function SignedIn({
  store,
  onSignOut,
  onUser,
}: {
  store: Store;
  onSignOut: () => void;
  onUser: (user: User) => void;
}) {
  return (
    <StoreContext value={store}>
      <WithClock>
        <Shell onSignOut={onSignOut} onUser={onUser} />
      </WithClock>
    </StoreContext>
  );
}

function WithClock({ children }: { children: ReactNode }) {
  return <ClockContext value={useMakeClock()}>{children}</ClockContext>;
}

export function Root() {
  const [user, setUser] = useState(rememberedUser);
  const [store, setStore] = useState<Store | null>(null);
  const shown = useLanguageOf(store);

  useEffect(() => {
    if (!user) return;
    let opened: Store | null = null;
    let gone = false;
    void Store.open(user).then((next) => {
      opened = next;
      if (gone) return void next.close(false);
      next.connect();
      setStore(next);
    });
    return () => {
      gone = true;
      setStore(null);
      void opened?.close(false);
    };
  }, [user]);

  const enter = useCallback((next: User) => {
    rememberUser(next);
    setUser(next);
    if (/^\/sign-(in|up)$/.test(location.pathname)) navigate('/today', { replace: true });
  }, []);

  const leave = useCallback(async () => {
    await unsubscribe(store?.view.settings?.channels ?? []).catch(() => {});
    await store?.close(true);
    await signOut().catch(() => {});
    rememberUser(null);
    setUser(null);
    navigate('/sign-in', { replace: true });
  }, [store]);

  return (
    <Fallback key={shown}>
      {user ? (
        store && <SignedIn store={store} onSignOut={leave} onUser={enter} />
      ) : (
        <SignIn onUser={enter} />
      )}
      <Toasts />
    </Fallback>
  );
}
