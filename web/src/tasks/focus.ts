/** The row that has the focus is the one that keys act on. */

const rows = (): HTMLElement[] => [...document.querySelectorAll<HTMLElement>('main [data-task]')];

const rowOf = (id: string): HTMLElement | undefined => rows().find((row) => row.dataset.task === id);

export function focusedTask(): string | null {
  const row = document.activeElement?.closest<HTMLElement>('[data-task]');
  return row?.dataset.task ?? null;
}

function focusRow(row: HTMLElement | undefined, inside: string): void {
  const target = row?.querySelector<HTMLElement>(inside);
  target?.focus({ preventScroll: true });
  row?.scrollIntoView({ block: 'nearest' });
}

export const focusTask = (id: string): void => focusRow(rowOf(id), '.row-link');

/** One row on (1) or back (-1); from outside of a list, its first. */
export function moveFocus(step: 1 | -1): void {
  const all = rows();
  const id = focusedTask();
  const at = all.findIndex((row) => row.dataset.task === id);
  const to = at < 0 ? 0 : Math.max(0, Math.min(all.length - 1, at + step));
  focusRow(all[to], '.row-link');
}

/** Before a row leaves: the next one takes over, else the one before. */
export function focusNext(id: string, inside = '.row-link'): void {
  const all = rows();
  const at = all.findIndex((row) => row.dataset.task === id);
  focusRow(all[at + 1] ?? all[at - 1], inside);
}
