import { Suspense, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import { todayTasks } from '../core/lists';
import type { User } from '../core/types';
import { t } from '../i18n';
import { ComposerDialog } from '../tasks/Composer';
import { TaskDetail } from '../tasks/Detail';
import { DueDialog, SnoozeDialog } from '../tasks/dialogs';
import { Icon, type IconName, Mark } from '../ui/Icon';
import { Link } from '../ui/Link';
import { loadPartsAtRest, part } from '../ui/part';
import { Completed, Search } from '../views/Find';
import { ProjectList, Today, Upcoming } from '../views/lists';
import { Empty, Page, Skeleton } from '../views/Page';
import { Projects } from '../views/Projects';
import { SignIn } from '../views/SignIn';
import { Banner } from './Banner';
import { show, useDialog } from './dialogs';
import { useKeys } from './keys';
import { Palette } from './Palette';
import { navigate, useAddress, withTask } from './router';
import { type Route, routeOf } from './routes';
import { useStoreEvents } from './said';
import { useClock, useProjects, useStatus, useStore, useTask, useView } from './state';

const Help = part(() => import('./Help').then((module) => module.Help));
const Notifications = part(() => import('../views/Notifications').then((module) => module.Notifications));
const Settings = part(() => import('../views/Settings').then((module) => module.SettingsView));

const ConflictDialog = part(() => import('./Conflicts').then((module) => module.ConflictDialog));
const NewProjectDialog = part(() =>
  import('../views/ProjectDialog').then((module) => module.NewProjectDialog),
);

const WIDE = window.matchMedia('(min-width: 1080px)');

const useWide = (): boolean =>
  useSyncExternalStore(
    (listener) => {
      WIDE.addEventListener('change', listener);
      return () => WIDE.removeEventListener('change', listener);
    },
    () => WIDE.matches,
  );

function useCounts(): { today: number; inbox: number; unread: number; overdue: number } {
  const { tasks, notifications } = useView();
  const { zone, now } = useClock();
  const store = useStore();
  return useMemo(() => {
    const lists = todayTasks(tasks, zone, now);
    let inbox = 0;
    for (const task of tasks.values())
      if (task.status === 'open' && task.project_id === store.user.inbox_id) inbox++;
    let unread = 0;
    for (const row of notifications.values()) if (row.read_at === null) unread++;
    return { today: lists.overdue.length + lists.today.length, inbox, unread, overdue: lists.overdue.length };
  }, [tasks, notifications, zone, now, store.user.inbox_id]);
}

interface Entry {
  to: string;
  icon: IconName;
  label: string;
  count?: number;
  counted?: string;
  strong?: boolean;
}

function NavLink({ entry, here, className }: { entry: Entry; here: string; className: string }) {
  return (
    <Link to={entry.to} className={className} aria-current={here === entry.to ? 'page' : undefined}>
      <Icon name={entry.icon} />
      <span className="nav-name">{entry.label}</span>
      {!!entry.count && (
        <span className={`nav-count${entry.strong ? ' nav-count-strong' : ''}`}>
          <span aria-hidden="true">{entry.count > 99 ? '99+' : entry.count}</span>
          <span className="hidden">, {entry.counted}</span>
        </span>
      )}
    </Link>
  );
}

function useEntries(): Record<
  'today' | 'upcoming' | 'inbox' | 'notifications' | 'projects' | 'completed' | 'settings',
  Entry
> {
  const counts = useCounts();
  const open = (n: number) => t('nav.openTasks', { n });
  return {
    today: {
      to: '/today',
      icon: 'today',
      label: t('nav.today'),
      count: counts.today,
      counted: open(counts.today),
      strong: counts.overdue > 0,
    },
    upcoming: { to: '/upcoming', icon: 'upcoming', label: t('nav.upcoming') },
    inbox: {
      to: '/inbox',
      icon: 'inbox',
      label: t('nav.inbox'),
      count: counts.inbox,
      counted: open(counts.inbox),
    },
    notifications: {
      to: '/notifications',
      icon: 'bell',
      label: t('nav.notifications'),
      count: counts.unread,
      counted: t('nav.unread', { n: counts.unread }),
      strong: true,
    },
    projects: { to: '/projects', icon: 'browse', label: t('nav.browse') },
    completed: { to: '/completed', icon: 'completed', label: t('nav.completed') },
    settings: { to: '/settings', icon: 'settings', label: t('nav.settings') },
  };
}

/** Screen readers have the key from `aria-keyshortcuts`. */
function KeyHint({ children }: { children: string }) {
  return (
    <span aria-hidden="true">
      <kbd>{children}</kbd>
    </span>
  );
}

function Sidebar({ here }: { here: string }) {
  const entries = useEntries();
  const projects = useProjects();
  const store = useStore();
  return (
    <nav className="sidebar" aria-label={t('nav.label')}>
      <div className="sidebar-top">
        <Link to="/today" className="brand">
          <Mark size={26} />
          <span>{t('app.name')}</span>
        </Link>
      </div>
      <button
        type="button"
        className="sidebar-add"
        onClick={() => show({ kind: 'composer' })}
        aria-keyshortcuts="q"
      >
        <Icon name="plus" />
        <span className="nav-name">{t('nav.add')}</span>
        <KeyHint>q</KeyHint>
      </button>
      <Link
        to="/search"
        className="nav-link"
        aria-current={here === '/search' ? 'page' : undefined}
        aria-keyshortcuts="/"
      >
        <Icon name="search" />
        <span className="nav-name">{t('nav.search')}</span>
        <KeyHint>/</KeyHint>
      </Link>
      {[entries.today, entries.upcoming, entries.inbox, entries.notifications].map((entry) => (
        <NavLink key={entry.to} entry={entry} here={here} className="nav-link" />
      ))}
      <div className="sidebar-head">
        <Link
          to="/projects"
          className="sidebar-title"
          aria-current={here === '/projects' ? 'page' : undefined}
        >
          {t('nav.projects')}
        </Link>
        <button type="button" className="icon-button" onClick={() => show({ kind: 'project' })}>
          <Icon name="plus" size={16} />
          <span className="hidden">{t('project.new')}</span>
        </button>
      </div>
      {projects.map((project) => (
        <NavLink
          key={store.keyOf(project.id)}
          entry={{ to: `/project/${project.id}`, icon: 'project', label: project.name }}
          here={here}
          className="nav-link"
        />
      ))}
      <div className="sidebar-end">
        <NavLink entry={entries.completed} here={here} className="nav-link" />
        <NavLink entry={entries.settings} here={here} className="nav-link" />
        <button
          type="button"
          className="nav-link"
          onClick={() => show({ kind: 'help' })}
          aria-keyshortcuts="?"
        >
          <Icon name="keyboard" />
          <span className="nav-name">{t('nav.keys')}</span>
          <KeyHint>?</KeyHint>
        </button>
      </div>
    </nav>
  );
}

function BottomBar({ here }: { here: string }) {
  const { today, upcoming, inbox, notifications, projects } = useEntries();
  return (
    <nav className="bottom-bar" aria-label={t('nav.label')}>
      {[today, upcoming, inbox, notifications, projects].map((entry) => (
        <NavLink key={entry.to} entry={entry} here={here} className="tab" />
      ))}
    </nav>
  );
}

function Missing({ what }: { what: 'task' | 'project' }) {
  return (
    <Page title={t(what === 'task' ? 'task.missing' : 'project.missing')}>
      <Empty art="search" title={t(what === 'task' ? 'task.missing' : 'project.missing')}>
        <p>{t(what === 'task' ? 'task.missingHint' : 'project.missingHint')}</p>
      </Empty>
    </Page>
  );
}

/** `/task/…`, as notifications and e-mails link it: the task beside the list it is in. */
function TaskAddress({ id }: { id: string }) {
  const store = useStore();
  const task = useTask(id);
  const { loaded } = useStatus();
  const [missing, setMissing] = useState<'gone' | 'away' | null>(null);
  const project = task?.project_id;
  useEffect(() => {
    if (project) {
      const list = project === store.user.inbox_id ? '/inbox' : `/project/${project}`;
      navigate(`${list}?task=${encodeURIComponent(id)}`, { replace: true });
    } else if (loaded) {
      store.find(id).then(
        (found) => setMissing(found ? null : 'gone'),
        () => setMissing('away'),
      );
    }
  }, [id, project, loaded, store]);
  if (missing === 'away')
    return (
      <Page title={t('detail.panel')}>
        <p>{t('error.away')}</p>
      </Page>
    );
  return missing ? <Missing what="task" /> : <Skeleton />;
}

function ProjectAddress({ id }: { id: string }) {
  const store = useStore();
  const { projects } = useView();
  const { loaded } = useStatus();
  const project = projects.get(store.outbox.nameOf(id));
  if (project) return <ProjectList key={store.keyOf(project.id)} project={project} />;
  return loaded ? <Missing what="project" /> : <Page title={t('loading')}>{null}</Page>;
}

function Content({ route, onSignOut }: { route: Route; onSignOut: () => void }) {
  const store = useStore();
  switch (route.view) {
    case 'today':
      return <Today />;
    case 'upcoming':
      return <Upcoming />;
    case 'inbox':
      return <ProjectAddress id={store.user.inbox_id} />;
    case 'projects':
      return <Projects />;
    case 'project':
      return <ProjectAddress id={route.id} />;
    case 'task':
      return <TaskAddress key={route.id} id={route.id} />;
    case 'completed':
      return <Completed />;
    case 'notifications':
      return (
        <Suspense fallback={<Page title={t('nav.notifications')}>{<Skeleton />}</Page>}>
          <Notifications />
        </Suspense>
      );
    case 'search':
      return <Search />;
    case 'settings':
      return (
        <Suspense fallback={<Page title={t('nav.settings')}>{<Skeleton />}</Page>}>
          <Settings onSignOut={onSignOut} />
        </Suspense>
      );
    default:
      return null;
  }
}

function Dialogs({ defaults }: { defaults: Parameters<typeof ComposerDialog>[0]['defaults'] }) {
  const dialog = useDialog();
  const close = () => show(null);
  switch (dialog?.kind) {
    case 'composer':
      return <ComposerDialog defaults={dialog.defaults ?? defaults} onClose={close} />;
    case 'palette':
      return <Palette onClose={close} />;
    case 'help':
      return <Help onClose={close} />;
    case 'conflict':
      return <ConflictDialog onClose={close} />;
    case 'project':
      return <NewProjectDialog onClose={close} />;
    case 'due':
      return <DueDialog id={dialog.task} onClose={close} />;
    case 'snooze':
      return <SnoozeDialog id={dialog.task} onClose={close} />;
    default:
      return null;
  }
}

/** A new view begins at its heading, for eyes, keys and screen readers alike. */
function useArrival(path: string): void {
  const first = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the path says when
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    window.scrollTo(0, 0);
    if (!document.activeElement?.closest('main input, dialog'))
      document.querySelector<HTMLElement>('main h1')?.focus({ preventScroll: true });
  }, [path]);
}

interface Props {
  onSignOut: () => void;
  onUser: (user: User) => void;
}

export function Shell({ onSignOut, onUser }: Props) {
  const store = useStore();
  const address = useAddress();
  const path = address.pathname;
  const route = routeOf(path);
  const { today } = useClock();
  const { signedOut, live } = useStatus();
  const wide = useWide();
  const selected = address.searchParams.get('task');
  const task = useTask(selected && store.outbox.nameOf(selected));
  const [again, setAgain] = useState(false);
  const adding = address.searchParams.has('add');

  useEffect(loadPartsAtRest, []);
  useStoreEvents();
  useKeys();
  useArrival(path);
  useEffect(() => {
    if (['none', 'sign-in', 'sign-up'].includes(route.view)) navigate('/today', { replace: true });
  }, [route.view]);
  useEffect(() => {
    if (!adding) return;
    navigate('/today', { replace: true });
    show({ kind: 'composer' });
  }, [adding]);
  // The open task was deleted, here or elsewhere.
  const known = useRef<string | null>(null);
  useEffect(() => {
    if (task) known.current = task.id;
    else if (selected && known.current === store.outbox.nameOf(selected))
      navigate(withTask(null), { replace: true });
  }, [task, selected, store]);

  if (signedOut && again)
    return (
      <SignIn
        email={store.user.email}
        onUser={(user) => {
          setAgain(false);
          if (user.id === store.user.id) store.resume();
          else onUser(user);
        }}
        onOther={onSignOut}
      />
    );

  const defaults =
    route.view === 'today'
      ? { due: today }
      : route.view === 'project'
        ? { project_id: store.outbox.nameOf(route.id) }
        : {};
  return (
    <>
      <a className="skip-link" href="#main">
        {t('skip.link')}
      </a>
      <div className={`shell${task && wide ? ' shell-detail' : ''}`}>
        <Sidebar here={path} />
        <div className="shell-main">
          <Banner onSignIn={() => setAgain(true)} />
          <main id="main" tabIndex={-1} data-live={live === 'live' ? '' : undefined}>
            <Content route={route} onSignOut={onSignOut} />
          </main>
        </div>
        <TaskDetail task={task} wide={wide} />
      </div>
      {route.view !== 'settings' && (
        <button type="button" className="float-add" onClick={() => show({ kind: 'composer' })}>
          <Icon name="plus" size={24} />
          <span className="hidden">{t('nav.add')}</span>
        </button>
      )}
      <BottomBar here={path} />
      <Suspense>
        <Dialogs defaults={defaults} />
      </Suspense>
    </>
  );
}
