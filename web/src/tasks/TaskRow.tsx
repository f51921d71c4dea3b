import { memo, type PointerEvent, useRef, useState } from 'react';
import { actionsOf } from '../app/actions';
import { openTask, withTask } from '../app/router';
import { useClock, useProjects, useRows, useStore } from '../app/state';
import type { Task } from '../core/types';
import { t } from '../i18n';
import { Icon } from '../ui/Icon';
import { Menu, type MenuItem } from '../ui/Menu';
import { DuePicker } from './DuePicker';
import { focusNext } from './focus';
import { PriorityBars, projectLabel, TaskMeta } from './meta';

export function Circle({ task, onToggle }: { task: Task; onToggle: (byKey: boolean) => void }) {
  const done = task.status !== 'open';
  return (
    // biome-ignore lint/a11y/useSemanticElements: Enter presses it, too, and it is drawn
    <button
      type="button"
      role="checkbox"
      aria-checked={done}
      className={`circle circle-${task.priority}${done ? ' circle-done' : ''}`}
      aria-label={t(done ? 'task.reopen' : 'task.complete', { title: task.title })}
      onClick={(event) => onToggle(event.detail === 0)}
    >
      <svg width="20" height="20" viewBox="0 0 20 20" aria-hidden="true">
        <circle cx="10" cy="10" r="8.2" />
        <path d="M6.3 10.3l2.6 2.6 4.9-5.4" />
      </svg>
    </button>
  );
}

export function useTaskMenu(task: Task): MenuItem[] {
  const store = useStore();
  const { today } = useClock();
  const projects = useRows('projects');
  const own = useProjects();
  const actions = actionsOf(store);
  const inbox = projects.get(store.user.inbox_id);
  const elsewhere = [...(inbox ? [inbox] : []), ...own].filter((project) => project.id !== task.project_id);
  const open = task.status === 'open';
  return [
    { id: 'edit', label: t('action.edit'), icon: 'edit', hint: 'E', run: () => openTask(task.id) },
    ...(open
      ? [
          {
            id: 'today',
            label: t('due.today'),
            icon: 'today' as const,
            hint: 'T',
            run: () => actions.reschedule(task, today),
          },
        ]
      : []),
    ...(open && task.repeat
      ? [{ id: 'skip', label: t('task.skip'), icon: 'skip' as const, run: () => actions.skip(task) }]
      : []),
    ...elsewhere.slice(0, 8).map((project) => ({
      id: project.id,
      label: t('task.moveTo', { name: projectLabel(project) }),
      icon: project.kind === 'inbox' ? ('inbox' as const) : ('project' as const),
      run: () => actions.move(task, project),
    })),
    {
      id: 'delete',
      label: t(task.repeat ? 'task.deleteSeries' : 'action.delete'),
      icon: 'trash' as const,
      danger: true,
      run: () => actions.remove(task),
    },
  ];
}

function TaskMenu({ task, anchor, onClose }: { task: Task; anchor: Element | null; onClose: () => void }) {
  return <Menu title={task.title} items={useTaskMenu(task)} anchor={anchor} onClose={onClose} />;
}

function RowActions({ task }: { task: Task }) {
  const [open, setOpen] = useState<'due' | 'menu' | null>(null);
  const due = useRef<HTMLButtonElement>(null);
  const more = useRef<HTMLButtonElement>(null);
  const store = useStore();
  return (
    <div className="row-actions">
      {task.status === 'open' && (
        <button ref={due} type="button" className="icon-button" onClick={() => setOpen('due')}>
          <Icon name="today" size={18} />
          <span className="hidden">{t('task.reschedule', { title: task.title })}</span>
        </button>
      )}
      <button
        ref={more}
        type="button"
        className="icon-button"
        aria-haspopup="menu"
        onClick={() => setOpen('menu')}
      >
        <Icon name="more" size={18} />
        <span className="hidden">{t('task.more', { title: task.title })}</span>
      </button>
      {open === 'due' && (
        <DuePicker
          value={task}
          anchor={due.current}
          onClose={() => setOpen(null)}
          onChange={(value) => actionsOf(store).update(task, value)}
        />
      )}
      {open === 'menu' && <TaskMenu task={task} anchor={more.current} onClose={() => setOpen(null)} />}
    </div>
  );
}

interface Props {
  task: Task;
  leaving: boolean;
  selected: boolean;
  showProject: boolean;
  timeOnly: boolean;
  onGrab?: (event: PointerEvent<HTMLElement>, id: string) => void;
}

export const TaskRow = memo(function TaskRow({
  task,
  leaving,
  selected,
  showProject,
  timeOnly,
  onGrab,
}: Props) {
  const store = useStore();
  const classes = ['row'];
  if (task.status !== 'open') classes.push('row-done');
  if (leaving) classes.push('row-leaving');
  if (selected) classes.push('row-selected');
  return (
    <li className={classes.join(' ')} data-task={task.id}>
      {onGrab && (
        <span className="row-grip" aria-hidden="true" onPointerDown={(event) => onGrab(event, task.id)}>
          <Icon name="drag" size={18} />
        </span>
      )}
      <Circle
        task={task}
        onToggle={(byKey) => {
          if (byKey && task.status === 'open') focusNext('.circle');
          actionsOf(store).toggle(task);
        }}
      />
      <a
        className="row-link"
        href={withTask(task.id)}
        aria-current={selected ? 'true' : undefined}
        onClick={(event) => {
          if (event.metaKey || event.ctrlKey || event.shiftKey) return;
          event.preventDefault();
          openTask(task.id);
        }}
      >
        <span className="row-title">{task.title}</span>
        <TaskMeta task={task} showProject={showProject} timeOnly={timeOnly} />
      </a>
      {task.priority !== 'none' && (
        <span className="row-priority">
          <PriorityBars priority={task.priority} />
          <span className="hidden">{t(`priority.${task.priority}`)}</span>
        </span>
      )}
      <RowActions task={task} />
    </li>
  );
});
