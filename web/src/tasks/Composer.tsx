import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { actionsOf, type NewTask } from '../app/actions';
import { useClock, useStore } from '../app/state';
import { t } from '../i18n';
import { dueLabel } from '../time/format';
import { readQuick } from '../time/quick';
import { hasTime } from '../time/zone';
import { Icon } from '../ui/Icon';
import { Popup } from '../ui/Popup';
import { toast } from '../ui/toasts';
import { PriorityBars } from './meta';
import { type Draft, Properties } from './Properties';

export type Defaults = Partial<Pick<Draft, 'due' | 'project_id'>>;

interface Props {
  defaults: Defaults;
  onClose: () => void;
  /** Adds one after the other until it is closed. */
  again?: boolean;
}

export function Composer({ defaults, onClose, again = false }: Props) {
  const store = useStore();
  const { today } = useClock();
  const empty: Draft = {
    due: defaults.due ?? null,
    timezone: null,
    repeat: null,
    reminders: [],
    priority: 'none',
    project_id: defaults.project_id ?? store.user.inbox_id,
    tags: [],
  };
  const [draft, setDraft] = useState<Draft>(empty);
  const [text, setText] = useState('');
  const [notes, setNotes] = useState('');
  const [literal, setLiteral] = useState(false);
  const title = useRef<HTMLTextAreaElement>(null);
  const quick = readQuick(text, today);
  const understood = !literal && (quick.due !== null || quick.priority !== null || quick.tags.length > 0);

  useEffect(() => {
    title.current?.focus();
    title.current?.scrollIntoView({ block: 'nearest' });
  }, []);

  const submit = () => {
    const name = (understood ? quick.title : text.trim()).slice(0, 500);
    if (!name) return;
    const due = (understood && quick.due) || draft.due;
    const fields: NewTask = {
      ...draft,
      title: name,
      notes: notes.trim() || undefined,
      due,
      timezone: due && hasTime(due) ? draft.timezone : null,
      priority: (understood && quick.priority) || draft.priority,
      tags: understood ? [...new Set([...draft.tags, ...quick.tags])] : draft.tags,
    };
    if (!actionsOf(store).add(fields)) return;
    setText('');
    setNotes('');
    setLiteral(false);
    if (again) {
      setDraft(empty);
      title.current?.focus();
    } else {
      toast(t('said.added', { title: name }));
      onClose();
    }
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) {
      event.preventDefault();
      submit();
    }
    if (event.key === 'Escape' && again) {
      event.stopPropagation();
      onClose();
    }
  };

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Enter and Escape of the fields inside
    <div className="composer" onKeyDown={(event) => event.key === 'Escape' && again && onClose()}>
      <textarea
        ref={title}
        className="composer-title"
        rows={1}
        maxLength={500}
        aria-label={t('composer.title')}
        placeholder={t('composer.placeholder')}
        value={text}
        onChange={(event) => setText(event.target.value.replace(/\n/g, ' '))}
        onKeyDown={onKeyDown}
      />
      <textarea
        className="composer-notes"
        rows={1}
        aria-label={t('task.notes')}
        placeholder={t('task.notes')}
        value={notes}
        onChange={(event) => setNotes(event.target.value)}
      />
      {understood && (
        <div className="understood" aria-live="polite">
          <span>{t('composer.understood')}</span>
          {quick.due && <strong>{dueLabel(quick.due, today)}</strong>}
          {quick.priority && (
            <strong>
              <PriorityBars priority={quick.priority} /> {t(`priority.${quick.priority}`)}
            </strong>
          )}
          {quick.tags.map((tag) => (
            <strong key={tag}>#{tag}</strong>
          ))}
          <button type="button" className="text-button" onClick={() => setLiteral(true)}>
            {t('composer.literal')}
          </button>
        </div>
      )}
      <div className="composer-foot">
        <Properties draft={draft} onChange={(change) => setDraft({ ...draft, ...change })} look="chips" />
        <div className="composer-buttons">
          <button type="button" className="button" onClick={onClose}>
            {t('action.cancel')}
          </button>
          <button type="button" className="button button-primary" disabled={!text.trim()} onClick={submit}>
            {t('composer.add')}
          </button>
        </div>
      </div>
    </div>
  );
}

export function ComposerDialog({ defaults, onClose }: Omit<Props, 'again'>) {
  return (
    <Popup title={t('composer.heading')} onClose={onClose} kind="palette">
      <Composer defaults={defaults} onClose={onClose} />
    </Popup>
  );
}

/** The last row of a list: press it, or `q` anywhere. */
export function AddRow({ defaults }: { defaults: Defaults }) {
  const [open, setOpen] = useState(false);
  if (open) return <Composer defaults={defaults} onClose={() => setOpen(false)} again />;
  return (
    <button type="button" className="add-row" onClick={() => setOpen(true)}>
      <Icon name="plus" />
      <span>{t('composer.heading')}</span>
    </button>
  );
}
