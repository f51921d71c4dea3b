import { useEffect, useState } from 'react';
import { useClock } from '../app/state';
import { api } from '../core/api';
import type { Activity as Done } from '../core/types';
import { locale, t } from '../i18n';
import { fullDate, weekdayName } from '../time/format';

const DAYS_SHOWN = 14;
/** What was just done is counted a moment later. */
const COUNTED_AFTER_MS = 700;

/** Streak, the last days as bars, the share in time. `done`: counted anew when it changes. */
export default function Activity({ done }: { done: number }) {
  const { today } = useClock();
  const [activity, setActivity] = useState<Done | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: both only say that it is time to ask again
  useEffect(() => {
    const gone = new AbortController();
    const load = () =>
      api<Done>('/api/activity', { signal: gone.signal })
        .then(setActivity)
        .catch(() => {});
    load();
    const again = setTimeout(load, COUNTED_AFTER_MS);
    return () => {
      clearTimeout(again);
      gone.abort();
    };
  }, [done, today]);
  if (!activity || activity.streak.longest === 0) return null;
  const days = activity.days.slice(-DAYS_SHOWN);
  const most = Math.max(1, ...days.map((day) => day.completed));
  const { current, longest } = activity.streak;
  const rate = activity.on_time_rate;
  return (
    <section className="activity" aria-labelledby="activity">
      <h2 id="activity" className="hidden">
        {t('activity.title')}
      </h2>
      <ul className="activity-facts">
        <li>
          <strong>{t('activity.streak', { n: current })}</strong>
          {longest > current && <span className="hint">{t('activity.longest', { n: longest })}</span>}
        </li>
        {rate !== null && (
          <li>
            <strong>
              {t('activity.onTime', {
                rate: new Intl.NumberFormat(locale(), { style: 'percent' }).format(rate),
              })}
            </strong>
            <span className="hint">{t('activity.onTimeHint', { n: activity.days.length })}</span>
          </li>
        )}
      </ul>
      <ol className="activity-days" aria-label={t('activity.days', { n: days.length })}>
        {days.map(({ date, completed }) => (
          <li key={date} title={t('activity.day', { date: fullDate(date), n: completed })}>
            <span
              className={completed > 0 ? 'activity-bar' : 'activity-bar none'}
              style={{ height: `${Math.round((100 * completed) / most)}%` }}
              aria-hidden="true"
            />
            <span className="activity-name" aria-hidden="true">
              {weekdayName(date, 'narrow')}
            </span>
            <span className="hidden">{t('activity.day', { date: fullDate(date), n: completed })}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}
