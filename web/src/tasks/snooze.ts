import { actionsOf } from '../app/actions';
import { useClock, useRows, useStore } from '../app/state';
import type { Notification } from '../core/types';
import { t } from '../i18n';
import { clock, momentLabel } from '../time/format';
import { addDays, toInstant } from '../time/zone';
import type { MenuItem } from '../ui/Menu';

const SHORT = [
  { id: 'ten', minutes: 10 },
  { id: 'hour', minutes: 60 },
  { id: 'threeHours', minutes: 180 },
] as const;

/** How long a reminder can be put off, each with the moment it comes to. */
export function useSnoozes(notification: Notification): MenuItem[] {
  const store = useStore();
  const { today, zone, now } = useClock();
  const morning = useRows('settings')?.morning ?? '09:00';
  const actions = actionsOf(store);
  const tomorrow = new Date(toInstant(`${addDays(today, 1)}T${morning}`, zone)).toISOString();
  return [
    ...SHORT.map(({ id, minutes }) => ({
      id,
      label: t(`snooze.${id}`),
      icon: 'clock' as const,
      hint: momentLabel(new Date(now + minutes * 60_000).toISOString(), zone, now),
      run: () => actions.snoozeFor(notification, minutes),
    })),
    {
      id: 'tomorrow',
      label: t('snooze.tomorrow'),
      icon: 'sun' as const,
      hint: clock(morning),
      run: () => actions.snooze(notification, { until: tomorrow }, momentLabel(tomorrow, zone, now)),
    },
  ];
}
