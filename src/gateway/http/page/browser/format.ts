// Figures as people read them. Two units at most, the smaller one with two digits, so that what ticks does not jump about;
// every moment in the reader's own time zone, with the date only where it is not today's.

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `0 s`, `12 s`, `3 min 07 s`, `2 h 05 min`, `3 d 04 h`; what has not begun yet is `0 s`. */
export function age(ms: number): string {
  const two = (n: number) => String(n).padStart(2, '0');
  const seconds = Math.max(0, Math.floor(ms / SECOND));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${two(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${two(minutes % 60)} min`;
  return `${Math.floor(hours / 24)} d ${two(hours % 24)} h`;
}

/** Something that was measured or set: `3 ms`, `1.2 s`, `15 min`, `1 min 30 s`, `36 h` is `1 d 12 h`. */
export function duration(ms: number): string {
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  if (ms < 10 * SECOND && ms % SECOND !== 0) return `${(ms / SECOND).toFixed(1)} s`;
  const rounded = Math.round(ms / SECOND) * SECOND;
  const parts = [
    ['d', Math.floor(rounded / DAY)],
    ['h', Math.floor((rounded % DAY) / HOUR)],
    ['min', Math.floor((rounded % HOUR) / MINUTE)],
    ['s', Math.floor((rounded % MINUTE) / SECOND)],
  ] as const;
  const first = parts.findIndex(([, n]) => n > 0);
  return parts
    .slice(first, first + 2)
    .filter(([, n]) => n > 0)
    .map(([unit, n]) => `${n} ${unit}`)
    .join(' ');
}

/** From a moment to another one: `12 s ago`, `in 3 min 07 s`. */
export function relative(atMs: number, nowMs: number): string {
  return atMs <= nowMs ? `${age(nowMs - atMs)} ago` : `in ${age(atMs - nowMs)}`;
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: SECOND, m: MINUTE, min: MINUTE, h: HOUR, d: DAY };

/** `90 s`, `15 min`, `2h`, `1 d 12 h`, or ISO 8601 such as `PT1H30M`; undefined: none of them, or nothing at all. */
export function parseDuration(text: string): number | undefined {
  const iso = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/i.exec(text.trim());
  if (iso && /\d/.test(text)) {
    const [, d = 0, h = 0, m = 0, s = 0] = iso;
    return Number(d) * DAY + Number(h) * HOUR + Number(m) * MINUTE + Number(s) * SECOND;
  }
  if (!/^\s*(\d+(\.\d+)?\s*(ms|s|min|m|h|d)\s*)+$/.test(text)) return undefined;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)/g)];
  return Math.round(parts.reduce((sum, [, n, unit]) => sum + Number(n) * UNITS[unit!]!, 0));
}

const WHOLE = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** `1,204` */
export function count(n: number): string {
  return WHOLE.format(n);
}

/** `0`, `0.4`, `12`, `1,204`: as many digits as tell something. */
export function rate(perSecond: number): string {
  if (perSecond === 0 || perSecond >= 9.95) return WHOLE.format(perSecond);
  return perSecond < 0.05 ? '<0.1' : perSecond.toFixed(1);
}

/** `1 job`, `12 jobs` */
export function many(n: number, one: string, more = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : more}`;
}

/** `812 B`, `1.2 KiB`, `3.4 MiB` */
export function bytes(n: number): string {
  if (n < 1024) return `${n} B`;
  return n < 1024 * 1024 ? `${(n / 1024).toFixed(1)} KiB` : `${(n / 1024 / 1024).toFixed(1)} MiB`;
}

/** `14:03:07`, or `2026-05-04 14:03:07` on another day than `nowMs`. */
export function clock(atMs: number, nowMs: number): string {
  const at = new Date(atMs);
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map((n) => String(n).padStart(2, '0')).join(':');
  return dayOf(at) === dayOf(new Date(nowMs)) ? time : `${dayOf(at)} ${time}`;
}

function dayOf(at: Date): string {
  return [at.getFullYear(), at.getMonth() + 1, at.getDate()].map((n) => String(n).padStart(2, '0')).join('-');
}

/** `3, 7, 12 and 20 more`; numbers in a row as `4–9`. */
export function shardList(shards: readonly number[], most = 6): string {
  const runs: [from: number, to: number][] = [];
  for (const shard of [...shards].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last && shard === last[1] + 1) last[1] = shard;
    else if (!last || shard !== last[1]) runs.push([shard, shard]);
  }
  const shown = runs.slice(0, most).map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`));
  const left = runs.slice(most).reduce((sum, [from, to]) => sum + to - from + 1, 0);
  return left === 0 ? shown.join(', ') : `${shown.join(', ')} and ${left} more`;
}
