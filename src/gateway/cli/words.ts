// Times and durations as people read them: a local time with its zone and how long ago, a duration by its two largest units.

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** `850ms`, `12s`, `3m20s`, `2h05m`, `3d04h`; rounded down. */
export function span(ms: number): string {
  if (!Number.isFinite(ms)) return '?';
  const size = Math.floor(Math.abs(ms));
  const sign = ms < 0 && size > 0 ? '-' : '';
  if (size < SECOND_MS) return `${sign}${size}ms`;
  if (size < MINUTE_MS) return `${sign}${Math.floor(size / SECOND_MS)}s`;
  if (size < HOUR_MS) return `${sign}${two(size, MINUTE_MS, 'm', SECOND_MS, 's')}`;
  if (size < DAY_MS) return `${sign}${two(size, HOUR_MS, 'h', MINUTE_MS, 'm')}`;
  return `${sign}${two(size, DAY_MS, 'd', HOUR_MS, 'h')}`;
}

function two(ms: number, largeMs: number, large: string, smallMs: number, small: string): string {
  const rest = Math.floor((ms % largeMs) / smallMs);
  return `${Math.floor(ms / largeMs)}${large}${String(rest).padStart(2, '0')}${small}`;
}

/** `2026-01-31T08:00:00+01:00`, in the zone of whoever reads it. */
export function localTime(atMs: number): string {
  const date = new Date(atMs);
  if (Number.isNaN(date.getTime())) return '?';
  const offset = -date.getTimezoneOffset();
  const zone = `${offset < 0 ? '-' : '+'}${pad(Math.floor(Math.abs(offset) / 60))}:${pad(Math.abs(offset) % 60)}`;
  return `${new Date(atMs + offset * MINUTE_MS).toISOString().slice(0, 19)}${zone}`;
}

/** With how long ago, or how soon. */
export function when(atMs: number | null, nowMs: number): string | null {
  if (atMs === null) return null;
  const ageMs = nowMs - atMs;
  return `${localTime(atMs)} (${ageMs >= 0 ? `${span(ageMs)} ago` : `in ${span(-ageMs)}`})`;
}

export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

function pad(n: number): string {
  return String(n).padStart(2, '0');
}
