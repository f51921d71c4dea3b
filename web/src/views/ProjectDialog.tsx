import { useState } from 'react';
import { actionsOf, type ProjectFields } from '../app/actions';
import { navigate } from '../app/router';
import { useStore } from '../app/state';
import { t } from '../i18n';
import { ReminderEditor } from '../tasks/ReminderPicker';
import { Popup } from '../ui/Popup';

interface DialogProps {
  title: string;
  fields: ProjectFields;
  /** The Inbox has the name that the app gives it. */
  named?: boolean;
  onClose: () => void;
  onSave: (fields: ProjectFields) => void;
}

/** A project's name, and what its new tasks are reminded by. */
export function ProjectDialog({ title, fields, named = true, onClose, onSave }: DialogProps) {
  const [text, setText] = useState(fields.name);
  const [reminders, setReminders] = useState(fields.reminders);
  return (
    <Popup title={title} onClose={onClose} kind="dialog" showTitle>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          const name = text.trim();
          if (!name) return;
          if (name !== fields.name || reminders !== fields.reminders) onSave({ name, reminders });
          onClose();
        }}
      >
        {named && (
          <label className="field">
            <span>{t('project.name')}</span>
            <input
              type="text"
              required
              maxLength={120}
              value={text}
              onChange={(event) => setText(event.target.value)}
            />
          </label>
        )}
        <fieldset className="field reminder-field">
          <legend>{t('project.reminders')}</legend>
          <p className="hint">{t('project.remindersHint')}</p>
          <ReminderEditor dates={null} reminders={reminders} onChange={setReminders} />
        </fieldset>
        <div className="field-row field-row-end">
          <button type="button" className="button" onClick={onClose}>
            {t('action.cancel')}
          </button>
          <button type="submit" className="button button-primary">
            {t('action.save')}
          </button>
        </div>
      </form>
    </Popup>
  );
}

export function NewProjectDialog({ onClose }: { onClose: () => void }) {
  const store = useStore();
  return (
    <ProjectDialog
      title={t('project.new')}
      fields={{ name: '', reminders: [] }}
      onClose={onClose}
      onSave={(fields) => {
        const id = actionsOf(store).addProject(fields);
        if (id) navigate(`/project/${id}`);
      }}
    />
  );
}
