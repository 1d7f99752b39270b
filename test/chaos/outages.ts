// Each of the three servers killed under load, away for longer than the lease, and back: the same for the short outages of
// every change and for the long ones.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { type LocalServer, startKafka, startNats, startZeebe } from '../../deploy/local/index.ts';
import { eventually } from '../support/eventually.ts';
import { Trial } from '../support/trial.ts';

export const SERVER_NAMES = ['NATS', 'Kafka', 'Zeebe'] as const;
export type ServerName = (typeof SERVER_NAMES)[number];

const LEASE_TTL_MS = 5_000;
const PER_SECOND = 20;
const WAITING = 30;
/** Acknowledged by Kafka and not noted in the watermark, or not acknowledged at all, when the server went. */
const UNNOTED_MS = 1_000;
const PATIENCE = { deadlineMs: 60_000 };

export class Outages {
  readonly trial: Trial;
  readonly servers: Readonly<Record<ServerName, LocalServer>>;
  readonly #stop: () => Promise<void>;

  private constructor(trial: Trial, servers: Record<ServerName, LocalServer>, stop: () => Promise<void>) {
    this.trial = trial;
    this.servers = servers;
    this.#stop = stop;
  }

  /** Servers of its own and a cluster without nodes. */
  static async prepare(): Promise<Outages> {
    const starting = [startNats(), startKafka(), startZeebe()] as const;
    const stop = async () => {
      for (const server of await Promise.allSettled(starting)) {
        if (server.status === 'fulfilled') await server.value.stop();
      }
    };
    try {
      const [nats, kafka, zeebe] = await Promise.all(starting);
      const servers = { natsUrl: nats.url, kafkaBrokers: kafka.brokers, zeebeAddress: zeebe.grpcAddress };
      const trial = await Trial.start({ servers, nodes: 0, settings: { leaseTtl: `PT${LEASE_TTL_MS / 1_000}S` } });
      const [natsServer] = nats.servers;
      if (natsServer === undefined) throw new Error('NATS without a server');
      return new Outages(trial, { NATS: natsServer, Kafka: kafka.server, Zeebe: zeebe.server }, stop);
    } catch (error) {
      await stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    try {
      await this.trial.stop();
    } finally {
      await this.#stop();
    }
  }

  /** The server is killed and away for `awayMs`. Nothing may be lost, completed twice, or repeated without need. */
  async outage(name: ServerName, awayMs: number): Promise<void> {
    const { driver, service, nodes } = this.trial;
    const repeatedBefore = service.repeated();
    const stopLoad = driver.load(PER_SECOND);
    service.hold();
    const waiting = await driver.start(WAITING);
    const diagnose = () => this.trial.diagnose();
    const asked = () => waiting.every((token) => service.about(token).length > 0);
    await eventually('requests', asked, { ...PATIENCE, diagnose });

    const killedMs = Date.now();
    await this.servers[name].kill();
    service.release(); // replies arrive, or wait for Kafka, while the server is away
    const notReady = async () => (await Promise.all(nodes.all.map((node) => node.readiness()))).every((r) => !r.ready);
    // Without Kafka or the engine a node goes on holding what it has; without NATS it may do nothing at all.
    if (name === 'NATS') await eventually('all nodes to say that they are not ready', notReady, PATIENCE);
    await sleep(killedMs + awayMs - Date.now()); // the length of the outage is what is tested
    if (name === 'NATS') this.trial.withoutJetStream(killedMs, Date.now());
    await this.servers[name].restart();

    await nodes.untilReady(PATIENCE.deadlineMs);
    const tokens = [...waiting, ...(await stopLoad()), ...(await driver.start(WAITING))];
    await driver.allAnswered(tokens, { ...PATIENCE, diagnose });
    expect(this.trial.completedTwice()).toEqual([]);
    for (const id of service.repeated().filter((again) => !repeatedBefore.includes(again))) {
      const first = service.requests.find(({ correlationId }) => correlationId === id);
      expect(first?.atMs).toBeGreaterThan(killedMs - UNNOTED_MS);
    }
  }
}

/** One for each server, with all servers of its own: so all can be away at the same time. */
export class OutagesOfEach {
  readonly #all: ReadonlyMap<ServerName, Outages>;

  private constructor(all: ReadonlyMap<ServerName, Outages>) {
    this.#all = all;
  }

  /** Two nodes of each are ready. */
  static async prepare(): Promise<OutagesOfEach> {
    const all = new Map<ServerName, Outages>();
    const each = new OutagesOfEach(all);
    const prepared = SERVER_NAMES.map(async (name) => {
      const own = await Outages.prepare();
      all.set(name, own);
      await Promise.all(['n1', 'n2'].map((node) => own.trial.startNode(node)));
      await own.trial.nodes.untilReady();
    });
    const failed = (await Promise.allSettled(prepared)).find((done) => done.status === 'rejected');
    if (failed === undefined) return each;
    await each.stop().catch(() => undefined);
    throw failed.reason;
  }

  /** @throws when it was not prepared */
  of(name: ServerName): Outages {
    const own = this.#all.get(name);
    if (own === undefined) throw new Error(`no servers were prepared for the outage of ${name}`);
    return own;
  }

  async stop(): Promise<void> {
    const stopped = await Promise.allSettled([...this.#all.values()].map((own) => own.stop()));
    const failed = stopped.find((each) => each.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }
}
