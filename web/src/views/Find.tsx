import { Suspense, useDeferredValue, useEffect, useMemo, useRef } from 'react';
import { navigate, useAddress } from '../app/router';
import { useClock, useStore, useView } from '../app/state';
import { finishedTasks, searchTasks } from '../core/lists';
import type { Task } from '../core/types';
import { t } from '../i18n';
import { moveFocus } from '../tasks/focus';
import { TaskList } from '../tasks/TaskList';
import { dayName, fullDate } from '../time/format';
import { dateOf, toLocal } from '../time/zone';
import { Icon } from '../ui/Icon';
import { part } from '../ui/part';
import { Empty, Page } from './Page';

const Activity = part(() => import('./Activity').then((module) => module.default));

const HITS = 100;
const DAYS_SHOWN = 300;

export function Search() {
  const { tasks } = useView();
  const query = useAddress().searchParams.get('q') ?? '';
  const settled = useDeferredValue(query);
  const hits = useMemo(() => searchTasks(tasks, settled, HITS), [tasks, settled]);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);
  return (
    <Page title={t('nav.search')}>
      <div className="search-box">
        <Icon name="search" />
        <input
          ref={input}
          type="search"
          aria-label={t('search.label')}
          placeholder={t('search.placeholder')}
          value={query}
          onKeyDown={(event) => {
            if ((event.key === 'Enter' || event.key === 'ArrowDown') && moveFocus(1)) event.preventDefault();
          }}
          onChange={(event) =>
            navigate(`/search${event.target.value ? `?q=${encodeURIComponent(event.target.value)}` : ''}`, {
              replace: true,
            })
          }
        />
      </div>
      <p className="hidden" role="status">
        {settled && t('search.hits', { n: hits.length })}
      </p>
      {settled ? (
        hits.length > 0 ? (
          <TaskList tasks={hits} label={t('search.results')} />
        ) : (
          <Empty art="search" title={t('search.none', { query: settled })}>
            <p>{t('search.noneHint')}</p>
          </Empty>
        )
      ) : (
        <Empty art="search" title={t('search.start')}>
          <p>{t('search.startHint')}</p>
        </Empty>
      )}
    </Page>
  );
}

export function Completed() {
  const { tasks } = useView();
  const { zone, today } = useClock();
  const store = useStore();
  const finished = useMemo(() => finishedTasks(tasks), [tasks]);
  const days = useMemo(() => {
    const grouped = new Map<string, Task[]>();
    for (const task of finished.slice(0, DAYS_SHOWN)) {
      const day = task.completed_at ? dateOf(toLocal(Date.parse(task.completed_at), zone)) : today;
      grouped.set(day, [...(grouped.get(day) ?? []), task]);
    }
    return [...grouped];
  }, [finished, zone, today]);
  return (
    <Page title={t('nav.completed')}>
      <Suspense fallback={null}>
        <Activity done={finished.length} />
      </Suspense>
      {days.map(([date, list]) => (
        <section key={date} className="day-section" aria-label={fullDate(date)}>
          <div className="section-head">
            <h2>
              {dayName(date, today)} <span className="count">{list.length}</span>
            </h2>
          </div>
          <TaskList tasks={list} label={fullDate(date)} />
        </section>
      ))}
      {!store.complete && days.length > 0 && <p className="hint">{t('completed.loading')}</p>}
      {days.length === 0 && (
        <Empty art="done" title={t('completed.empty')}>
          <p>{t('completed.emptyHint')}</p>
        </Empty>
      )}
    </Page>
  );
}
