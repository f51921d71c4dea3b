import { type ReactNode, useEffect } from 'react';
import { useStatus } from '../app/state';
import { t } from '../i18n';

interface Props {
  title: string;
  subtitle?: string;
  actions?: ReactNode;
  children: ReactNode;
}

export function Page({ title, subtitle, actions, children }: Props) {
  const { loaded } = useStatus();
  useEffect(() => {
    document.title = `${title} · ${t('app.name')}`;
  }, [title]);
  return (
    <div className="page">
      <header className="page-head">
        <div className="page-titles">
          <h1 tabIndex={-1}>{title}</h1>
          {subtitle && <p>{subtitle}</p>}
        </div>
        {actions}
      </header>
      {loaded ? children : <Skeleton />}
    </div>
  );
}

export function Skeleton() {
  return (
    <div className="skeleton-rows" role="status" aria-label={t('loading')}>
      {['a', 'b', 'c', 'd', 'e'].map((row) => (
        <div className="skeleton-row" key={row} aria-hidden="true">
          <span className="skeleton skeleton-circle" />
          <span className="skeleton skeleton-line" />
        </div>
      ))}
    </div>
  );
}

interface EmptyProps {
  art: 'today' | 'inbox' | 'project' | 'search' | 'bell' | 'done' | 'upcoming';
  title: string;
  children?: ReactNode;
}

const ART: Record<EmptyProps['art'], string> = {
  today: 'M32 92h96M48 92a32 32 0 0 1 64 0M80 40v-12M42 56l-8-8M118 56l8-8',
  inbox: 'M36 76l12-36h64l12 36v24H36ZM36 76h26c4 10 10 14 18 14s14-4 18-14h26',
  project: 'M36 44h34l10 12h44v44H36ZM52 74h40M52 86h26',
  search: 'M74 36a26 26 0 1 0 0 52 26 26 0 0 0 0-52ZM94 82l24 22M62 58h24',
  bell: 'M80 32c-18 0-26 14-26 28 0 20-8 26-8 26h68s-8-6-8-26c0-14-8-28-26-28ZM70 96a10 10 0 0 0 20 0',
  done: 'M80 32a36 36 0 1 0 0 72 36 36 0 0 0 0-72ZM64 68l12 12 22-26',
  upcoming: 'M40 40h80v60H40ZM40 58h80M58 32v14M102 32v14M58 72h.1M80 72h.1M102 72h.1M58 86h.1M80 86h.1',
};

/** An empty list says what belongs there and how it comes there. */
export function Empty({ art, title, children }: EmptyProps) {
  return (
    <div className="empty">
      <svg width="160" height="120" viewBox="0 0 160 120" aria-hidden="true">
        <path d={ART[art]} />
      </svg>
      <h2>{title}</h2>
      {children && <div className="empty-text">{children}</div>}
    </div>
  );
}

/** Text with `[key]` set as keys. */
export function WithKeys({ text }: { text: string }) {
  return (
    <>
      {text.split(/(\[[^\]]+\])/).map((part, index) => {
        const key = /^\[(.+)\]$/.exec(part)?.[1];
        // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a fixed text
        return key ? <kbd key={index}>{key}</kbd> : part;
      })}
    </>
  );
}
