import type { PointerEvent } from 'react';
import { useAddress } from '../app/router';
import { useLingering } from '../app/state';
import type { Task } from '../core/types';
import { TaskRow } from './TaskRow';

interface Props {
  tasks: Task[];
  label: string;
  showProject?: boolean;
  /** The list says the day already. */
  timeOnly?: boolean;
  onGrab?: (event: PointerEvent<HTMLElement>, id: string) => void;
  /** What a row that is dropped here becomes: a day, or a place in the order. */
  drop?: string;
}

export function TaskList({ tasks, label, showProject = true, timeOnly = false, onGrab, drop }: Props) {
  const selected = useAddress().searchParams.get('task');
  const lingering = useLingering();
  if (tasks.length === 0 && drop === undefined) return null;
  return (
    <ul className="rows" aria-label={label} data-droppable={drop}>
      {tasks.map((task) => (
        <TaskRow
          key={task.id}
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
