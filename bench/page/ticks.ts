// Where axes are marked. A logarithmic one at 1, 2, 5, 10, 20 …, or at fewer or more of the digits, as there is room.

/** From few to many. */
const DIGITS = [[1], [1, 3], [1, 2, 5], [1, 2, 3, 4, 5, 6, 7, 8, 9]] as const;

/** As many as fit; when not even the powers of ten do, every second of them, every third … */
export function logTicks(min: number, max: number, most: number): number[] {
  const finest = DIGITS.map((digits) => ticksOf(digits, min, max)).findLast((ticks) => ticks.length <= most);
  if (finest !== undefined) return finest;
  const powers = ticksOf([1], min, max);
  const every = Math.ceil(powers.length / Math.max(1, most));
  return powers.filter((_, i) => i % every === 0);
}

function ticksOf(digits: readonly number[], min: number, max: number): number[] {
  const ticks: number[] = [];
  for (let exponent = Math.floor(Math.log10(min)); 10 ** exponent <= max; exponent++) {
    // Through text, because 3 * 10 ** -2 is not quite 0.03.
    for (const digit of digits) ticks.push(Number(`${digit}e${exponent}`));
  }
  return ticks.filter((tick) => tick >= min && tick <= max);
}

/** The percentiles that are marked, each with its y: 1 ÷ the share that takes longer. The median only where there is room. */
export function percentileTicks(max: number, most: number): number[] {
  const nines = ticksOf([1], 10, max);
  return nines.length * 2 <= most ? [1, 2, ...nines] : [1, ...nines];
}

/** `99.9 %` for 1000: with a digit more than its nines. */
export function percentileText(y: number): string {
  const digits = Math.max(1, Math.ceil(Math.log10(y)) - 1);
  return `${Number((100 - 100 / y).toFixed(digits))} %`;
}

/** Seconds between the marks of an axis of time. */
export const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400];
