import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { actionsOf, type NewTask } from '../app/actions';
import { openTask } from '../app/router';
import { useStore } from '../app/state';
import { t } from '../i18n';
import { hasTime } from '../time/zone';
import { Icon } from '../ui/Icon';
import { Popup } from '../ui/Popup';
import { toast } from '../ui/toasts';
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
  const title = useRef<HTMLTextAreaElement>(null);

  useEffect(() => {
    title.current?.focus();
    title.current?.scrollIntoView({ block: 'nearest' });
  }, []);

  const submit = () => {
    const name = text.trim();
    if (!name) return;
    const fields: NewTask = {
      ...draft,
      title: name,
      notes: notes.trim() || undefined,
      timezone: draft.due && hasTime(draft.due) ? draft.timezone : null,
    };
    const id = actionsOf(store).add(fields);
    if (!id) return;
    setText('');
    setNotes('');
    if (again) {
      setDraft(empty);
      title.current?.focus();
    } else {
      toast(t('said.added', { title: name }), {
        actions: [{ label: t('action.show'), run: () => openTask(store.outbox.nameOf(id)) }],
      });
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
