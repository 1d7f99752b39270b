// Durations as people write them in configuration and models: ISO 8601, of days, hours, minutes and seconds.
// Years, months and weeks are refused: the first two have no fixed length, and one spelling less is one question less.

/** What a message about a wrong duration says is allowed. */
export const DURATION_FORM =
  'an ISO 8601 duration of days, hours, minutes and seconds, such as P7D, PT1H30M, PT30S or PT0.5S';

const FORM = /^P(?:(\d{1,6})D)?(?:T(?=\d)(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,3})?)S)?)?$/;
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export class InvalidDuration extends Error {
  readonly code = 'INVALID_DURATION';
  readonly retryable = false;
  constructor(found: unknown) {
    super(`${JSON.stringify(found)} is not a duration; allowed is ${DURATION_FORM}`);
  }
}

/**
 * Milliseconds of an ISO 8601 duration; seconds may have up to three decimals. Zero is a duration.
 * @throws InvalidDuration, also for one that is longer than `mostMs`
 */
export function parseDuration(text: unknown, mostMs = Number.POSITIVE_INFINITY): number {
  const match = typeof text === 'string' && text !== 'P' ? FORM.exec(text) : null;
  if (!match) throw new InvalidDuration(text);
  const [, days = '0', hours = '0', minutes = '0', seconds = '0'] = match;
  const wholeMs = Number(days) * DAY_MS + Number(hours) * HOUR_MS + Number(minutes) * MINUTE_MS;
  const ms = wholeMs + Math.round(Number(seconds) * SECOND_MS);
  if (ms > mostMs) throw new InvalidDuration(text);
  return ms;
}

/**
 * The shortest spelling, with each unit below its next larger one: 5,400,000 is PT1H30M.
 * @param ms not negative; rounded to whole milliseconds
 */
export function formatDuration(ms: number): string {
  let rest = Math.round(ms);
  if (!Number.isSafeInteger(rest) || rest < 0) throw new RangeError(`${ms} ms cannot be written as a duration`);
  const take = (unitMs: number) => {
    const count = Math.floor(rest / unitMs);
    rest -= count * unitMs;
    return count;
  };
  const part = (count: number, unit: string) => (count > 0 ? `${count}${unit}` : '');
  const date = part(take(DAY_MS), 'D');
  const time = part(take(HOUR_MS), 'H') + part(take(MINUTE_MS), 'M') + part(rest / SECOND_MS, 'S');
  if (!date && !time) return 'PT0S';
  return `P${date}${time && `T${time}`}`;
}
