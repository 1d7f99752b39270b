// Results of load runs that never were, for the tests of what reads them.
import fc from 'fast-check';
import type { LegLatency, LoadResult, Series, SeriesGroup } from '../../bench/load/result.ts';

export const SAMPLE: LoadResult = {
  format: 1,
  scenario: 'steady',
  settings: {
    ratePerSecond: 50,
    service: { delay: 'exponential', meanMs: 20 },
    payloadBytes: [134, 512],
    faults: [{ atS: 2 }],
  },
  startedAt: '2026-11-28T14:00:00.000Z',
  machine: { cores: 2, memoryMb: 7_950, cpu: 'a processor' },
  versions: { holdfast: '0.1.0', node: '24.21.0' },
  totals: {
    ...{ planned: 1_000, started: 1_000, refusals: 20, completed: 990, failed: 4, open: 6 },
    ...{ seconds: 20, completedPerSecond: 49.5 },
  },
  latencies: [
    leg('hold', [
      [1, 5],
      [2, 3],
      [4, 1],
      [40, 1],
    ]),
    leg('in all', [
      [10, 5],
      [100, 5],
    ]),
  ],
  series: [
    { group: 'latency', name: 'p99', unit: 'ms', values: [10, null, 12] },
    { group: 'cluster', name: 'node-1', unit: 'shards', values: [64, 64, 64, 96] },
    { group: 'takeovers', name: 'taken over', unit: 'shards', values: [0, 0, 32] },
  ],
  events: [
    { atS: 0, what: 'ramp' },
    { atS: 2.4, what: 'kill of node-2' },
  ],
};

export function leg(name: string, bars: readonly (readonly [ms: number, count: number])[]): LegLatency {
  const count = bars.reduce((sum, [, n]) => sum + n, 0);
  const max = bars.at(-1)?.[0] ?? 0;
  return {
    ...{
      leg: name,
      count,
      mean: max / 2,
      min: bars[0]?.[0] ?? 0,
      p50: max / 4,
      p90: max / 2,
      p99: max,
      p999: max,
      max,
    },
    histogram: bars.map(([ms, n]) => ({ ms, count: n })),
  };
}

/** What would end the element that it stands in, begin another, or change its meaning, if it were let. */
export const NASTY = [
  '</script><script>document.title="caught"</script>',
  // Needs no `>` to end a script.
  '</script/onload="alert(1)"',
  '<!--<script>',
  '<!--<script ',
  '--></style></title>',
  '\u2028\u2029\0\r\n\t',
  '"\' onload=alert(1) x="',
  '&lt;&amp;&#39;',
  '<img src=http://example.org/x.png>',
  '$& $` $1 {{7*7}}',
  '__proto__',
  '\ud800',
] as const;

const text = fc.oneof(fc.constantFrom(...NASTY), fc.string({ unit: 'binary' }));
// Minus zero is a zero in JSON.
const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
const ms = fc.double({ noNaN: true, min: 0, max: 1e9 }).map((value) => value + 0);
const count = fc.nat();

const bars = fc
  .array(ms, { maxLength: 5 })
  .map((all) => all.toSorted((a, b) => a - b).map((one, i) => [one, i + 1] as const));

const GROUPS: readonly SeriesGroup[] = ['latency', 'throughput', 'pending', 'cpu', 'memory', 'cluster', 'takeovers'];

export const anyResult: fc.Arbitrary<LoadResult> = fc.record({
  format: fc.constant<1>(1),
  scenario: text,
  settings: fc.dictionary(text, fc.oneof(text, number, fc.boolean(), fc.dictionary(text, text))),
  startedAt: fc
    .date({ min: new Date(0), max: new Date('9999-12-31T00:00:00Z'), noInvalidDate: true })
    .map((date) => date.toISOString()),
  machine: fc.record({ cores: count, memoryMb: count, cpu: text }),
  versions: fc.dictionary(text, text),
  totals: fc.record({
    ...{ planned: count, started: count, refusals: count, completed: count, failed: count, open: count },
    ...{ seconds: ms, completedPerSecond: ms },
  }),
  latencies: fc.array(
    fc.tuple(text, bars).map(([name, all]) => leg(name, all)),
    { maxLength: 3 },
  ),
  series: fc.array(
    fc.record<Series>({
      group: fc.constantFrom(...GROUPS),
      ...{ name: text, unit: text },
      values: fc.array(fc.option(number), { maxLength: 5 }),
    }),
    { maxLength: 4 },
  ),
  events: fc.array(fc.record({ atS: ms, what: text }), { maxLength: 3 }),
});
