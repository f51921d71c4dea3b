import { Suspense, useMemo, useState } from 'react';
import { actionsOf } from '../app/actions';
import { useProjects, useStore, useView } from '../app/state';
import { openCounts } from '../core/lists';
import { t } from '../i18n';
import { Icon } from '../ui/Icon';
import { Link } from '../ui/Link';
import { part } from '../ui/part';
import { Empty, Page } from './Page';

const NewProjectDialog = part(() => import('./ProjectDialog').then((module) => module.NewProjectDialog));

export function Projects() {
  const { projects, tasks } = useView();
  const store = useStore();
  const own = useProjects();
  const [adding, setAdding] = useState(false);
  const counts = useMemo(() => openCounts(tasks), [tasks]);
  const archived = [...projects.values()].filter((project) => project.archived_at);
  return (
    <Page
      title={t('nav.projects')}
      actions={
        <button type="button" className="button" onClick={() => setAdding(true)}>
          <Icon name="plus" size={16} />
          {t('project.new')}
        </button>
      }
    >
      {own.length === 0 ? (
        <Empty art="project" title={t('projects.empty')}>
          <p>{t('projects.emptyHint')}</p>
        </Empty>
      ) : (
        <ul className="cards" aria-label={t('nav.projects')}>
          {own.map((project) => (
            <li key={project.id}>
              <Link to={`/project/${project.id}`} className="card-link">
                <Icon name="project" />
                <span className="card-name">{project.name}</span>
                <span className="count">{t('project.open', { n: counts.get(project.id) ?? 0 })}</span>
              </Link>
            </li>
          ))}
        </ul>
      )}
      <ul className="cards cards-quiet" aria-label={t('nav.more')}>
        <li>
          <Link to="/completed" className="card-link">
            <Icon name="completed" />
            <span className="card-name">{t('nav.completed')}</span>
          </Link>
        </li>
        <li>
          <Link to="/search" className="card-link">
            <Icon name="search" />
            <span className="card-name">{t('nav.search')}</span>
          </Link>
        </li>
        <li>
          <Link to="/settings" className="card-link">
            <Icon name="settings" />
            <span className="card-name">{t('nav.settings')}</span>
          </Link>
        </li>
      </ul>
      {archived.length > 0 && (
        <section>
          <div className="section-head">
            <h2>{t('projects.archived')}</h2>
          </div>
          <ul className="cards" aria-label={t('projects.archived')}>
            {archived.map((project) => (
              <li key={project.id} className="card-split">
                <Link to={`/project/${project.id}`} className="card-link">
                  <Icon name="archive" />
                  <span className="card-name">{project.name}</span>
                </Link>
                <button
                  type="button"
                  className="text-button"
                  onClick={() => actionsOf(store).restoreProject(project)}
                >
                  {t('project.restore')}
                </button>
              </li>
            ))}
          </ul>
        </section>
      )}
      {adding && (
        <Suspense>
          <NewProjectDialog onClose={() => setAdding(false)} />
        </Suspense>
      )}
    </Page>
  );
}
