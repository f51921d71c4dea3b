import { Fragment, type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { actionsOf, type NewTask } from '../app/actions';
import { openTask } from '../app/router';
import { useRows, useStore } from '../app/state';
import { fitting, startFits, wholeChange } from '../core/series';
import type { Reminder } from '../core/types';
import { t } from '../i18n';
import { hasTime } from '../time/zone';
import { Icon } from '../ui/Icon';
import { Popup } from '../ui/Popup';
import { toast } from '../ui/toasts';
import { type Draft, Properties } from './Properties';
import { type Field, type Reading, type Span, useWords } from './words';

export type Defaults = Partial<Pick<Draft, 'due' | 'project_id'>>;

interface Props {
  defaults: Defaults;
  onClose: () => void;
  /** Adds one after the other until it is closed. */
  again?: boolean;
}

const NOTHING_OFF: string[] = [];

/** Reminders that nobody has chosen are the project's. */
type Chosen = Omit<Draft, 'reminders'> & { reminders: Reminder[] | null };

/** Which words say what a property holds. */
const FIELDS: Partial<Record<keyof Draft, Field>> = {
  due: 'due',
  repeat: 'repeat',
  reminders: 'reminder',
  priority: 'priority',
  project_id: 'project',
  tags: 'tag',
};

/** What was chosen by hand, and what the words say besides. */
function together(draft: Chosen, reading: Reading | null): Chosen {
  if (!reading) return draft;
  const { task } = reading;
  const said = draft.reminders !== null || task.reminders.length > 0;
  return {
    ...draft,
    due: task.due ?? draft.due,
    timezone: task.due ? null : draft.timezone,
    repeat: task.repeat ?? draft.repeat,
    reminders: said ? [...(draft.reminders ?? []), ...task.reminders] : null,
    priority: task.priority === 'none' ? draft.priority : task.priority,
    project_id: task.project_id ?? draft.project_id,
    tags: [...new Set([...draft.tags, ...task.tags])],
  };
}

/** The title's text again, behind the field, with what was understood marked in it. */
function Mirror({ text, spans }: { text: string; spans: Span[] }) {
  let from = 0;
  const parts = spans.map((span) => {
    const before = text.slice(from, span.start);
    from = span.end;
    return (
      <Fragment key={span.start}>
        {before}
        <mark>{text.slice(span.start, span.end)}</mark>
      </Fragment>
    );
  });
  return (
    <div className="composer-mirror" aria-hidden="true">
      {parts}
      {text.slice(from)}
    </div>
  );
}

export function Composer({ defaults, onClose, again = false }: Props) {
  const store = useStore();
  const projects = useRows('projects');
  const empty: Chosen = {
    start: null,
    due: defaults.due ?? null,
    timezone: null,
    repeat: null,
    reminders: null,
    priority: 'none',
    project_id: defaults.project_id ?? store.user.inbox_id,
    tags: [],
  };
  const [draft, setDraft] = useState<Chosen>(empty);
  const [text, setText] = useState('');
  const [notes, setNotes] = useState('');
  const title = useRef<HTMLTextAreaElement>(null);
  const [off, setOff] = useState<string[]>(NOTHING_OFF);
  const { reading, settled } = useWords(text, off);
  const spans = reading?.spans ?? [];
  const said = together(draft, reading);
  const inherited = fitting(projects.get(said.project_id)?.reminders ?? [], said);
  // As they are chosen here, they are the task's own.
  const shown: Draft = { ...said, reminders: said.reminders ?? inherited.map(({ id: _, ...own }) => own) };
  const adding = useRef(false);

  const turnOff = (span: Span) => {
    setOff([...off, text.slice(span.start, span.end)]);
    title.current?.focus();
  };

  /** What is chosen by hand takes the place of the words that said it. */
  const choose = (change: Partial<Draft>) => {
    const fields = Object.keys(change).map((key) => FIELDS[key as keyof Draft]);
    const spoken = spans.filter((span) => fields.includes(span.field));
    const before = { start: shown.start, due: shown.due, reminders: draft.reminders ?? [] };
    setDraft({ ...draft, ...wholeChange(before, change) });
    if (spoken.length === 0) return;
    let [rest, from] = ['', 0];
    for (const span of spoken.filter((span) => !span.stays)) {
      rest += text.slice(from, span.start);
      from = span.end;
    }
    setText((rest + text.slice(from)).replace(/\s+/g, ' ').trimStart());
    setOff([...off, ...spoken.filter((span) => span.stays).map((span) => text.slice(span.start, span.end))]);
  };

  useEffect(() => {
    title.current?.focus();
    title.current?.scrollIntoView({ block: 'nearest' });
  }, []);

  const submit = () => {
    if (!text.trim() || adding.current) return;
    const read = settled();
    if (!(read instanceof Promise)) {
      add(read);
      return;
    }
    adding.current = true;
    void read.then((reading) => {
      adding.current = false;
      add(reading);
    });
  };

  const add = (reading: Reading | null) => {
    const name = reading?.task.title || text.trim();
    const said = together(draft, reading);
    const fields: NewTask = {
      ...said,
      start: said.start && said.due && !startFits(said.start, said.due) ? said.due : said.start,
      reminders: said.reminders ?? undefined,
      title: name,
      notes: notes.trim() || undefined,
      timezone: said.due && hasTime(said.due) ? said.timezone : null,
    };
    const id = actionsOf(store).add(fields);
    if (!id) return;
    setText('');
    setOff(NOTHING_OFF);
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
    const { selectionStart, selectionEnd } = event.currentTarget as HTMLTextAreaElement;
    const before = spans.find((span) => span.end === selectionStart && selectionStart === selectionEnd);
    if (event.key === 'Backspace' && before) {
      event.preventDefault();
      turnOff(before);
    }
    if (event.key === 'Escape' && again) {
      event.stopPropagation();
      onClose();
    }
  };

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Enter and Escape of the fields inside
    <div className="composer" onKeyDown={(event) => event.key === 'Escape' && again && onClose()}>
      <div className="composer-words">
        <Mirror text={text} spans={spans} />
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
      </div>
      <p className="hidden" aria-live="polite">
        {spans.map((span) => `${t(`words.${span.field}`)}: ${span.words}`).join(', ')}
      </p>
      {spans.length > 0 && (
        <div className="chips composer-said">
          {spans.map((span) => (
            <button
              type="button"
              key={span.start}
              className="chip chip-on"
              title={t('words.off', { words: text.slice(span.start, span.end) })}
              onClick={() => turnOff(span)}
            >
              {text.slice(span.start, span.end)}
              <Icon name="close" size={14} />
              <span className="hidden">{t('words.leave')}</span>
            </button>
          ))}
        </div>
      )}
      <textarea
        className="composer-notes"
        rows={1}
        aria-label={t('task.notes')}
        placeholder={t('task.notes')}
        value={notes}
        onChange={(event) => setNotes(event.target.value)}
      />
      <div className="composer-foot">
        <Properties draft={shown} onChange={choose} look="chips" />
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
