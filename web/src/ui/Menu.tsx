import { type KeyboardEvent, type ReactNode, useRef, useState } from 'react';
import { Icon, type IconName } from './Icon';
import { Popup } from './Popup';

export interface MenuItem {
  id: string;
  label: string;
  icon?: IconName | ReactNode;
  hint?: string;
  checked?: boolean;
  danger?: boolean;
  run: () => void;
}

/** Arrow keys go through the items of a list; a letter jumps to the item that begins with it. */
export function moveWithin(event: KeyboardEvent<HTMLElement>, selector: string): void {
  const items = [...event.currentTarget.querySelectorAll<HTMLElement>(selector)];
  const at = items.indexOf(document.activeElement as HTMLElement);
  const to =
    event.key === 'ArrowDown'
      ? at + 1
      : event.key === 'ArrowUp'
        ? at - 1
        : event.key === 'Home'
          ? 0
          : event.key === 'End'
            ? items.length - 1
            : null;
  if (to === null) {
    if (event.key.length !== 1 || event.ctrlKey || event.metaKey || event.altKey) return;
    const letter = event.key.toLowerCase();
    const order = [...items.slice(at + 1), ...items.slice(0, at + 1)];
    const hit = order.find((item) => item.textContent?.trim().toLowerCase().startsWith(letter));
    hit?.focus();
    return;
  }
  event.preventDefault();
  items[(to + items.length) % items.length]?.focus();
}

interface Props {
  title: string;
  items: MenuItem[];
  anchor: Element | null;
  onClose: () => void;
}

export function Menu({ title, items, anchor, onClose }: Props) {
  return (
    <Popup title={title} onClose={onClose} anchor={anchor}>
      <div
        className="menu"
        role="menu"
        aria-label={title}
        tabIndex={-1}
        onKeyDown={(event) => moveWithin(event, '[role^=menuitem]')}
      >
        {items.map((item) => (
          // biome-ignore lint/a11y/useAriaPropsSupportedByRole: checked only where it is a radio
          <button
            type="button"
            key={item.id}
            role={item.checked === undefined ? 'menuitem' : 'menuitemradio'}
            aria-checked={item.checked}
            className={`menu-item${item.danger ? ' danger' : ''}`}
            onClick={() => {
              onClose();
              item.run();
            }}
          >
            {typeof item.icon === 'string' ? <Icon name={item.icon as IconName} size={18} /> : item.icon}
            <span className="menu-label">{item.label}</span>
            {item.hint && <span className="menu-hint">{item.hint}</span>}
            {item.checked && <Icon name="check" size={16} />}
          </button>
        ))}
      </div>
    </Popup>
  );
}

interface ButtonProps {
  title: string;
  items: MenuItem[];
  className?: string;
  children: ReactNode;
}

export function MenuButton({ title, items, className = 'icon-button', children }: ButtonProps) {
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  return (
    <>
      <button
        ref={button}
        type="button"
        className={className}
        aria-haspopup="menu"
        aria-expanded={open}
        onClick={() => setOpen(true)}
      >
        {children}
      </button>
      {open && <Menu title={title} items={items} anchor={button.current} onClose={() => setOpen(false)} />}
    </>
  );
}
