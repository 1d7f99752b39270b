// How figures are printed, and how two are compared. Used when the page is made and, in it, by its plots.

const WHOLE = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 });
const PRECISE = new Intl.NumberFormat('en-GB', { maximumSignificantDigits: 3 });
const COMPACT = new Intl.NumberFormat('en-GB', { notation: 'compact', maximumSignificantDigits: 3 });

/** Three digits that matter; what is larger is whole. */
export function figure(value: number): string {
  return Math.abs(value) >= 100 ? WHOLE.format(value) : PRECISE.format(value);
}

/** For axes, which have little room: 1.2M. */
export function compact(value: number): string {
  return COMPACT.format(value);
}

/** What a change means: more throughput is better, more latency is worse, more settings are neither. */
export type Wanted = 'more' | 'less' | 'either';

export interface Change {
  /** As printed: `+12.5 %`, `−3 %`, `±0 %`, `×30`; `new` where there was nothing to take a percentage of. */
  readonly text: string;
  readonly verdict: 'better' | 'worse' | undefined;
}

/** Less is within what two runs of the same program differ by, on a quiet machine. */
export const TELLING_PERCENT = 5;
/** Above it nobody reads percents. */
const MANIFOLD_PERCENT = 1_000;

export function changeOf(now: number, earlier: number, wanted: Wanted): Change {
  if (now === earlier) return { text: '±0 %', verdict: undefined };
  const percent = (100 * (now - earlier)) / Math.abs(earlier);
  const grew = now > earlier;
  const telling = wanted !== 'either' && Math.abs(percent) >= TELLING_PERCENT;
  const verdict = !telling ? undefined : grew === (wanted === 'more') ? 'better' : 'worse';
  if (percent >= MANIFOLD_PERCENT && earlier > 0) return { text: `×${figure(now / earlier)}`, verdict };
  const digits = Math.abs(percent) < 99.95 ? 1 : 0;
  const size = Math.abs(percent).toFixed(digits).replace(/\.0$/, '');
  return { text: earlier === 0 ? 'new' : size === '0' ? '±0 %' : `${grew ? '+' : '−'}${size} %`, verdict };
}

/** `0:07`, `12:30`, `1:00:00` since the run began. */
export function clock(seconds: number): string {
  const whole = Math.floor(seconds);
  const [h, m, s] = [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (part: number) => String(part).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
