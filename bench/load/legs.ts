// The legs of a call as the nodes themselves tell them, in all since the run began. A node that was started again begins
// anew: what it had told before is kept.

import { LEGS } from '../../src/cluster/legs.ts';
import { type Buckets, bucketsOf, legOf, minus, type Sample, sumOf } from '../parts/exposition.ts';
import type { LegLatency } from './result.ts';

const NAME = 'holdfast_leg_duration_seconds';

const MEANING: Readonly<Record<(typeof LEGS)[number], string>> = {
  hold: 'job received → stored',
  publish: 'stored → request acknowledged',
  service: 'acknowledged → reply read',
  complete: 'reply read → completed',
  call: 'job received → reply read',
  whole: 'job received → completed',
};

/** @param before, after what each node said, by its name */
export function legsOf(
  before: ReadonlyMap<string, readonly Sample[]>,
  after: ReadonlyMap<string, readonly Sample[]>,
): LegLatency[] {
  return LEGS.map((leg) => {
    let [all, values]: [Buckets, number] = [new Map(), 0];
    for (const [node, samples] of after) {
      const earlier = before.get(node) ?? [];
      const sum = (of: readonly Sample[]) => sumOf(of, `${NAME}_sum`, { leg });
      const again = sum(samples) < sum(earlier);
      const since = again
        ? bucketsOf(samples, NAME, { leg })
        : minus(bucketsOf(samples, NAME, { leg }), bucketsOf(earlier, NAME, { leg }));
      all = new Map([...since].map(([bound, count]) => [bound, count + (all.get(bound) ?? 0)]));
      values += again ? sum(samples) : sum(samples) - sum(earlier);
    }
    return legOf(MEANING[leg], all, values);
  });
}
