import { useEffect, useState, useSyncExternalStore } from 'react';
import { createPortal } from 'react-dom';
import { t } from '../i18n';
import { Icon } from './Icon';

export interface ToastAction {
  label: string;
  run: () => void;
}

interface Toast {
  id: number;
  text: string;
  detail?: string;
  tone: 'plain' | 'error' | 'ring';
  actions: ToastAction[];
  undo?: () => void;
  /** Until it is answered. */
  stay: boolean;
  key?: string;
  onOpen?: () => void;
}

const STAY_MS = 7_000;
const MOST = 3;
let toasts: readonly Toast[] = [];
let last = 0;
/** A sheet that covers the page and takes all presses: the messages are shown in it. */
let host: HTMLElement | null = null;
const listeners = new Set<() => void>();

const set = (next: readonly Toast[]) => {
  toasts = next;
  for (const listener of listeners) listener();
};

export const dismissKey = (key: string): void => set(toasts.filter((toast) => toast.key !== key));

export const dismiss = (id: number): void => set(toasts.filter((toast) => toast.id !== id));

/** While a sheet is open; `null` once it closes. */
export function showIn(sheet: HTMLElement | null): void {
  host = sheet;
  set([...toasts]);
}

export function toast(
  text: string,
  options: {
    detail?: string;
    tone?: Toast['tone'];
    actions?: ToastAction[];
    undo?: () => void;
    stay?: boolean;
    /** A later message with the same key takes its place. */
    key?: string;
    /** What a press on the text does. */
    onOpen?: () => void;
  } = {},
): number {
  const { tone = 'plain', actions = [], undo, detail, stay = false, key, onOpen } = options;
  const id = ++last;
  const all = undo ? [...actions, { label: t('action.undo'), run: undo }] : actions;
  const others = key === undefined ? toasts : toasts.filter((other) => other.key !== key);
  set([...others, { id, text, detail, tone, actions: all, undo, stay, key, onOpen }].slice(-MOST));
  return id;
}

/** More about a message that is still there. */
export const explainToast = (key: string, detail: string): void =>
  set(toasts.map((toast) => (toast.key === key ? { ...toast, detail } : toast)));

/** The newest change that can be taken back, by key. */
export function undoLast(): boolean {
  const newest = toasts.findLast((entry) => entry.undo);
  if (!newest) return false;
  newest.undo?.();
  dismiss(newest.id);
  return true;
}

function ToastCard({ toast: entry }: { toast: Toast }) {
  const [held, setHeld] = useState(false);
  useEffect(() => {
    if (held || entry.stay) return;
    const timer = setTimeout(() => dismiss(entry.id), STAY_MS);
    return () => clearTimeout(timer);
  }, [held, entry.id, entry.stay]);
  const text = (
    <>
      <span>{entry.text}</span>
      {entry.detail && <span className="toast-detail">{entry.detail}</span>}
    </>
  );
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: hovering only holds the toast
    <div
      className={`toast toast-${entry.tone}`}
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      {entry.tone !== 'plain' && <Icon name={entry.tone === 'ring' ? 'bell' : 'warning'} />}
      {entry.onOpen ? (
        <button
          type="button"
          className="toast-text"
          onClick={() => {
            dismiss(entry.id);
            entry.onOpen?.();
          }}
        >
          {text}
        </button>
      ) : (
        <div className="toast-text">{text}</div>
      )}
      {entry.actions.length > 0 && (
        <div className={`toast-actions${entry.actions.length > 2 ? ' toast-many' : ''}`}>
          {entry.actions.map((action) => (
            <button
              type="button"
              key={action.label}
              className="toast-action"
              onClick={() => {
                dismiss(entry.id);
                action.run();
              }}
            >
              {action.label}
            </button>
          ))}
        </div>
      )}
      <button type="button" className="toast-close" onClick={() => dismiss(entry.id)}>
        <Icon name="close" size={16} />
        <span className="hidden">{t('action.dismiss')}</span>
      </button>
    </div>
  );
}

export function Toasts() {
  const entries = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    () => toasts,
  );
  return createPortal(
    <section className="toasts" aria-live="polite" aria-label={t('toasts.label')}>
      {entries.map((entry) => (
        <ToastCard key={entry.id} toast={entry} />
      ))}
    </section>,
    host ?? document.body,
  );
}
