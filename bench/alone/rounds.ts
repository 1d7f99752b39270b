// A round: so many calls of one cluster under a load that is on already, and what each process spent meanwhile. The load
// goes on before and after, so that a round has neither beginning nor end of its own; and everything is read from outside.
import { bucketName } from '../../src/cluster/nats/bucket.ts';
import type { BridgeNode } from '../../test/support/nodes.ts';
import { cpuMs } from '../parts/processes.ts';
import type { LoadFigures } from './load-source.ts';
import { jobTypeOf, lastSequence, type Stage } from './stage.ts';

export const PARTIES = ['bridge', 'nats', 'kafka', 'service', 'double'] as const;
export type Party = (typeof PARTIES)[number];

export interface Round {
  readonly calls: number;
  readonly seconds: number;
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMsPerCall: Readonly<Record<Party, number>>;
  readonly writesPerCall: number;
}

interface Reading {
  readonly atMs: number;
  readonly cpu: Readonly<Record<Party, number>>;
  readonly sequence: number;
  readonly load: LoadFigures;
}

const LOOK_EVERY_MS = 200;
/** Without a single call completed for this long the round has failed. */
const STALLED_MS = 30_000;

export class Rounds {
  readonly #stage: Stage;
  readonly #node: BridgeNode;
  readonly #cluster: string;

  constructor(stage: Stage, node: BridgeNode, cluster: string) {
    this.#stage = stage;
    this.#node = node;
    this.#cluster = cluster;
  }

  /** Keeps so many calls under way from now on; 0: none, and resolves when the last is over. */
  async keep(inFlight: number): Promise<void> {
    await this.#stage.double.setLoad(jobTypeOf(this.#cluster), { inFlight });
    if (inFlight === 0) await this.#until(({ created, completed }) => created === completed);
  }

  /** @throws when the calls do not come, or one was refused by the double */
  async run(calls: number): Promise<Round> {
    const before = await this.#read();
    await this.#until(({ completed }) => completed - before.load.completed >= calls);
    const after = await this.#read();
    const done = after.load.completed - before.load.completed;
    const seconds = (after.atMs - before.atMs) / 1_000;
    const cpu = PARTIES.map((party) => [party, (after.cpu[party] - before.cpu[party]) / done] as const);
    return {
      calls: done,
      seconds,
      callsPerSecond: done / seconds,
      p50Ms: after.load.p50Ms,
      p99Ms: after.load.p99Ms,
      cpuMsPerCall: Object.fromEntries(cpu) as Record<Party, number>,
      writesPerCall: (after.sequence - before.sequence) / done,
    };
  }

  async #read(): Promise<Reading> {
    const { nats, kafka, service, double } = this.#stage;
    const pids: Record<Party, number> = {
      bridge: this.#node.pid,
      nats: nats.servers[0]!.pid,
      kafka: kafka.server.pid,
      service: service.pid,
      double: double.server.pid,
    };
    const read = async (party: Party) => [party, await cpuMs([pids[party]])] as const;
    const [sequence, lap, ...cpu] = await Promise.all([
      lastSequence(nats.monitorUrls[0]!, bucketName(this.#cluster)),
      double.lap(),
      ...PARTIES.map(read),
    ]);
    const load = lap.loads[jobTypeOf(this.#cluster)];
    if (load === undefined) throw new Error(`no load is set for ${this.#cluster}`);
    return { atMs: performance.now(), cpu: Object.fromEntries(cpu) as Record<Party, number>, sequence, load };
  }

  async #until(reached: (load: LoadFigures) => boolean): Promise<void> {
    const { double } = this.#stage;
    let [seen, seenMs] = [-1, performance.now()];
    for (;;) {
      const load = (await double.figures()).loads[jobTypeOf(this.#cluster)];
      if (load !== undefined && reached(load)) return;
      if (load !== undefined && load.completed !== seen) [seen, seenMs] = [load.completed, performance.now()];
      if (performance.now() - seenMs > STALLED_MS) {
        throw new Error(
          `no call of ${this.#cluster} was completed for ${STALLED_MS / 1_000} s: ${JSON.stringify(load)}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }
}
