import { type ReactNode, useEffect, useId, useLayoutEffect, useRef } from 'react';
import { t } from '../i18n';
import { Icon } from './Icon';
import { showIn } from './toasts';

const FOCUSABLE = 'button:not(:disabled, [tabindex="-1"]), input:not(:disabled), select, textarea, a[href]';
const GAP = 6;
const EDGE = 8;

/** Where a box beside its anchor fits: below, else above, within the window. */
function place(box: HTMLElement, anchor: Element | null): void {
  if (!anchor || window.innerWidth < 640) {
    box.style.left = '';
    box.style.top = '';
    return;
  }
  const at = anchor.getBoundingClientRect();
  const left = Math.max(EDGE, Math.min(at.left, window.innerWidth - box.offsetWidth - EDGE));
  const below = at.bottom + GAP;
  const fits = below + box.offsetHeight <= window.innerHeight - EDGE;
  const top = fits ? below : Math.max(EDGE, at.top - GAP - box.offsetHeight);
  box.style.left = `${left}px`;
  box.style.top = `${Math.min(top, Math.max(EDGE, window.innerHeight - box.offsetHeight - EDGE))}px`;
}

interface Props {
  title: string;
  onClose: () => void;
  children: ReactNode;
  /** Beside this element on wide windows; in the middle without one. A sheet on phones. */
  anchor?: Element | null;
  kind?: 'menu' | 'dialog' | 'sheet' | 'palette';
  showTitle?: boolean;
}

/** A modal layer: focus stays inside, Escape and a press beside it close it, focus goes back. */
export function Popup({ title, onClose, children, anchor = null, kind = 'menu', showTitle = false }: Props) {
  const box = useRef<HTMLDialogElement>(null);
  const heading = useId();
  const back = useRef<Element | null>(null);

  useLayoutEffect(() => {
    const dialog = box.current;
    if (!dialog) return;
    back.current = document.activeElement;
    dialog.showModal();
    // What the layer is about has the focus, not the button that closes it.
    const content = [...dialog.querySelectorAll<HTMLElement>(FOCUSABLE)].find(
      (element) => !element.closest('.popup-head'),
    );
    if (kind === 'sheet') {
      dialog.focus();
      showIn(dialog);
    } else (content ?? dialog.querySelector<HTMLElement>('h2'))?.focus();
    place(dialog, anchor);
    const follow = () => place(dialog, anchor);
    const sizes = new ResizeObserver(follow);
    sizes.observe(dialog);
    window.addEventListener('resize', follow);
    return () => {
      sizes.disconnect();
      window.removeEventListener('resize', follow);
      if (kind === 'sheet') showIn(null);
      dialog.close();
      const target = back.current;
      if (target instanceof HTMLElement && target.isConnected) target.focus({ preventScroll: true });
    };
  }, [anchor, kind]);

  useEffect(() => {
    const dialog = box.current;
    const cancel = (event: Event) => {
      event.preventDefault();
      onClose();
    };
    const press = (event: PointerEvent) => {
      if (event.target !== dialog || !dialog) return;
      const at = dialog.getBoundingClientRect();
      const inside =
        event.clientX >= at.left &&
        event.clientX <= at.right &&
        event.clientY >= at.top &&
        event.clientY <= at.bottom;
      if (!inside) onClose();
    };
    dialog?.addEventListener('cancel', cancel);
    dialog?.addEventListener('pointerdown', press);
    return () => {
      dialog?.removeEventListener('cancel', cancel);
      dialog?.removeEventListener('pointerdown', press);
    };
  }, [onClose]);

  return (
    <dialog
      ref={box}
      className={`popup popup-${kind}${anchor ? ' popup-anchored' : ''}`}
      aria-labelledby={heading}
      tabIndex={-1}
    >
      <div className={showTitle ? 'popup-head' : 'hidden'}>
        <h2 id={heading} tabIndex={-1}>
          {title}
        </h2>
        {showTitle && (
          <button type="button" className="icon-button" onClick={onClose}>
            <Icon name="close" />
            <span className="hidden">{t('action.close')}</span>
          </button>
        )}
      </div>
      {children}
    </dialog>
  );
}
