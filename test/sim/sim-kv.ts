// The bucket as one node reaches it: KvPort over a link that loses, delays and lands late.
//
// What must hold: a put that is answered `stored` or `refused` was decided at one moment between call and answer. A put `inDoubt` may
// have landed, may land later if its revision still fits then, or never. While the stream has no leader nothing is
// answered; of the puts that arrive meanwhile some are proposed after the election, which is what "in doubt" is about.
// Between a put's proposal and the moment in which it stands every other put to its key is turned away, whatever it expects:
// that counts as in doubt too (error 10164 of the servers), though nothing of it lands.
import type { Revision } from '../../src/actors/ids.ts';
import { parseClaim } from '../../src/cluster/claims.ts';
import type { KvWatch, KvWatchHandler } from '../../src/cluster/ports.ts';
import {
  type KvEntry,
  type KvPort,
  type KvPutAnswer,
  type KvPutOptions,
  KvUnavailable,
} from '../../src/cluster/ports.ts';
import type { ManualClock } from '../support/manual-clock.ts';
import type { Bucket } from './bucket.ts';
import { call } from './call.ts';
import type { Faults } from './faults.ts';
import type { Host } from './host.ts';
import type { SeededRandom } from './random.ts';
import { SimWatch } from './sim-watch.ts';
import { Twins } from './twins.ts';

/** The adapter's own limit for writes and reads (see KvPort). */
const ANSWER_WITHIN_MS = 1_000;
const JOB_KEY = /^\d+\.\d+$/;

/** The three servers together: there is a leader, or there is none. */
export class KvServers {
  readonly bucket: Bucket;
  readonly random: SeededRandom;
  readonly clock: ManualClock;
  faults: Faults['kv'];
  #leaderless: (() => void)[] | undefined;
  /** Keys of which a write is proposed and does not stand yet. */
  readonly #proposed = new Set<string>();

  constructor(bucket: Bucket, clock: ManualClock, random: SeededRandom, faults: Faults['kv']) {
    this.bucket = bucket;
    this.clock = clock;
    this.random = random;
    this.faults = faults;
  }

  get available(): boolean {
    return this.#leaderless === undefined;
  }

  /** No leader for this long: 4–7 s when one was killed, half a second when it stepped down. */
  loseLeader(forMs: number): void {
    if (this.#leaderless !== undefined) return;
    this.#leaderless = [];
    this.clock.setTimer(forMs, () => {
      const proposed = this.#leaderless ?? [];
      this.#leaderless = undefined;
      for (const run of proposed) run();
    });
  }

  /** A put that arrives at the leader; or at nobody, and then it is lost or waits for the election. */
  whenLed(run: () => void): void {
    if (this.#leaderless === undefined) run();
    else if (this.random.chance(0.5)) this.#leaderless.push(run);
  }

  /** A put that the leader takes stands once its replicas have it. `land`: what becomes of it at that moment. */
  propose(key: string, expected: Revision, land: () => KvPutAnswer, answer: (value: KvPutAnswer) => void): void {
    if (this.#proposed.has(key)) {
      this.bucket.history.sight('put turned away, another one being proposed');
      return answer({ kind: 'inDoubt', reason: 'another write to the key is in flight' });
    }
    const fits = (this.bucket.current(key)?.revision ?? 0) === expected;
    if (this.faults.replicationMs === 0 || !fits) return answer(land());
    this.#proposed.add(key);
    this.clock.setTimer(this.random.float() * this.faults.replicationMs, () => {
      this.#proposed.delete(key); // with the leader, if that is lost meanwhile
      this.whenLed(() => answer(land()));
    });
  }
}

export class SimKv implements KvPort {
  readonly #servers: KvServers;
  readonly #host: Host;
  readonly #twins = new Twins();

  constructor(servers: KvServers, host: Host) {
    this.#servers = servers;
    this.#host = host;
  }

  async put(key: string, value: Uint8Array, expected: Revision, options: KvPutOptions = {}): Promise<KvPutAnswer> {
    const servers = this.#servers;
    const bytes = value.slice();
    const heard = this.#host.rightToAct.writes(key, bytes);
    const note = (kind: 'writing' | 'heard') => {
      if (JOB_KEY.test(key)) servers.bucket.history.add({ kind, node: this.#host.name, key });
    };
    note('writing');
    if (this.#twins.writes(key, value)) servers.bucket.history.add({ kind: 'twins', node: this.#host.name, key });
    let landed = false;
    let gaveUp = false;
    const land = (): KvPutAnswer => {
      this.#notice(key);
      const answer = servers.bucket.put(this.#host.name, key, bytes, expected, options.ttlMs);
      landed = answer.kind === 'stored';
      if (landed && gaveUp) servers.bucket.history.sight('put that landed after its caller gave up');
      return answer;
    };
    const answer = await this.#call<KvPutAnswer>(
      (answer) => {
        servers.whenLed(() => servers.propose(key, expected, land, answer));
      },
      (left) => (left ? { kind: 'inDoubt', reason: 'no answer' } : { kind: 'notSent', reason: 'not connected' }),
    );
    gaveUp = answer.kind === 'inDoubt' || answer.kind === 'notSent';
    if (gaveUp && landed) servers.bucket.history.sight('put in doubt that landed');
    if (!gaveUp) note('heard');
    this.#twins.heard(key, value, answer);
    heard(answer, (revision) => servers.bucket.atRevision(revision)?.value);
    return answer;
  }

  /** A job's snapshot arrives at the leader: from whom? */
  #notice(key: string): void {
    if (!JOB_KEY.test(key)) return;
    const { bucket } = this.#servers;
    const { name, rightToAct } = this.#host;
    if (rightToAct.barred() === 'without a lease') bucket.history.sight('write without a lease');
    const claim = bucket.current(`${key.split('.')[0]}._owner`);
    if (claim === undefined || parseClaim(claim.value, claim.revision).node === name) return;
    bucket.history.sight('write after the claim went to another');
  }

  async get(key: string): Promise<KvEntry | undefined> {
    const { bucket, random, faults } = this.#servers;
    return this.#read(() => {
      const stale = random.chance(faults.staleRead);
      const entry = stale ? bucket.stale(key) : bucket.current(key);
      if (stale && entry !== bucket.current(key)) bucket.history.sight('stale read');
      return entry;
    });
  }

  async getRevision(revision: Revision): Promise<KvEntry | undefined> {
    return this.#read(() => this.#servers.bucket.atRevision(revision));
  }

  async bucketId(): Promise<string> {
    return this.#read(() => this.#servers.bucket.id);
  }

  /** Speaks only once it is open: one that could not be opened is never heard of. */
  async watch(filters: readonly string[], handler: KvWatchHandler): Promise<KvWatch> {
    await this.#read(() => true);
    return new SimWatch(this.#servers, this.#host.links.nats, filters, handler);
  }

  async #read<T>(read: () => T): Promise<T> {
    const answer = await this.#call<{ value: T } | undefined>(
      (reply) => {
        if (this.#servers.available) reply({ value: read() });
      },
      () => undefined,
    );
    if (answer === undefined) throw new KvUnavailable('the bucket does not answer');
    return answer.value;
  }

  #call<T>(
    serve: (answer: (value: T) => void) => void,
    inDoubt: (left: boolean) => T,
    deadlineMs = ANSWER_WITHIN_MS,
  ): Promise<T> {
    const { random, faults } = this.#servers;
    return call({ host: this.#host, server: 'nats', random, faults, deadlineMs, serve, inDoubt });
  }
}
