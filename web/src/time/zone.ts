/**
 * Local dates (`2026-12-01`) and date-times (`2026-12-01T09:00`) in an IANA zone, without the browser's own zone.
 * A time in a gap moves forward by the gap; in a fold the first one counts: the server's rules.
 */

const DAY_MS = 86_400_000;
const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      calendar: 'iso8601',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
    formats.set(zone, format);
  }
  return format;
}

/** The wall clock of a zone at an instant, as milliseconds as if it were UTC. */
function wall(instant: number, zone: string): number {
  const part: Record<string, number> = {};
  for (const { type, value } of formatOf(zone).formatToParts(instant)) part[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

const offset = (instant: number, zone: string): number =>
  wall(instant, zone) - Math.floor(instant / 1000) * 1000;

const asUtc = (local: string): number => Date.parse(`${local.length === 10 ? `${local}T00:00` : local}Z`);

export const isZone = (zone: string): boolean => {
  try {
    return formatOf(zone) !== undefined;
  } catch {
    return false;
  }
};

export const hasTime = (local: string): boolean => local.length > 10;
export const dateOf = (local: string): string => local.slice(0, 10);
export const timeOf = (local: string): string => local.slice(11, 16);

const instants = new Map<string, number>();
const MOST_INSTANTS = 20_000;

/** Epoch milliseconds of a local date-time (a date means its midnight). */
export function toInstant(local: string, zone: string): number {
  // Lists ask for the same dues with every change, and Intl is slow.
  const key = `${local} ${zone}`;
  let instant = instants.get(key);
  if (instant === undefined) {
    if (instants.size >= MOST_INSTANTS) instants.clear();
    instant = resolve(local, zone);
    instants.set(key, instant);
  }
  return instant;
}

function resolve(local: string, zone: string): number {
  const clock = asUtc(local);
  const before = offset(clock - DAY_MS, zone);
  const after = offset(clock + DAY_MS, zone);
  const fits = [clock - before, clock - after].filter((instant) => wall(instant, zone) === clock);
  return fits.length > 0 ? Math.min(...fits) : clock - before;
}

/** `2026-12-01T09:00` in the zone. */
export const toLocal = (instant: number, zone: string): string =>
  new Date(wall(instant, zone)).toISOString().slice(0, 16);

export const todayIn = (zone: string, now: number): string => dateOf(toLocal(now, zone));

export const addDays = (date: string, days: number): string =>
  new Date(asUtc(date) + days * DAY_MS).toISOString().slice(0, 10);

export const daysBetween = (from: string, to: string): number =>
  Math.round((asUtc(dateOf(to)) - asUtc(dateOf(from))) / DAY_MS);

/** 0 is Monday. */
export const weekdayOf = (date: string): number => (new Date(asUtc(dateOf(date))).getUTCDay() + 6) % 7;

export const daysInMonth = (year: number, month: number): number =>
  new Date(Date.UTC(year, month, 0)).getUTCDate();

const pad = (value: number): string => String(value).padStart(2, '0');

export const makeDate = (year: number, month: number, day: number): string =>
  `${String(year).padStart(4, '0')}-${pad(month)}-${pad(day)}`;

/** The same day some months on; the last day where a month is shorter. */
export function addMonths(date: string, months: number): string {
  const at = Number(date.slice(0, 4)) * 12 + Number(date.slice(5, 7)) - 1 + months;
  const year = Math.floor(at / 12);
  const month = (at % 12) + 1;
  return makeDate(year, month, Math.min(Number(date.slice(8, 10)), daysInMonth(year, month)));
}

interface Due {
  due: string | null;
  timezone: string | null;
}

/** When it is due: epoch milliseconds, the end of the day for a date; null without a due. */
export function dueInstant({ due, timezone }: Due, zone: string): number | null {
  if (due === null) return null;
  const own = timezone ?? zone;
  return hasTime(due) ? toInstant(due, own) : toInstant(addDays(due, 1), own);
}

/** The due as the person's own calendar and clock show it. */
export function dueHere({ due, timezone }: Due, zone: string): string | null {
  if (due === null || timezone === null || timezone === zone || !hasTime(due)) return due;
  return toLocal(toInstant(due, timezone), zone);
}

/** The zones that this browser knows, for a list to choose from. */
export const knownZones = (): string[] => [...Intl.supportedValuesOf('timeZone'), 'UTC'];

export const browserZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
