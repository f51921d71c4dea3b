import { type ReactNode, Suspense, useRef, useState } from 'react';
import { useClock, useProjects, useStore, useView } from '../app/state';
import type { Priority, TaskFields } from '../core/types';
import { t } from '../i18n';
import { dueLabel } from '../time/format';
import { repeatWords } from '../time/words';
import { dueHere } from '../time/zone';
import { Icon, type IconName } from '../ui/Icon';
import { Menu } from '../ui/Menu';
import { Popup } from '../ui/Popup';
import { part } from '../ui/part';
import { DuePicker } from './DuePicker';
import { PRIORITIES, PriorityBars, projectLabel } from './meta';
import { useReminderWords } from './reminders';

const ReminderPicker = part(() => import('./ReminderPicker').then((module) => module.ReminderPicker));
const RepeatPicker = part(() => import('./RepeatPicker').then((module) => module.RepeatPicker));

export type Draft = Pick<
  TaskFields,
  'start' | 'due' | 'timezone' | 'repeat' | 'reminders' | 'priority' | 'project_id' | 'tags'
>;
export type PropertyName = 'due' | 'start' | 'reminders' | 'repeat' | 'priority' | 'project' | 'tags';

const TAG = /^[^\s,#]{1,64}$/;
const MOST_TAGS = 32;

interface Props {
  draft: Draft;
  onChange: (change: Partial<Draft>) => void;
  /** `chips` in the composer, `rows` in the detail. */
  look: 'chips' | 'rows';
}

function TagsPopup({
  draft,
  onChange,
  anchor,
  onClose,
}: Omit<Props, 'look'> & { anchor: Element | null; onClose: () => void }) {
  const { tasks } = useView();
  const [text, setText] = useState('');
  const known = [...new Set([...tasks.values()].flatMap((task) => task.tags))].sort();
  const hits = known
    .filter((tag) => tag.includes(text.toLowerCase()) && !draft.tags.includes(tag))
    .slice(0, 8);
  const add = (tag: string) => {
    if (TAG.test(tag) && !draft.tags.includes(tag) && draft.tags.length < MOST_TAGS)
      onChange({ tags: [...draft.tags, tag] });
    setText('');
  };
  return (
    <Popup title={t('tags.title')} onClose={onClose} anchor={anchor} showTitle>
      <form
        className="picker"
        onSubmit={(event) => {
          event.preventDefault();
          if (text) add(text.replace(/^[@#]/, ''));
          else onClose();
        }}
      >
        <input
          type="text"
          aria-label={t('tags.new')}
          placeholder={t('tags.new')}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        {draft.tags.length > 0 && (
          <div className="chips">
            {draft.tags.map((tag) => (
              <button
                type="button"
                key={tag}
                className="chip chip-on"
                onClick={() => onChange({ tags: draft.tags.filter((other) => other !== tag) })}
              >
                @{tag}
                <Icon name="close" size={14} />
                <span className="hidden">{t('action.remove')}</span>
              </button>
            ))}
          </div>
        )}
        {hits.length > 0 && (
          <div className="chips">
            {hits.map((tag) => (
              <button type="button" key={tag} className="chip" onClick={() => add(tag)}>
                @{tag}
              </button>
            ))}
          </div>
        )}
      </form>
    </Popup>
  );
}

/** The buttons that show what a task has, and open what changes it. */
export function Properties({ draft, onChange, look }: Props) {
  const { today, zone } = useClock();
  const { projects } = useView();
  const store = useStore();
  const words = useReminderWords();
  const own = useProjects();
  const [open, setOpen] = useState<PropertyName | null>(null);
  const anchors = useRef(new Map<PropertyName, HTMLButtonElement | null>());
  const close = () => setOpen(null);
  const anchor = open ? (anchors.current.get(open) ?? null) : null;
  const here = dueHere(draft, zone);
  const begins = dueHere({ due: draft.start, timezone: draft.timezone }, zone);
  const inbox = projects.get(store.user.inbox_id);

  const property = (name: PropertyName, icon: IconName | ReactNode, value: ReactNode) => (
    <button
      type="button"
      ref={(button) => {
        anchors.current.set(name, button);
      }}
      className={`${look === 'rows' ? 'property' : 'chip'}${value ? ' is-set' : ''}`}
      aria-haspopup="dialog"
      data-property={name}
      onClick={() => setOpen(name)}
    >
      {typeof icon === 'string' ? <Icon name={icon as IconName} size={look === 'rows' ? 18 : 16} /> : icon}
      {look === 'rows' && <span className="property-name">{t(`property.${name}`)}</span>}
      <span className="property-value">
        {value ?? t(look === 'rows' ? `property.${name}.none` : `property.${name}`)}
      </span>
    </button>
  );

  return (
    <div className={look === 'rows' ? 'properties' : 'chips'}>
      {property('due', 'today', here && dueLabel(here, today))}
      {(look === 'rows' || draft.due || draft.start) &&
        property('start', 'start', begins && dueLabel(begins, today))}
      {property(
        'reminders',
        'bell',
        draft.reminders.length === 0
          ? null
          : look === 'rows'
            ? draft.reminders.map((reminder) => (
                <span className="property-line" key={reminder.id ?? words(reminder, draft)}>
                  {words(reminder, draft)}
                </span>
              ))
            : draft.reminders.length === 1 && draft.reminders[0]
              ? words(draft.reminders[0], draft)
              : t('reminder.count', { n: draft.reminders.length }),
      )}
      {property('repeat', 'repeat', draft.repeat && repeatWords(draft.repeat, today))}
      {property(
        'priority',
        draft.priority === 'none' ? (
          'flag'
        ) : (
          <PriorityBars priority={draft.priority} size={look === 'rows' ? 18 : 16} />
        ),
        draft.priority === 'none' ? null : t(`priority.${draft.priority}`),
      )}
      {property(
        'project',
        draft.project_id === inbox?.id ? 'inbox' : 'project',
        projectLabel(projects.get(draft.project_id)) || null,
      )}
      {property('tags', 'tag', draft.tags.length > 0 ? draft.tags.map((tag) => `@${tag}`).join(' ') : null)}

      {open === 'due' && (
        <DuePicker
          value={draft}
          onChange={onChange}
          onClose={close}
          anchor={anchor}
          required={draft.repeat !== null}
        />
      )}
      {open === 'start' && (
        <DuePicker
          title={t('start.title')}
          none={t('property.start.none')}
          value={{ due: draft.start, timezone: draft.timezone }}
          onChange={({ due }) => onChange({ start: due })}
          onClose={close}
          anchor={anchor}
          latest={draft.due}
          fixed
        />
      )}
      <Suspense>
        {open === 'reminders' && (
          <ReminderPicker
            dates={draft}
            reminders={draft.reminders}
            onChange={(reminders) => onChange({ reminders })}
            onClose={close}
            anchor={anchor}
          />
        )}
        {open === 'repeat' && (
          <RepeatPicker
            due={draft.due}
            timezone={draft.timezone}
            repeat={draft.repeat}
            onChange={(repeat) => onChange({ repeat })}
            onClose={close}
            anchor={anchor}
          />
        )}
      </Suspense>
      {open === 'priority' && (
        <Menu
          title={t('property.priority')}
          anchor={anchor}
          onClose={close}
          items={PRIORITIES.map((priority: Priority) => ({
            id: priority,
            label: t(`priority.${priority}`),
            icon: <PriorityBars priority={priority} size={18} />,
            checked: draft.priority === priority,
            run: () => onChange({ priority }),
          }))}
        />
      )}
      {open === 'project' && (
        <Menu
          title={t('property.project')}
          anchor={anchor}
          onClose={close}
          items={[...(inbox ? [inbox] : []), ...own].map((project) => ({
            id: project.id,
            label: projectLabel(project),
            icon: project.kind === 'inbox' ? 'inbox' : 'project',
            checked: draft.project_id === project.id,
            run: () => onChange({ project_id: project.id }),
          }))}
        />
      )}
      {open === 'tags' && <TagsPopup draft={draft} onChange={onChange} anchor={anchor} onClose={close} />}
    </div>
  );
}
