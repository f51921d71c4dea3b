import { type KeyboardEvent, useId, useMemo, useRef, useState } from 'react';
import { folded, searchTasks } from '../core/lists';
import { t } from '../i18n';
import { focusedTask } from '../tasks/focus';
import { nextWeek } from '../tasks/shortcuts';
import { Icon, type IconName } from '../ui/Icon';
import { Popup } from '../ui/Popup';
import { undoLast } from '../ui/toasts';
import { actionsOf } from './actions';
import { show } from './dialogs';
import { navigate, openTask } from './router';
import { useClock, useProjects, useStore, useView } from './state';

interface Command {
  id: string;
  label: string;
  icon: IconName;
  keys?: string;
  done?: boolean;
  run: () => void;
}

const HITS = 12;

function useCommands(task: string | null): Command[] {
  const store = useStore();
  const { today } = useClock();
  const { tasks } = useView();
  const projects = useProjects();
  return useMemo(() => {
    const actions = actionsOf(store);
    const go = (path: string, icon: IconName, name: string, keys?: string): Command => ({
      id: path,
      label: t('palette.go', { name }),
      icon,
      keys,
      run: () => navigate(path),
    });
    const chosen = task ? tasks.get(store.outbox.nameOf(task)) : undefined;
    const own: Command[] = chosen
      ? [
          {
            id: 'toggle',
            label: t(chosen.status === 'open' ? 'task.complete' : 'task.reopen', { title: chosen.title }),
            icon: 'check',
            keys: 'x',
            run: () => actions.toggle(chosen),
          },
          {
            id: 'today',
            label: t('help.today'),
            icon: 'today',
            keys: 't',
            run: () => actions.reschedule(chosen, today),
          },
          {
            id: 'week',
            label: t('help.week'),
            icon: 'week',
            keys: 'w',
            run: () => actions.reschedule(chosen, nextWeek(today)),
          },
          {
            id: 'date',
            label: t('help.date'),
            icon: 'upcoming',
            keys: 'd',
            run: () => show({ kind: 'due', task: chosen.id }),
          },
          {
            id: 'delete',
            label: t('action.delete'),
            icon: 'trash',
            keys: 'Del',
            run: () => actions.remove(chosen),
          },
        ]
      : [];
    return [
      ...own,
      { id: 'add', label: t('nav.add'), icon: 'plus', keys: 'q', run: () => show({ kind: 'composer' }) },
      go('/today', 'today', t('nav.today'), 'g t'),
      go('/upcoming', 'upcoming', t('nav.upcoming'), 'g u'),
      go('/inbox', 'inbox', t('nav.inbox'), 'g i'),
      ...projects.map((project) => go(`/project/${project.id}`, 'project', project.name)),
      go('/notifications', 'bell', t('nav.notifications'), 'g n'),
      go('/projects', 'browse', t('nav.projects'), 'g p'),
      go('/completed', 'completed', t('nav.completed'), 'g c'),
      go('/settings', 'settings', t('nav.settings'), 'g s'),
      { id: 'project', label: t('project.new'), icon: 'project', run: () => show({ kind: 'project' }) },
      { id: 'search', label: t('help.search'), icon: 'search', keys: '/', run: () => navigate('/search') },
      { id: 'undo', label: t('help.undo'), icon: 'history', keys: 'u', run: () => void undoLast() },
      { id: 'help', label: t('nav.keys'), icon: 'keyboard', keys: '?', run: () => show({ kind: 'help' }) },
    ];
  }, [store, tasks, projects, task, today]);
}

/** Every command and every task, by a few letters of its name. */
export function Palette({ onClose }: { onClose: () => void }) {
  const { tasks } = useView();
  const [task] = useState(() => focusedTask() ?? new URL(location.href).searchParams.get('task'));
  const commands = useCommands(task);
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const id = useId();
  const hits = useMemo((): Command[] => {
    const words = folded(text).split(/\s+/).filter(Boolean);
    if (words.length === 0) return commands;
    const named = commands.filter((command) => words.every((word) => folded(command.label).includes(word)));
    const found = searchTasks(tasks, text, HITS).map((hit) => ({
      id: hit.id,
      label: hit.title,
      icon: hit.status === 'open' ? ('forward' as const) : ('completed' as const),
      done: hit.status !== 'open',
      run: () => openTask(hit.id),
    }));
    return [...named, ...found];
  }, [commands, tasks, text]);
  const chosen = Math.min(at, hits.length - 1);

  const move = (to: number) => {
    setAt(to);
    list.current?.children[to]?.scrollIntoView({ block: 'nearest' });
  };
  const run = (command: Command | undefined) => {
    if (!command) return;
    onClose();
    command.run();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown') move((chosen + 1) % Math.max(1, hits.length));
    else if (event.key === 'ArrowUp') move((chosen - 1 + hits.length) % Math.max(1, hits.length));
    else if (event.key === 'Enter' && !event.nativeEvent.isComposing) run(hits[chosen]);
    else return;
    event.preventDefault();
  };
  return (
    <Popup title={t('palette.title')} onClose={onClose} kind="palette">
      <div className="palette">
        <div className="palette-field">
          <Icon name="search" />
          <input
            type="text"
            role="combobox"
            aria-expanded="true"
            aria-controls={`${id}-list`}
            aria-activedescendant={hits[chosen] ? `${id}-${chosen}` : undefined}
            aria-label={t('palette.placeholder')}
            placeholder={t('palette.placeholder')}
            autoComplete="off"
            value={text}
            onChange={(event) => {
              setText(event.target.value);
              setAt(0);
            }}
            onKeyDown={onKeyDown}
          />
        </div>
        <p className="hidden" role="status">
          {t('palette.hits', { n: hits.length })}
        </p>
        <div
          className="palette-list"
          ref={list}
          role="listbox"
          id={`${id}-list`}
          aria-label={t('palette.title')}
        >
          {hits.map((command, index) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the field above has the keys
            <div
              key={command.id}
              id={`${id}-${index}`}
              role="option"
              tabIndex={-1}
              aria-selected={index === chosen}
              className={`palette-item${command.done ? ' is-done' : ''}`}
              onPointerMove={() => index !== chosen && setAt(index)}
              onClick={() => run(command)}
            >
              <Icon name={command.icon} size={18} />
              <span className="menu-label">{command.label}</span>
              {command.keys && <kbd>{command.keys}</kbd>}
            </div>
          ))}
        </div>
        {hits.length === 0 && <p className="palette-none">{t('palette.none')}</p>}
      </div>
    </Popup>
  );
}
