// What is profiled for the kept flame graphs: each a run of a bench, in which a node is looked at while it does what its
// figures are about, and at no other time.
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../../deploy/local/ports.ts';
import { measureAlone } from '../alone/measure.ts';
import { holdfast } from '../contestants/holdfast.ts';
import { warmEngine } from '../failover/calls.ts';
import { measure } from '../measure.ts';
import { measureMillion } from '../million/measure.ts';
import { inspectArgs, NodeProfile } from '../parts/node-profile.ts';
import { setStage } from '../parts/stage.ts';
import type { FlameName } from './kept.ts';

export interface Recording {
  readonly flames: readonly { readonly flame: FlameName; readonly title: string; readonly profile: string }[];
  /** Writes `<profile>.cpuprofile` of each into this directory. */
  run(dir: string): Promise<void>;
}

const IN_FLIGHT = 200;
const WARM_UP_S = 15;
const PROFILED_S = 10;
const MARGIN_S = 3;

export const RECORDINGS = {
  'full-load': {
    flames: [
      {
        flame: 'full-load',
        title: 'holdfast, 1 node, 200 calls in flight, all on the same cores',
        profile: 'full-load',
      },
    ],
    run: (dir) => recordFullLoad(dir, 1, 'full-load'),
  },
  'full-load-3': {
    flames: [
      {
        flame: 'full-load-3',
        title: 'one of three nodes of holdfast, 200 calls in flight, all on the same cores',
        profile: 'full-load-3',
      },
    ],
    run: (dir) => recordFullLoad(dir, 3, 'full-load-3'),
  },
  alone: {
    flames: [{ flame: 'alone', title: 'holdfast alone, the engine a double, 200 calls in flight', profile: 'http2' }],
    run: async (dir) => void (await measureAlone({ clients: ['http2'], rounds: 1, profile: dir })),
  },
  million: {
    flames: [
      { flame: 'million-idle', title: 'a million pending jobs, the engine a double: at rest', profile: 'idle' },
      { flame: 'million-pages', title: 'a million pending jobs: pages of the list over HTTP', profile: 'pages' },
      { flame: 'million-calls', title: 'a million pending jobs, 200 calls in flight', profile: 'many' },
    ],
    run: async (dir) => void (await measureMillion({ rounds: 1, idleSeconds: 1, profile: dir, onProgress: tell })),
  },
} as const satisfies Readonly<Record<string, Recording>>;

export type RecordingName = keyof typeof RECORDINGS;

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function recordFullLoad(dir: string, nodes: number, name: string): Promise<void> {
  const stage = await setStage();
  try {
    await warmEngine(stage);
    const [port = 0] = await freePorts(1);
    const running = await holdfast(nodes, 1).start(stage, { firstNodeArgs: inspectArgs(port) });
    try {
      const profile = await NodeProfile.open(port, dir);
      // Only of what is measured: the load's start and its last calls are none of it.
      const plan = { kind: 'closed', inFlight: IN_FLIGHT, seconds: PROFILED_S + MARGIN_S } as const;
      const begun = Promise.withResolvers<void>();
      const onMeasuring = async () => begun.resolve();
      const load = measure(stage, running, { plan, warmUpS: WARM_UP_S, onMeasuring });
      await Promise.race([begun.promise, load]);
      await Promise.all([load, profile.during(name, () => sleep(PROFILED_S * 1_000))]);
      profile.close();
      tell(`${(await load).perSecond.toFixed(0)} calls/s while it was profiled`);
    } finally {
      await running.stop();
    }
  } finally {
    await stage.stop();
  }
}
