/** The keyboard outside of fields and layers. A key acts on the row that has the focus, else on the open task. */

import { useEffect, useRef } from 'react';
import { t } from '../i18n';
import { focusedNotice, focusedTask, focusNext, moveFocus, moveRow } from '../tasks/focus';
import { newestRang } from '../tasks/rang';
import { nextWeek } from '../tasks/shortcuts';
import { toast, undoLast } from '../ui/toasts';
import { actionsOf } from './actions';
import { show } from './dialogs';
import { closeTask, navigate, openTask } from './router';
import { useClock, useStore } from './state';

const GO: Record<string, string> = {
  t: '/today',
  u: '/upcoming',
  i: '/inbox',
  n: '/notifications',
  p: '/projects',
  c: '/completed',
  s: '/settings',
};
const GO_MS = 1_500;

function typing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement)
    return !['checkbox', 'radio', 'button', 'submit'].includes(target.type);
  return target.isContentEditable || ['TEXTAREA', 'SELECT'].includes(target.tagName);
}

export function useKeys(): void {
  const store = useStore();
  const { today } = useClock();
  const latest = useRef({ store, today });
  latest.current = { store, today };

  useEffect(() => {
    const stop = new AbortController();
    let going = 0;

    const selected = (): string | null => focusedTask() ?? new URL(location.href).searchParams.get('task');

    const onTask = (event: KeyboardEvent): boolean => {
      const { store, today } = latest.current;
      const id = selected();
      const task = id && store.view.tasks.get(store.outbox.nameOf(id));
      if (!task) return false;
      const actions = actionsOf(store);
      const inRow = focusedTask() !== null;
      const open = task.status === 'open';
      const leaves = () => {
        if (inRow) focusNext();
      };
      switch (event.key) {
        case 'x': {
          const notice = focusedNotice();
          const rang = notice && store.view.notifications.get(notice);
          if (rang && open) actions.read(rang);
          else if (open) leaves();
          actions.toggle(task);
          return true;
        }
        case 'X':
          if (!task.repeat || !open) return false;
          leaves();
          actions.skip(task);
          return true;
        case 'e':
          openTask(task.id);
          // Once it is drawn.
          requestAnimationFrame(() => document.querySelector<HTMLElement>('.detail .detail-name')?.focus());
          return true;
        case 't':
          if (open) actions.reschedule(task, today);
          return true;
        case 'w':
          if (open) actions.reschedule(task, nextWeek(today));
          return true;
        case 'd':
          if (open) show({ kind: 'due', task: task.id });
          return true;
        case 's':
          show({ kind: 'snooze', task: task.id });
          return true;
        case 'a': {
          const notice = focusedNotice();
          const rang = notice
            ? store.view.notifications.get(notice)
            : newestRang(store.view.notifications, task.id);
          if (!rang || rang.read_at) return false;
          actions.acknowledge(rang.id);
          return true;
        }
        case 'Delete':
        case 'Backspace':
          leaves();
          actions.remove(task);
          return true;
        default:
          return false;
      }
    };

    const anywhere = (event: KeyboardEvent): boolean => {
      switch (event.key) {
        case 'q':
          show({ kind: 'composer' });
          return true;
        case '/':
          if (location.pathname === '/search') document.querySelector<HTMLElement>('main input')?.focus();
          else navigate('/search');
          return true;
        case '?':
          show({ kind: 'help' });
          return true;
        case 'j':
          return moveFocus(1);
        case 'k':
          return moveFocus(-1);
        case 'ArrowDown':
        case 'ArrowUp':
          // Elsewhere, arrows scroll.
          return focusedTask() !== null && moveFocus(event.key === 'ArrowDown' ? 1 : -1);
        case 'u':
          if (!undoLast()) toast(t('said.nothingToUndo'), { key: 'undo' });
          return true;
        case 'g':
          going = event.timeStamp;
          return true;
        case 'Escape':
          if (!new URL(location.href).searchParams.has('task')) return false;
          closeTask();
          return true;
        default:
          return false;
      }
    };

    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.isComposing) return;
      // The sheet of a task is a view on phones: its task can be reached by key like any other.
      const layer = document.querySelector('dialog[open]:not(.popup-sheet)') !== null;
      const mod = event.ctrlKey || event.metaKey;
      if (mod && !event.altKey && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        if (!layer) show({ kind: 'palette' });
        return;
      }
      if (layer) return;
      if (typing(event.target)) {
        if (event.key === 'Escape' && event.target instanceof HTMLElement) {
          // A search field would empty itself.
          event.preventDefault();
          const inDetail = event.target.closest('.detail-panel');
          event.target.blur();
          if (inDetail) closeTask();
        }
        return;
      }
      if (event.altKey && !mod && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) {
        if (moveRow(event.key === 'ArrowUp' ? -1 : 1)) event.preventDefault();
        return;
      }
      if (mod && event.key.toLowerCase() === 'z' && !event.shiftKey) {
        if (undoLast()) event.preventDefault();
        return;
      }
      if (mod || event.altKey) return;
      if (going && event.timeStamp - going < GO_MS) {
        going = 0;
        const to = GO[event.key];
        if (to) {
          event.preventDefault();
          navigate(to);
          return;
        }
      }
      going = 0;
      if (onTask(event) || anywhere(event)) event.preventDefault();
    };
    window.addEventListener('keydown', press, { signal: stop.signal });
    return () => stop.abort();
  }, []);
}
