import { type ReactNode, Suspense, useEffect, useRef, useState } from 'react';
import { actionsOf } from '../app/actions';
import { show } from '../app/dialogs';
import { closeTask } from '../app/router';
import { useClock, useStore, useView } from '../app/state';
import { isNew } from '../core/ops';
import { laterFields, ownOf } from '../core/series';
import type { Task } from '../core/types';
import { t } from '../i18n';
import { dueLabel, momentLabel, relative } from '../time/format';
import { Icon } from '../ui/Icon';
import { MenuButton } from '../ui/Menu';
import { Popup } from '../ui/Popup';
import { part } from '../ui/part';
import { useRang } from './dialogs';
import { useFieldDraft } from './draft';
import { focusTask } from './focus';
import { Properties } from './Properties';
import { Circle, useTaskMenu } from './TaskRow';

// Opened one by one: until then, a first visit need not load them.
const History = part(() => import('./History').then((module) => module.History));
const Occurrences = part(() => import('./Occurrences').then((module) => module.Occurrences));
const Receipts = part(() => import('./Receipts').then((module) => module.Receipts));

const GROWS_BY_ITSELF = CSS.supports('field-sizing', 'content');

function GrowingText(props: {
  className: string;
  label: string;
  placeholder: string;
  saved: string;
  save: (text: string) => void;
  maxLength: number;
  oneLine?: boolean;
}) {
  const draft = useFieldDraft(props.saved, props.save);
  const area = useRef<HTMLTextAreaElement>(null);
  // After the layer around it has opened: before, it has no height.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the height follows the text
  useEffect(() => {
    const element = area.current;
    if (!element || GROWS_BY_ITSELF) return;
    element.style.height = '0';
    element.style.height = `${element.scrollHeight}px`;
  }, [draft.value]);
  return (
    <>
      <textarea
        ref={area}
        rows={1}
        className={props.className}
        aria-label={props.label}
        placeholder={props.placeholder}
        maxLength={props.maxLength}
        value={draft.value}
        onChange={(event) =>
          draft.onChange(props.oneLine ? event.target.value.replace(/\n/g, ' ') : event.target.value)
        }
        onBlur={draft.onBlur}
        onKeyDown={(event) => {
          if (props.oneLine && event.key === 'Enter') {
            event.preventDefault();
            event.currentTarget.blur();
          }
        }}
      />
      {draft.clash !== null && (
        <div className="clash" role="alert">
          <p>{t('clash.now', { value: draft.clash || t('field.empty') })}</p>
          <div className="field-row">
            <button type="button" className="button button-small" onClick={() => draft.choose('mine')}>
              {t('conflict.mine')}
            </button>
            <button type="button" className="button button-small" onClick={() => draft.choose('theirs')}>
              {t('conflict.theirs')}
            </button>
          </div>
        </div>
      )}
    </>
  );
}

function Section({ title, id, children }: { title: string; id: string; children: () => ReactNode }) {
  const [open, setOpen] = useState(false);
  return (
    <section className="detail-section">
      <h2>
        <button
          type="button"
          className="disclosure"
          aria-expanded={open}
          aria-controls={id}
          onClick={() => setOpen(!open)}
        >
          <Icon name={open ? 'down' : 'forward'} size={16} />
          {title}
        </button>
      </h2>
      <div id={id}>{open && <Suspense fallback={<Waiting />}>{children()}</Suspense>}</div>
    </section>
  );
}

const Waiting = () => <div className="skeleton skeleton-block" aria-hidden="true" />;

/** A reminder that rang and was not acknowledged: it may ring again. */
function Rang({ task }: { task: Task }) {
  const store = useStore();
  const { now } = useClock();
  const rang = useRang(task.id);
  if (!rang || rang.read_at || task.status !== 'open') return null;
  return (
    <div className="detail-rang">
      <Icon name="bell" size={16} />
      <span>{t('ack.rang', { time: relative(rang.fired_at, now) })}</span>
      <button
        type="button"
        className="button button-small"
        onClick={() => actionsOf(store).acknowledge(rang.id)}
      >
        {t('ack.do')}
      </button>
    </div>
  );
}

/** Where this occurrence is not as later ones will be. */
function OwnOfThisOne({ task }: { task: Task }) {
  const store = useStore();
  const { today } = useClock();
  return ownOf(task).map((name) => {
    const { title = '', due } = laterFields(task, [name]);
    return (
      <p className="detail-own" key={name}>
        {name === 'title'
          ? t('later.title', { title })
          : t('later.due', { date: dueLabel(due ?? '', today) })}{' '}
        <button type="button" className="text-button" onClick={() => actionsOf(store).forLater(task, name)}>
          {t(`later.${name}All`)}
        </button>
      </p>
    );
  });
}

function Detail({ task, head }: { task: Task; head: ReactNode }) {
  const store = useStore();
  const actions = actionsOf(store);
  const { zone, now, today } = useClock();
  const { notifications } = useView();
  const fired = [...notifications.values()].filter((row) => row.task_id === task.id);
  // What is on its way changes them once more when it has arrived.
  const waiting = store.outbox.ops.filter((op) => op.kind.startsWith('notification.')).length;
  const version = `${task.version}/${fired.length}/${fired.filter((row) => row.read_at).length}/${waiting}`;
  const saved = !isNew(task.id);
  return (
    <article className="detail" aria-label={t('detail.label', { title: task.title })}>
      {head}
      <div className="detail-title">
        <Circle task={task} onToggle={() => actions.toggle(task)} />
        <GrowingText
          className="detail-name"
          label={t('task.title')}
          placeholder={t('task.title')}
          saved={task.title}
          save={(title) => title.trim() && actions.update(task, { title: title.trim() })}
          maxLength={500}
          oneLine
        />
      </div>
      {task.status !== 'open' && task.completed_at && (
        <p className="detail-status">
          {t(task.status === 'completed' ? 'detail.completed' : 'detail.skipped', {
            time: momentLabel(task.completed_at, zone, now),
          })}{' '}
          {task.next &&
            (task.next.passed_over > 0
              ? `${t('said.nextPassed', { date: dueLabel(task.next.due, today), n: task.next.passed_over })}.`
              : t('detail.next', { date: dueLabel(task.next.due, today) }))}
        </p>
      )}
      {task.missed > 0 && <p className="detail-missed">{t('detail.missed', { n: task.missed })}</p>}
      <Rang task={task} />
      <GrowingText
        className="detail-notes"
        label={t('task.notes')}
        placeholder={t('task.addNotes')}
        saved={task.notes}
        save={(notes) => actions.update(task, { notes })}
        maxLength={65_536}
      />
      <Properties draft={task} onChange={(change) => actions.update(task, change)} look="rows" />
      <OwnOfThisOne task={task} />
      {saved && (
        <>
          {task.repeat && task.status === 'open' && (
            <Section title={t('occurrence.title')} id="occurrences">
              {() => <Occurrences task={task} />}
            </Section>
          )}
          <Section title={t('receipt.title')} id="receipts">
            {() => <Receipts taskId={task.id} version={version} />}
          </Section>
          <Section title={t('history.title')} id="history">
            {() => <History taskId={task.id} version={version} />}
          </Section>
        </>
      )}
    </article>
  );
}

function Head({ task }: { task: Task }) {
  const store = useStore();
  const actions = actionsOf(store);
  const items = useTaskMenu(task).filter((item) => item.id !== 'edit');
  const rang = useRang(task.id);
  return (
    <header className="detail-head">
      <button
        type="button"
        className={`button button-small${task.status === 'open' ? ' button-primary' : ''}`}
        onClick={() => actions.toggle(task)}
      >
        <Icon name={task.status === 'open' ? 'check' : 'back'} size={16} />
        {t(task.status === 'open' ? 'action.complete' : 'action.reopen')}
      </button>
      {task.repeat && task.status === 'open' && (
        <button type="button" className="button button-small" onClick={() => actions.skip(task)}>
          <Icon name="skip" size={16} />
          {t('action.skip')}
        </button>
      )}
      {rang && task.status === 'open' && (
        <button
          type="button"
          className="button button-small"
          onClick={() => show({ kind: 'snooze', task: task.id })}
        >
          <Icon name="clock" size={16} />
          {t('snooze.title')}
        </button>
      )}
      <span className="spacer" />
      <MenuButton title={task.title} items={items}>
        <Icon name="more" />
        <span className="hidden">{t('task.more', { title: task.title })}</span>
      </MenuButton>
      <button type="button" className="icon-button" data-close-detail="" onClick={closeTask}>
        <Icon name="close" />
        <span className="hidden">{t('action.close')}</span>
      </button>
    </header>
  );
}

/** Beside the list on wide windows, a sheet over it on narrow ones. */
export function TaskDetail({ task, wide }: { task: Task | null; wide: boolean }) {
  const shown = useRef<string | null>(null);
  const id = task?.id ?? null;
  useEffect(() => {
    const before = shown.current;
    shown.current = id;
    if (before && !id && !document.activeElement?.closest('main, dialog')) focusTask(before);
  }, [id]);
  if (!task) return null;
  const content = <Detail key={task.id} task={task} head={<Head task={task} />} />;
  if (wide)
    return (
      <aside className="detail-panel" aria-label={t('detail.panel')}>
        {content}
      </aside>
    );
  return (
    <Popup title={task.title} onClose={closeTask} kind="sheet">
      {content}
    </Popup>
  );
}
