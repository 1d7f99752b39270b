// The legs of a call as the nodes themselves tell them, in all since the run began.

import { LEGS } from '../../src/cluster/legs.ts';
import { bucketsOf, legOf, minus } from '../parts/exposition.ts';
import type { LegLatency } from './result.ts';
import type { NodeTales } from './tales.ts';

const NAME = 'holdfast_leg_duration_seconds';

const MEANING: Readonly<Record<(typeof LEGS)[number], string>> = {
  hold: 'job received → stored',
  publish: 'stored → request acknowledged',
  service: 'acknowledged → reply read',
  complete: 'reply read → completed',
  call: 'job received → reply read',
  whole: 'job received → completed',
};

export function legsOf(tales: NodeTales): LegLatency[] {
  return LEGS.map((leg) => {
    const all = new Map<number, number>();
    for (const { from, to } of tales.all) {
      const since = minus(bucketsOf(to, NAME, { leg }), bucketsOf(from, NAME, { leg }));
      for (const [bound, count] of since) all.set(bound, count + (all.get(bound) ?? 0));
    }
    return legOf(MEANING[leg], all, tales.sum(`${NAME}_sum`, { leg }));
  });
}
