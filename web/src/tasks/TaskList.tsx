import { type PointerEvent, useEffect, useRef } from 'react';
import { useAddress } from '../app/router';
import { useLingering, useStore } from '../app/state';
import type { Task } from '../core/types';
import { TaskRow } from './TaskRow';

interface Props {
  tasks: Task[];
  label: string;
  showProject?: boolean;
  /** The list says the day already. */
  timeOnly?: boolean;
  onGrab?: (event: PointerEvent<HTMLElement>, id: string) => void;
  /** A row is moved by key. */
  onMove?: (id: string, step: number) => void;
  /** What a row that is dropped here becomes: a day, or a place in the order. */
  drop?: string;
}

export function TaskList({
  tasks,
  label,
  showProject = true,
  timeOnly = false,
  onGrab,
  onMove,
  drop,
}: Props) {
  const selected = useAddress().searchParams.get('task');
  const lingering = useLingering();
  const store = useStore();
  const list = useRef<HTMLUListElement>(null);
  const moving = useRef(onMove);
  moving.current = onMove;
  const shown = tasks.length > 0 || drop !== undefined;
  useEffect(() => {
    const element = shown ? list.current : null;
    const move = (event: Event) => {
      const { id, step } = (event as CustomEvent<{ id: string; step: number }>).detail;
      moving.current?.(id, step);
    };
    element?.addEventListener('punctual:move', move);
    return () => element?.removeEventListener('punctual:move', move);
  }, [shown]);
  if (!shown) return null;
  return (
    <ul className="rows" ref={list} aria-label={label} data-droppable={drop} data-ordered={onMove && ''}>
      {tasks.map((task) => (
        <TaskRow
          key={store.keyOf(task.id)}
          task={task}
          leaving={lingering.has(task.id) && task.status !== 'open'}
          selected={task.id === selected}
          showProject={showProject}
          timeOnly={timeOnly}
          onGrab={onGrab}
        />
      ))}
    </ul>
  );
}
