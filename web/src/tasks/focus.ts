/** The row that has the focus is the one that keys act on. A notification is a row, too. */

const rows = (): HTMLElement[] => [...document.querySelectorAll<HTMLElement>('main [data-task]')];

const current = (): HTMLElement | null =>
  document.activeElement?.closest<HTMLElement>('main [data-task]') ?? null;

export const focusedTask = (): string | null => current()?.dataset.task ?? null;

export const focusedNotice = (): string | null => current()?.dataset.notice ?? null;

function focusRow(row: HTMLElement | undefined, inside: string): boolean {
  const target = row?.querySelector<HTMLElement>(inside);
  target?.focus({ preventScroll: true });
  row?.scrollIntoView({ block: 'nearest' });
  return target !== undefined && target !== null;
}

export const focusTask = (id: string): boolean =>
  focusRow(
    rows().find((row) => row.dataset.task === id),
    '.row-link',
  );

/** One row on (1) or back (-1); from outside of a list, its first. */
export function moveFocus(step: 1 | -1): boolean {
  const all = rows();
  const row = current();
  const at = row ? all.indexOf(row) : -1;
  const to = at < 0 ? 0 : Math.max(0, Math.min(all.length - 1, at + step));
  return focusRow(all[to], '.row-link');
}

/** Before a row leaves: the next one takes over, else the one before, else the page. */
export function focusNext(inside = '.row-link'): void {
  const all = rows();
  const row = current();
  const at = row ? all.indexOf(row) : -1;
  if (at < 0) return;
  if (!focusRow(all[at + 1] ?? all[at - 1], inside))
    document.querySelector<HTMLElement>('main h1')?.focus({ preventScroll: true });
}

/** Asks the list of the focused row to move it; the list listens for `punctual:move`. False where it has no order. */
export function moveRow(step: 1 | -1): boolean {
  const row = current();
  const list = row?.closest<HTMLElement>('[data-ordered]');
  if (!row || !list) return false;
  list.dispatchEvent(new CustomEvent('punctual:move', { detail: { id: row.dataset.task, step } }));
  return true;
}
