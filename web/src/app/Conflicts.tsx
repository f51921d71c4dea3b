import { useEffect } from 'react';
import type { Op } from '../core/ops';
import { merged } from '../core/patch';
import type { Task } from '../core/types';
import { t } from '../i18n';
import { fieldName, useFieldWords } from '../tasks/History';
import { Popup } from '../ui/Popup';
import { useStore, useView } from './state';

function Conflict({ op, theirs, fields }: { op: Op; theirs: Task; fields: string[] }) {
  const store = useStore();
  const words = useFieldWords();
  const deleting = op.kind === 'task.delete';
  const mine: Record<string, unknown> = { ...op.was, ...op.body };
  if (op.body?.repeat) mine.repeat = merged(op.was?.repeat, op.body.repeat);
  const other = theirs as unknown as Record<string, unknown>;
  return (
    <section className="conflict">
      <p>{t(deleting ? 'conflict.leadDelete' : 'conflict.lead', { title: theirs.title })}</p>
      <table>
        <thead>
          <tr>
            <th scope="col">{t('conflict.field')}</th>
            {!deleting && <th scope="col">{t('conflict.yours')}</th>}
            <th scope="col">{t('conflict.other')}</th>
          </tr>
        </thead>
        <tbody>
          {fields.map((field) => (
            <tr key={field}>
              <th scope="row">{fieldName(field)}</th>
              {!deleting && <td>{words(field, mine[field])}</td>}
              <td>{words(field, other[field])}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <div className="field-row field-row-end">
        <button type="button" className="button" onClick={() => store.outbox.resolve(op.id, 'theirs')}>
          {t(deleting ? 'conflict.keep' : 'conflict.theirs')}
        </button>
        <button
          type="button"
          className={`button ${deleting ? 'button-danger' : 'button-primary'}`}
          onClick={() => store.outbox.resolve(op.id, 'mine')}
        >
          {t(deleting ? 'conflict.delete' : 'conflict.mine')}
        </button>
      </div>
    </section>
  );
}

export function ConflictDialog({ onClose }: { onClose: () => void }) {
  const store = useStore();
  useView();
  const open = store.outbox.ops.filter((op) => op.conflict);
  const none = open.length === 0;
  useEffect(() => {
    if (none) onClose();
  }, [none, onClose]);
  return (
    <Popup title={t('conflict.title')} onClose={onClose} kind="dialog" showTitle>
      <div className="conflicts">
        {open.map(
          (op) =>
            op.conflict && (
              <Conflict key={op.id} op={op} theirs={op.conflict.theirs} fields={op.conflict.fields} />
            ),
        )}
      </div>
    </Popup>
  );
}
