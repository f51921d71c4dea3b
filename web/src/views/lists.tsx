import { Suspense, useMemo, useState } from 'react';
import { actionsOf } from '../app/actions';
import { show } from '../app/dialogs';
import { navigate } from '../app/router';
import { useClock, useLingering, useStore, useView } from '../app/state';
import { finishedTasks, projectTasks, todayTasks, upcomingDays } from '../core/lists';
import type { Project } from '../core/types';
import { t } from '../i18n';
import { AddRow } from '../tasks/Composer';
import { useDrag } from '../tasks/drag';
import { TaskList } from '../tasks/TaskList';
import { dayAndMonthLong, dayName, fullDate, weekdayName } from '../time/format';
import { addDays, daysBetween } from '../time/zone';
import { announce } from '../ui/announce';
import { Icon } from '../ui/Icon';
import { MenuButton } from '../ui/Menu';
import { part } from '../ui/part';
import { Empty, Page, WithKeys } from './Page';

const ProjectDialog = part(() => import('./ProjectDialog').then((module) => module.ProjectDialog));

const NEAR_DAYS = 7;
const FINISHED_SHOWN = 50;

export function Today() {
  const { tasks } = useView();
  const { now, zone, today } = useClock();
  const store = useStore();
  const kept = useLingering();
  const lists = useMemo(() => todayTasks(tasks, zone, now, kept), [tasks, zone, now, kept]);
  const none = lists.overdue.length + lists.today.length === 0;
  const overdue = lists.overdue.filter((task) => task.status === 'open');
  return (
    <Page title={t('nav.today')} subtitle={`${weekdayName(today)}, ${dayAndMonthLong(today)}`}>
      {lists.overdue.length > 0 && (
        <section aria-labelledby="overdue">
          <div className="section-head">
            <h2 id="overdue" className="overdue">
              {t('today.overdue')} <span className="count">{overdue.length}</span>
            </h2>
            <button
              type="button"
              className="text-button"
              onClick={() => actionsOf(store).rescheduleAll(overdue, today)}
            >
              {t('today.rescheduleAll')}
            </button>
          </div>
          <TaskList tasks={lists.overdue} label={t('today.overdue')} />
        </section>
      )}
      {lists.today.length > 0 && (
        <section aria-labelledby="today">
          {lists.overdue.length > 0 && (
            <div className="section-head">
              <h2 id="today">
                {t('nav.today')} <span className="count">{lists.today.length}</span>
              </h2>
            </div>
          )}
          <TaskList tasks={lists.today} label={t('nav.today')} timeOnly />
        </section>
      )}
      <AddRow defaults={{ due: today }} />
      {none && (
        <Empty art="today" title={t('today.empty')}>
          <p>
            <WithKeys text={t('today.emptyHint')} />
          </p>
        </Empty>
      )}
    </Page>
  );
}

export function Upcoming() {
  const { tasks } = useView();
  const { now, zone, today } = useClock();
  const store = useStore();
  const kept = useLingering();
  const days = useMemo(() => upcomingDays(tasks, zone, now, NEAR_DAYS, kept), [tasks, zone, now, kept]);
  const grab = useDrag((id, list) => {
    const task = store.view.tasks.get(id);
    const date = list.dataset.droppable;
    if (task && date && !task.due?.startsWith(date)) actionsOf(store).reschedule(task, date);
  });
  return (
    <Page
      title={t('nav.upcoming')}
      subtitle={`${dayAndMonthLong(today)} – ${dayAndMonthLong(addDays(today, NEAR_DAYS - 1))}`}
    >
      {days.map(({ date, tasks: list }) => (
        <section key={date} className="day-section" aria-label={fullDate(date)}>
          <div className="section-head">
            <h2>
              {daysBetween(today, date) < 2 ? dayName(date, today) : weekdayName(date)}
              <span className="count">{dayAndMonthLong(date)}</span>
            </h2>
            <button
              type="button"
              className="icon-button"
              onClick={() => show({ kind: 'composer', defaults: { due: date } })}
            >
              <Icon name="plus" size={18} />
              <span className="hidden">{t('upcoming.add', { date: fullDate(date) })}</span>
            </button>
          </div>
          <TaskList tasks={list} label={fullDate(date)} timeOnly onGrab={grab} drop={date} />
        </section>
      ))}
    </Page>
  );
}

function Finished({ project }: { project: string }) {
  const { tasks } = useView();
  const [open, setOpen] = useState(false);
  const finished = useMemo(() => finishedTasks(tasks, project), [tasks, project]);
  if (finished.length === 0) return null;
  return (
    <section className="finished">
      <button type="button" className="disclosure" aria-expanded={open} onClick={() => setOpen(!open)}>
        <Icon name={open ? 'down' : 'forward'} size={16} />
        {t('project.finished')} <span className="count">{finished.length}</span>
      </button>
      {open && (
        <TaskList
          tasks={finished.slice(0, FINISHED_SHOWN)}
          label={t('project.finished')}
          showProject={false}
        />
      )}
    </section>
  );
}

export function ProjectList({ project }: { project: Project }) {
  const { tasks } = useView();
  const store = useStore();
  const actions = actionsOf(store);
  const kept = useLingering();
  const [editing, setEditing] = useState(false);
  const list = useMemo(() => projectTasks(tasks, project.id, kept), [tasks, project.id, kept]);
  const inbox = project.kind === 'inbox';
  const grab = useDrag((id, _, before) => {
    const others = list.filter((task) => task.id !== id);
    const task = list.find((candidate) => candidate.id === id);
    const at = before ? others.findIndex((candidate) => candidate.id === before) : others.length;
    if (task && list.indexOf(task) !== at) actions.place(task, list, at);
  });
  const move = (id: string, step: number) => {
    const task = list.find((candidate) => candidate.id === id);
    const at = task ? list.indexOf(task) + step : -1;
    if (!task || at < 0 || at >= list.length) return;
    actions.place(task, list, at);
    announce(t('task.position', { title: task.title, at: at + 1, of: list.length }));
  };
  return (
    <Page
      title={actions.projectName(project)}
      subtitle={project.archived_at ? t('project.archivedHint') : undefined}
      actions={
        <MenuButton
          title={t('project.menu')}
          items={[
            {
              id: 'edit',
              label: t(inbox ? 'project.reminders' : 'project.edit'),
              icon: inbox ? 'bell' : 'edit',
              run: () => setEditing(true),
            },
            ...(inbox
              ? []
              : [
                  project.archived_at
                    ? {
                        id: 'restore',
                        label: t('project.restore'),
                        icon: 'archive' as const,
                        run: () => actions.restoreProject(project),
                      }
                    : {
                        id: 'archive',
                        label: t('project.archive'),
                        icon: 'archive' as const,
                        run: () => {
                          actions.archiveProject(project);
                          navigate('/projects');
                        },
                      },
                ]),
          ]}
        >
          <Icon name="more" />
          <span className="hidden">{t('project.menu')}</span>
        </MenuButton>
      }
    >
      <TaskList
        tasks={list}
        label={actions.projectName(project)}
        showProject={false}
        onGrab={grab}
        onMove={move}
        drop="order"
      />
      {!project.archived_at && <AddRow defaults={{ project_id: project.id }} />}
      {list.length === 0 && (
        <Empty art={inbox ? 'inbox' : 'project'} title={t(inbox ? 'inbox.empty' : 'project.empty')}>
          <p>
            <WithKeys text={t(inbox ? 'inbox.emptyHint' : 'project.emptyHint')} />
          </p>
        </Empty>
      )}
      <Finished project={project.id} />
      {editing && (
        <Suspense>
          <ProjectDialog
            title={actions.projectName(project)}
            fields={project}
            named={!inbox}
            onClose={() => setEditing(false)}
            onSave={({ name, reminders }) =>
              actions.changeProject(project, {
                ...(name === project.name ? {} : { name }),
                ...(reminders === project.reminders ? {} : { reminders }),
              })
            }
          />
        </Suspense>
      )}
    </Page>
  );
}
