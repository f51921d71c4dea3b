import { type PlainKey, t } from '../i18n';
import { Popup } from '../ui/Popup';

type Line = [keys: string[], what: PlainKey];

const ANYWHERE: Line[] = [
  [['q'], 'help.add'],
  [['/'], 'help.search'],
  [['Ctrl K'], 'help.palette'],
  [['u'], 'help.undo'],
  [['?'], 'help.help'],
  [['Esc'], 'help.close'],
];
const TASK: Line[] = [
  [['j', 'k'], 'help.move'],
  [['e', 'Enter'], 'help.open'],
  [['x'], 'help.done'],
  [['Shift X'], 'help.skip'],
  [['t'], 'help.today'],
  [['w'], 'help.week'],
  [['d'], 'help.date'],
  [['s'], 'help.snooze'],
  [['a'], 'help.acknowledge'],
  [['Alt ↑', 'Alt ↓'], 'help.order'],
  [['Del'], 'help.delete'],
];
const GO: Line[] = [
  [['g t'], 'nav.today'],
  [['g u'], 'nav.upcoming'],
  [['g i'], 'nav.inbox'],
  [['g n'], 'nav.notifications'],
  [['g p'], 'nav.projects'],
  [['g c'], 'nav.completed'],
  [['g s'], 'nav.settings'],
];

function Lines({ title, lines }: { title: string; lines: Line[] }) {
  return (
    <section>
      <h3>{title}</h3>
      <dl className="keys">
        {lines.map(([keys, what]) => (
          <div key={keys.join()}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{t(what)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

export function Help({ onClose }: { onClose: () => void }) {
  return (
    <Popup title={t('help.title')} onClose={onClose} kind="dialog" showTitle>
      <div className="help">
        <Lines title={t('help.task')} lines={TASK} />
        <div>
          <Lines title={t('help.anywhere')} lines={ANYWHERE} />
          <Lines title={t('help.go')} lines={GO} />
        </div>
      </div>
    </Popup>
  );
}
