/** ISO 8601 durations, as reminders use them: `P1D`, `PT30M`, `P1DT2H`. */

export interface Duration {
  days: number;
  minutes: number;
}

export function parseDuration(text: string): Duration | null {
  const match = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(text);
  if (!match || text.endsWith('P') || text.endsWith('T')) return null;
  const [, weeks, days, hours, minutes, seconds] = match.map((part) => Number(part ?? 0));
  return {
    days: (weeks ?? 0) * 7 + (days ?? 0),
    minutes: (hours ?? 0) * 60 + (minutes ?? 0) + Math.round((seconds ?? 0) / 60),
  };
}

/** Days and hours are apart: a day may have 23 hours. */
export function sameDuration(one: string | undefined, other: string | undefined): boolean {
  const [a, b] = [parseDuration(one ?? ''), parseDuration(other ?? '')];
  return a !== null && b !== null && a.days === b.days && a.minutes === b.minutes;
}

export function formatDuration({ days, minutes }: Duration): string {
  const hours = Math.floor(minutes / 60);
  const rest = minutes % 60;
  const time = `${hours ? `${hours}H` : ''}${rest ? `${rest}M` : ''}`;
  if (!days && !time) return 'PT0M';
  return `P${days ? `${days}D` : ''}${time ? `T${time}` : ''}`;
}
