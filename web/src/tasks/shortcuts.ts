import { addDays, weekdayOf } from '../time/zone';

/** The coming Monday. */
export const nextWeek = (today: string): string => addDays(today, 7 - weekdayOf(today));
