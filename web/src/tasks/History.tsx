import { useClock, useStore, useView } from '../app/state';
import { exceptionsOf } from '../core/series';
import type { Change, Reminder, Repeat } from '../core/types';
import { type PlainKey, t } from '../i18n';
import { dueLabel, momentLabel } from '../time/format';
import { repeatWords } from '../time/words';
import { Icon } from '../ui/Icon';
import { projectLabel } from './meta';
import { useTaskList } from './Receipts';
import { useReminderWords } from './reminders';

const SHOWN = [
  'title',
  'notes',
  'start',
  'due',
  'timezone',
  'priority',
  'project_id',
  'tags',
  'repeat',
  'reminders',
] as const;
type Shown = (typeof SHOWN)[number];

/** Of what changed about a rule, a date that was moved or left out has to be seen, too. */
function ruleAndExceptions(repeat: Repeat, today: string): string {
  const n = exceptionsOf(repeat);
  const words = repeatWords(repeat, today);
  return n > 0 ? `${words}, ${t('repeat.differ', { n })}` : words;
}

/** A field's value in words, as the conflict and the history show it. */
export function useFieldWords(): (field: string, value: unknown) => string {
  const { today } = useClock();
  const { projects } = useView();
  const reminderWords = useReminderWords();
  return (field, value) => {
    if (value === null || value === undefined || value === '' || (Array.isArray(value) && value.length === 0))
      return t('field.empty');
    switch (field) {
      case 'start':
      case 'due':
        return dueLabel(String(value), today);
      case 'priority':
        return t(`priority.${value as 'none' | 'low' | 'medium' | 'high'}`);
      case 'project_id':
        return projectLabel(projects.get(String(value))) || t('field.otherProject');
      case 'tags':
        return (value as string[]).map((tag) => `@${tag}`).join(' ');
      case 'repeat':
        return ruleAndExceptions(value as Repeat, today);
      case 'reminders':
        return (value as Reminder[]).map((reminder) => reminderWords(reminder)).join(', ');
      default:
        return String(value);
    }
  };
}

export const fieldName = (field: string): string =>
  (SHOWN as readonly string[]).includes(field) ? t(`field.${field as Shown}`) : field;

const via = (text: string): string => {
  const known = ['web', 'cli', 'api', 'planner', 'timer', 'assistant'];
  const word = text.split(':')[0] ?? text;
  if (word === 'token') return t('via.token');
  return known.includes(word) ? t(`via.${word}` as PlainKey) : text;
};

export function History({ taskId, version }: { taskId: string; version: string }) {
  const { zone, now } = useClock();
  const store = useStore();
  const words = useFieldWords();
  const loaded = useTaskList<Change>(`/api/tasks/${store.outbox.nameOf(taskId)}/history?limit=50`, version);
  if (loaded.state === 'loading') return <div className="skeleton skeleton-block" aria-hidden="true" />;
  if (loaded.state === 'failed')
    return (
      <p className="hint">
        <Icon name="offline" size={16} /> {t('history.away')}
      </p>
    );
  return (
    <ol className="history">
      {loaded.items.map((change) => (
        <li key={change.id}>
          <div className="history-head">
            <strong>{t(`history.${change.kind}`)}</strong>
            <span>
              <time dateTime={change.at}>{momentLabel(change.at, zone, now)}</time> · {via(change.via)}
            </span>
          </div>
          {change.kind === 'updated' && (
            <ul className="history-fields">
              {SHOWN.filter((field) => field in change.fields).map((field) => (
                <li key={field}>
                  <span className="history-field">{fieldName(field)}</span>
                  <del>{words(field, change.fields[field]?.before)}</del>
                  <Icon name="week" size={14} />
                  <ins>{words(field, change.fields[field]?.after)}</ins>
                </li>
              ))}
            </ul>
          )}
        </li>
      ))}
    </ol>
  );
}
