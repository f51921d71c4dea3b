import { type PointerEvent, useCallback, useRef } from 'react';

const START_PX = 4;
const EDGE_PX = 60;

/**
 * Drags a row by its grip. The list only learns where it was let go: before which row, of which list. While it
 * moves, two classes do all the painting.
 */
export function useDrag(onDrop: (id: string, list: HTMLElement, before: string | null) => void) {
  const drop = useRef(onDrop);
  drop.current = onDrop;

  return useCallback((event: PointerEvent<HTMLElement>, id: string) => {
    const row = event.currentTarget.closest<HTMLElement>('[data-task]');
    if (!row || event.button !== 0) return;
    event.preventDefault();
    const grip = event.currentTarget;
    const startY = event.clientY;
    const startScroll = document.scrollingElement?.scrollTop ?? 0;
    let target: { list: HTMLElement; before: HTMLElement | null } | null = null;
    let started = false;
    grip.setPointerCapture(event.pointerId);

    const unmark = () => {
      for (const marked of document.querySelectorAll('.drop-before, .drop-end'))
        marked.classList.remove('drop-before', 'drop-end');
    };
    const find = (y: number) => {
      let best: { list: HTMLElement; before: HTMLElement | null; distance: number } | null = null;
      for (const list of document.querySelectorAll<HTMLElement>('[data-droppable]')) {
        const others = [...list.querySelectorAll<HTMLElement>(':scope > [data-task]')].filter(
          (other) => other !== row,
        );
        const box = list.getBoundingClientRect();
        const distance = y < box.top ? box.top - y : y > box.bottom ? y - box.bottom : 0;
        if (best && distance >= best.distance) continue;
        const before = others.find((other) => {
          const at = other.getBoundingClientRect();
          return y < at.top + at.height / 2;
        });
        best = { list, before: before ?? null, distance };
      }
      return best;
    };
    const move = (moved: globalThis.PointerEvent) => {
      const scrolled = (document.scrollingElement?.scrollTop ?? 0) - startScroll;
      const distance = moved.clientY - startY + scrolled;
      if (!started && Math.abs(distance) < START_PX) return;
      if (!started) {
        started = true;
        row.classList.add('row-dragged');
        document.documentElement.classList.add('dragging');
      }
      row.style.transform = `translateY(${distance}px)`;
      if (moved.clientY < EDGE_PX) window.scrollBy(0, -8);
      if (moved.clientY > window.innerHeight - EDGE_PX) window.scrollBy(0, 8);
      unmark();
      target = find(moved.clientY);
      if (target?.before) target.before.classList.add('drop-before');
      else target?.list.classList.add('drop-end');
    };
    const end = (commit: boolean) => {
      window.removeEventListener('pointermove', move);
      window.removeEventListener('pointerup', up);
      window.removeEventListener('pointercancel', cancel);
      window.removeEventListener('keydown', giveUp, true);
      unmark();
      row.classList.remove('row-dragged');
      row.style.transform = '';
      document.documentElement.classList.remove('dragging');
      if (commit && started && target) drop.current(id, target.list, target.before?.dataset.task ?? null);
    };
    const up = () => end(true);
    const cancel = () => end(false);
    const giveUp = (key: globalThis.KeyboardEvent) => {
      if (key.key !== 'Escape') return;
      key.stopPropagation();
      end(false);
    };
    window.addEventListener('pointermove', move);
    window.addEventListener('pointerup', up);
    window.addEventListener('pointercancel', cancel);
    window.addEventListener('keydown', giveUp, true);
  }, []);
}
