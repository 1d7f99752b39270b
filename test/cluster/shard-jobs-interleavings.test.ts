// One shard's jobs with the real mailbox, store and gate under any interleaving: when each write lands and when its owner
// hears of it, when the engine acts and when it answers, when Kafka acknowledges and when a command comes, is for
// fast-check's scheduler to say. What is told twice at the same time is decided once; what is stored is legal; and
// when all is quiet the job has ended and nothing of it is left in memory.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Incarnation } from '../../src/actors/ids.ts';
import type { ReplyAsSent } from '../../src/actors/messages.ts';
import type { Effect } from '../../src/actors/pending-job/effects.ts';
import type { EngineAnswer } from '../../src/actors/ports.ts';
import type { Snapshot } from '../../src/actors/snapshot.ts';
import { decodeSnapshot, encodeSnapshot } from '../../src/actors/snapshot-codec.ts';
import { World as Job, LOCK_MS, ModelEngine } from '../actors/pending-job-world.ts';
import { breach } from '../sim/snapshot-law.ts';
import { Host, KEY, SHARD } from './shard-host.ts';

type Deed =
  | { readonly do: 'activate' | 'ack' | 'watch' | 'foreign' }
  | { readonly do: 'reply'; readonly offset: number; readonly times: number };

/** The records that lie in Kafka; a result of each is its own. */
const RECORDS: readonly Partial<ReplyAsSent>[] = [
  { body: '{"a":0}' },
  { body: '{"a":1}' },
  { status: 'failure', body: '' },
  { status: 'heartbeat', body: '' },
  { status: 'error', code: 'E', body: '' },
];

const anyDeed: fc.Arbitrary<Deed> = fc.oneof(
  { arbitrary: fc.record({ do: fc.constantFrom('activate' as const, 'ack' as const, 'watch' as const) }), weight: 3 },
  { arbitrary: fc.record({ do: fc.constant('foreign' as const) }), weight: 1 },
  {
    arbitrary: fc.record({
      do: fc.constant('reply' as const),
      offset: fc.nat(RECORDS.length - 1),
      times: fc.integer({ min: 1, max: 3 }),
    }),
    weight: 4,
  },
);

const STEP_MS = 250;
const DEAD_LETTERS = ['late', 'refused', 'not-object', 'malformed', 'unreadable'];

class Scene {
  readonly host = new Host();
  readonly engine = new ModelEngine();
  readonly breaches: string[] = [];
  readonly said: { readonly offset: number; readonly answer: string }[] = [];
  #underWay: string | undefined;
  readonly #wait: (what: string) => Promise<void>;

  constructor(wait: (what: string) => Promise<void>) {
    this.#wait = wait;
    const { kv } = this.host;
    const [put, get] = [kv.put.bind(kv), kv.get.bind(kv)];
    kv.put = (...write) =>
      this.#alone(write[0] === KEY ? 'a put' : undefined, async () => {
        await wait('a put lands');
        const answer = await put(...write);
        await wait('a put is heard of');
        return answer;
      });
    kv.get = (key) =>
      this.#alone(key === KEY ? 'a read' : undefined, async () => {
        await wait('a read');
        return get(key);
      });
    let standing: Snapshot | undefined;
    kv.onWrite = ({ key, value }) => {
      if (key !== KEY) return;
      const next = decodeSnapshot(value);
      const wrong = breach(standing, next);
      if (wrong !== undefined) this.breaches.push(wrong);
      standing = next;
    };
    this.host.engine = (what, argument) => this.#alone(what, () => this.#call(what, argument));
  }

  /** Whatever is told to a job, it does one thing at a time. */
  async #alone<T>(what: string | undefined, work: () => Promise<T>): Promise<T> {
    if (what === undefined) return work();
    if (this.#underWay !== undefined) this.breaches.push(`${what} beside ${this.#underWay}`);
    this.#underWay = what;
    try {
      return await work();
    } finally {
      this.#underWay = undefined;
    }
  }

  async #call(what: string, argument: unknown): Promise<EngineAnswer> {
    await this.#wait(`the engine hears of ${what}`);
    const { engine, host } = this;
    engine.tick(host.clock.wallMs());
    const effect = {
      complete: { do: 'complete', variables: argument },
      fail: { do: 'fail', fail: argument },
      throwError: { do: 'throwError', error: argument },
      updateTimeout: { do: 'updateTimeout', timeoutMs: argument },
    }[what] as Effect;
    const answer = engine.execute(effect, host.clock.wallMs());
    await this.#wait(`the engine's answer to ${what}`);
    return answer;
  }

  act(deed: Deed): void {
    const { host } = this;
    switch (deed.do) {
      case 'activate':
        return this.activate();
      case 'ack':
        return host.kafkaAcks();
      case 'watch':
        return this.watch();
      case 'foreign':
        if (!host.kv.entries.has(KEY)) return;
        // Another owner's write that changes nothing, and lands late.
        host.kv.write(KEY, encodeSnapshot({ ...host.standing, incarnation: 'other-1' as Incarnation }, 1));
        return;
      case 'reply':
        for (let times = 0; times < deed.times; times++) this.reply(deed.offset);
    }
  }

  /** The engine hands the job out, if it does; and whoever heard of it before tells it once more. */
  activate(): void {
    const { engine, host } = this;
    engine.tick(host.clock.wallMs());
    if (engine.state === 'activatable') {
      engine.state = 'active';
      engine.lockMs = host.clock.wallMs() + LOCK_MS;
    }
    if (engine.state !== 'active') return;
    const job = new Job();
    const activation = { ...job.activation(engine.lockMs), retries: engine.retries };
    for (let times = 0; times < 2; times++) void host.jobs.activated(SHARD, activation);
  }

  watch(): void {
    const { host } = this;
    const entry = host.kv.entries.get(KEY);
    if (entry !== undefined && host.deliver()) {
      host.jobs.load(SHARD, new Job().activation().jobKey, decodeSnapshot(entry.value), entry.revision, false);
    }
  }

  reply(offset: number, attempt = 1): void {
    const content = RECORDS[offset % RECORDS.length] ?? {};
    void this.host.jobs.replied(SHARD, new Job().reply(offset, content, attempt)).then((answer) => {
      this.said.push({ offset, answer });
    });
  }
}

test('in whatever order: what is stored is legal, one result at most is taken, and in the end nothing is left', async () => {
  const ends = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.array(anyDeed, { maxLength: 14 }), async (s, deeds) => {
      const scene = new Scene((what) => s.schedule(Promise.resolve(), what));
      const { host, engine, breaches, said } = scene;
      const quiet = async (ms: number) => {
        // In short steps: a write without an answer for a second would be given up.
        for (let leftMs = ms; leftMs > 0; leftMs -= STEP_MS) {
          await s.waitIdle();
          await host.clock.advance(Math.min(STEP_MS, leftMs));
        }
        await s.waitIdle();
      };
      void host.watermark.start();
      await quiet(0);
      scene.activate();
      for (const deed of deeds) void s.schedule(Promise.resolve(), deed.do).then(() => scene.act(deed));
      await quiet(0);
      expect(breaches).toEqual([]);
      // Calm: the engine hands the job out again, Kafka acknowledges, the service answers the attempt that stands.
      for (let round = 0; !engine.gone; round++) {
        if (round > 20) throw new Error(`it does not end: ${engine.state}, ${JSON.stringify(host.standing)}`);
        if (engine.state === 'incident') Object.assign(engine, { retries: 1, state: 'activatable' });
        scene.watch();
        await quiet(5_000);
        scene.activate();
        await quiet(1_000);
        host.kafkaAcks();
        await quiet(0);
        const attempt = host.kv.entries.has(KEY) ? host.standing.attempt : 1;
        if (round % 2 === 1) scene.reply(RECORDS.length * (round + 1), attempt);
        await quiet(1_000);
      }
      scene.watch();
      await quiet(LOCK_MS);
      expect(breaches).toEqual([]);
      expect(engine.completedWith).toMatch(/^\{"a":[01]\}$/);
      expect(host.standing).toMatchObject({ kind: 'ended', outcome: 'completed' });
      expect([host.jobs.size, host.lanes.total, host.jobs.commands(SHARD), host.watermark.unacked()]).toEqual([
        0, 0, 0, 0,
      ]);
      // One record, told several times, is never both taken and put with the dead letters.
      for (const told of Map.groupBy(said, ({ offset }) => offset).values()) {
        const answers = told.map(({ answer }) => answer);
        if (answers.includes('applied')) expect(answers.filter((answer) => DEAD_LETTERS.includes(answer))).toEqual([]);
      }
      for (const { answer } of said) ends.set(answer, (ends.get(answer) ?? 0) + 1);
    }),
    { numRuns: Number(process.env.HOLDFAST_PROPERTY_RUNS ?? 700) },
  );
  expect([...ends.keys()]).toEqual(expect.arrayContaining(['applied', 'duplicate', 'lateDropped']));
});
