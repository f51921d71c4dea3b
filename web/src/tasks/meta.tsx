import { useClock, useRows } from '../app/state';
import type { Digest, Priority, Project, Task } from '../core/types';
import { t } from '../i18n';
import { clock, dueLabel, dueTone } from '../time/format';
import { repeatWords } from '../time/words';
import { dueHere, dueInstant, hasTime } from '../time/zone';
import { Icon } from '../ui/Icon';

export const PRIORITIES: Priority[] = ['high', 'medium', 'low', 'none'];

const BARS: Record<Priority, number> = { none: 0, low: 1, medium: 2, high: 3 };

/** Three bars: a sign that needs no colour. */
export function PriorityBars({ priority, size = 16 }: { priority: Priority; size?: number }) {
  return (
    <svg
      className={`bars bars-${priority}`}
      width={size}
      height={size}
      viewBox="0 0 16 16"
      aria-hidden="true"
    >
      {[0, 1, 2].map((bar) => (
        <rect
          key={bar}
          className={bar < BARS[priority] ? 'on' : 'off'}
          x={2 + bar * 4.5}
          y={9.5 - bar * 3.5}
          width="3"
          height={4.5 + bar * 3.5}
          rx="1"
        />
      ))}
    </svg>
  );
}

export function DueText({ task, timeOnly = false }: { task: Task; timeOnly?: boolean }) {
  const { now, zone, today } = useClock();
  const due = dueHere(task, zone);
  const instant = dueInstant(task, zone);
  if (due === null || instant === null) return null;
  const tone = task.status === 'open' ? dueTone(due, instant, today, now) : 'later';
  if (timeOnly && tone !== 'overdue' && !hasTime(due)) return null;
  const sameDay = timeOnly && (tone !== 'overdue' || due.startsWith(today));
  const label = sameDay && hasTime(due) ? clock(due) : dueLabel(due, today);
  return (
    <span className={`meta-due due-${tone}`}>
      {tone === 'overdue' && <span className="hidden">{t('due.overdue')} </span>}
      <time dateTime={new Date(instant).toISOString()}>{label}</time>
    </span>
  );
}

/** What a day holds, in one line. */
export const digestWords = ({ overdue, due }: Digest): string =>
  [
    ...(overdue > 0 ? [t('digest.overdue', { n: overdue })] : []),
    ...(due > 0 ? [t('digest.due', { n: due })] : []),
  ].join(' · ');

export function projectLabel(project: Project | undefined): string {
  return project ? (project.kind === 'inbox' ? t('nav.inbox') : project.name) : '';
}

interface Props {
  task: Task;
  showProject: boolean;
  timeOnly: boolean;
}

/** The second line of a row: only what tells something. */
export function TaskMeta({ task, showProject, timeOnly }: Props) {
  const projects = useRows('projects');
  const { today } = useClock();
  const project = projects.get(task.project_id);
  const named = showProject && project && project.kind !== 'inbox';
  const bare =
    !task.due &&
    !task.repeat &&
    task.reminders.length === 0 &&
    task.tags.length === 0 &&
    !named &&
    !task.notes;
  if (bare && task.missed === 0) return null;
  return (
    <span className="row-meta">
      <DueText task={task} timeOnly={timeOnly} />
      {task.repeat && (
        <span className="meta-item" title={repeatWords(task.repeat, today)}>
          <Icon name="repeat" size={14} />
          <span className="meta-words">{repeatWords(task.repeat, today)}</span>
        </span>
      )}
      {task.missed > 0 && (
        <span className="meta-item meta-missed">{t('task.missed', { n: task.missed })}</span>
      )}
      {task.reminders.length > 0 && (
        <span className="meta-item">
          <Icon name="bell" size={14} />
          <span className="hidden">{t('task.hasReminders', { n: task.reminders.length })}</span>
        </span>
      )}
      {task.notes && (
        <span className="meta-item">
          <Icon name="browse" size={14} />
          <span className="hidden">{t('task.hasNotes')}</span>
        </span>
      )}
      {task.tags.map((tag) => (
        <span className="meta-item meta-tag" key={tag}>
          @{tag}
        </span>
      ))}
      {named && <span className="meta-item meta-project">{project.name}</span>}
    </span>
  );
}
