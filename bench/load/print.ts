// What a load run prints: a line a second, and the result as tables.
import type { Second } from './news.ts';
import type { LoadResult } from './result.ts';

export function secondLine({ atS, started, completed, open, p50, p99 }: Second): string {
  return `${`${atS} s`.padStart(6)}  started ${pad(started, 5)}  completed ${pad(completed, 5)}  open ${pad(open, 6)}  p50 ${pad(p50, 8)} ms  p99 ${pad(p99, 8)} ms`;
}

export function printResult({ totals, latencies, events, interruptedAtS }: LoadResult): string[] {
  const { planned, started, completed, failed, open, unanswered, refusals, seconds, completedPerSecond } = totals;
  const rate = `${completedPerSecond.toFixed(1)}/s over ${seconds.toFixed(1)} s`;
  const never = unanswered === undefined ? '' : `, never answered ${unanswered}`;
  const heads = ['count', 'p50', 'p90', 'p99', 'p99.9', 'max'].map((head) => head.padStart(10));
  return [
    ...(interruptedAtS === undefined ? [] : [`interrupted after ${interruptedAtS.toFixed(1)} s`]),
    `planned ${planned}, started ${started}, completed ${completed} (${rate}), failed ${failed}, open ${open}${never}, refused and tried again ${refusals}`,
    `${'ms'.padEnd(32)}${heads.join('')}`,
    ...latencies.map(({ leg, count, ...at }) => {
      const { p50, p90, p99, p999, max } = at;
      const times = [p50, p90, p99, p999, max].map((value) => pad(count === 0 ? undefined : value, 10));
      return `${leg.padEnd(32)}${pad(count, 10)}${times.join('')}`;
    }),
    ...events.map(({ atS, what }) => `${atS.toFixed(1).padStart(6)} s  ${what}`),
  ];
}

/** @param value undefined: there is none */
function pad(value: number | undefined, width: number): string {
  const text = value === undefined ? '–' : Number.isInteger(value) ? String(value) : value.toFixed(1);
  return text.padStart(width);
}
