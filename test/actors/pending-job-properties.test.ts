// The pending job under any order of events: activations, replies in any order and any number of times, answers of the
// engine that are lost, owners that die between any two effects or go on as zombies, writes of theirs that land late.
//
// Safety while it goes on (pending-job-world.ts collects breaches), then calm, in which the job must end.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { OperatorAct, Reply } from '../../src/actors/messages.ts';
import { nextDueMs } from '../../src/actors/pending-job/due.ts';
import { type EngineFate, type Owner, World } from './pending-job-world.ts';

type Event =
  | { readonly do: 'step'; readonly zombie: boolean; readonly times: number }
  | { readonly do: 'activate'; readonly stale: boolean; readonly zombie: boolean }
  | { readonly do: 'reply'; readonly malformed: boolean; readonly late: boolean }
  | { readonly do: 'redeliver'; readonly which: number }
  | { readonly do: 'kafka'; readonly zombie: boolean; readonly refuses: boolean }
  | { readonly do: 'time'; readonly ms: number; readonly progress: boolean }
  | { readonly do: 'fate'; readonly fate: EngineFate }
  | { readonly do: 'health'; readonly healthy: boolean }
  | { readonly do: 'takeOver'; readonly dies: 'no' | 'before' | 'after' }
  | { readonly do: 'comesBack' }
  | { readonly do: 'deliver' }
  | { readonly do: 'zombiesDie' }
  | { readonly do: 'bucketLost' }
  | { readonly do: 'act'; readonly act: OperatorAct['act'] }
  | { readonly do: 'resolve' }
  | { readonly do: 'cancel' };

const step = fc.record({
  do: fc.constant('step' as const),
  zombie: fc.boolean(),
  times: fc.integer({ min: 1, max: 6 }),
});
const anyEvent: fc.Arbitrary<Event> = fc.oneof(
  { arbitrary: step, weight: 8 },
  {
    arbitrary: fc.record({ do: fc.constant('activate' as const), stale: fc.boolean(), zombie: fc.boolean() }),
    weight: 3,
  },
  {
    arbitrary: fc.record({ do: fc.constant('reply' as const), malformed: fc.boolean(), late: fc.boolean() }),
    weight: 2,
  },
  { arbitrary: fc.record({ do: fc.constant('redeliver' as const), which: fc.nat(9) }), weight: 2 },
  {
    arbitrary: fc.record({
      do: fc.constant('kafka' as const),
      zombie: fc.boolean(),
      refuses: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    }),
    weight: 3,
  },
  {
    arbitrary: fc.record({
      do: fc.constant('time' as const),
      ms: fc.constantFrom(300, 5_000, 21_000, 61_000),
      progress: fc.boolean(),
    }),
    weight: 3,
  },
  {
    arbitrary: fc.record({
      do: fc.constant('fate' as const),
      fate: fc.constantFrom<EngineFate>('lostBefore', 'lostAfter', 'later', 'answers'),
    }),
    weight: 2,
  },
  { arbitrary: fc.record({ do: fc.constant('health' as const), healthy: fc.boolean() }), weight: 1 },
  {
    arbitrary: fc.record({
      do: fc.constant('takeOver' as const),
      dies: fc.constantFrom('no' as const, 'before' as const, 'after' as const),
    }),
    weight: 2,
  },
  { arbitrary: fc.constant({ do: 'comesBack' as const }), weight: 1 },
  { arbitrary: fc.constant({ do: 'deliver' as const }), weight: 2 },
  { arbitrary: fc.constant({ do: 'zombiesDie' as const }), weight: 1 },
  { arbitrary: fc.constant({ do: 'bucketLost' as const }), weight: 1 },
  { arbitrary: fc.constant({ do: 'resolve' as const }), weight: 1 },
  {
    arbitrary: fc.record({
      do: fc.constant('act' as const),
      act: fc.constantFrom('resend', 'extend', 'complete', 'fail', 'throw', 'drop'),
    }),
    weight: 1,
  },
);

const someEvents = fc.array(anyEvent, { maxLength: 40, size: 'max' });
const FIRST: readonly Event[] = [
  { do: 'activate', stale: false, zombie: false },
  { do: 'step', zombie: false, times: 3 },
];

interface Record {
  readonly reply: Reply;
  /** What was said of it, but for "ask again"; undefined while it is not settled. */
  said: string | undefined;
}

class Story {
  readonly world = new World();
  readonly records: Record[] = [];
  acts = 0;
  dropped = false;

  play(event: Event): void {
    const { world } = this;
    switch (event.do) {
      case 'step':
        for (let times = event.times; times > 0; times--) this.#who(event.zombie).step();
        return;
      case 'activate': {
        const activation = event.stale ? world.activation() : world.activate();
        if (activation !== undefined) this.#who(event.zombie && event.stale).tell({ type: 'activated', activation });
        return;
      }
      case 'reply':
        return this.#reply(event.malformed, event.late);
      case 'redeliver':
        return this.#deliver(this.records[event.which % Math.max(1, this.records.length)]);
      case 'kafka': {
        const owner = this.#who(event.zombie);
        const [attempt] = owner.publisher;
        if (attempt !== undefined)
          world.kafkaTakes(owner, attempt, event.refuses ? { kind: 'refused', reason: 'no topic' } : { kind: 'acked' });
        return;
      }
      case 'time':
        world.pass(event.ms);
        if (event.progress) world.replyProgressMs = world.nowMs;
        for (const owner of world.owners) this.#due(owner);
        return;
      case 'fate':
        world.fates.push(event.fate);
        return;
      case 'health':
        world.owner.engineHealthy = event.healthy;
        return;
      case 'takeOver':
        if (event.dies !== 'no') world.owner.die(event.dies === 'after');
        world.takeOver();
        return;
      case 'comesBack': {
        const before = world.owners.at(-2);
        if (before !== undefined && !before.dead) world.giveBackTo(before);
        return;
      }
      case 'deliver':
        return world.deliver();
      case 'zombiesDie':
        return this.#zombiesDie();
      case 'bucketLost':
        if (world.engine.gone) return;
        for (const owner of world.owners) owner.die();
        world.expire();
        world.takeOver();
        return;
      case 'resolve':
        if (world.engine.state !== 'incident') return;
        world.engine.retries = 1;
        world.engine.state = 'activatable';
        return;
      case 'act':
        return world.owner.tell({ type: 'operated', act: this.#act(event.act) });
      case 'cancel':
        if (!world.engine.gone) world.engine.state = 'cancelled';
    }
  }

  /** Everything works and nobody is in the way: the job ends, and every reply is settled. */
  calm(): void {
    const { world } = this;
    world.fates.length = 0;
    for (const owner of world.owners) owner.engineHealthy = true;
    for (const zombie of world.owners.slice(0, -1)) zombie.drain();
    this.#zombiesDie();
    for (let round = 0; !this.#over(); round++) {
      if (round > 100) throw new Error(`it does not end: ${this.describe()}`);
      world.deliver();
      world.pass(5_000);
      world.replyProgressMs = world.nowMs;
      this.play({ do: 'resolve' });
      const activation = world.activate();
      if (activation !== undefined) world.owner.tell({ type: 'activated', activation });
      for (const attempt of [...world.owner.publisher]) world.kafkaTakes(world.owner, attempt);
      world.owner.drain();
      if (round % 5 === 4) this.#reply(false);
      for (const record of this.records) if (record.said === undefined) this.#deliver(record);
      world.owner.drain();
      this.#due(world.owner);
      world.owner.drain();
    }
  }

  describe(): string {
    const { world } = this;
    return JSON.stringify({
      standing: world.standing,
      engine: { ...world.engine, calls: world.engine.calls.slice(-8) },
      state: { ...world.owner.state, snapshot: undefined },
      said: this.records.map(({ said }) => said),
    });
  }

  #act(act: OperatorAct['act']): OperatorAct {
    const who = { by: 'anna', id: `a${++this.acts}` };
    if (act === 'drop') this.dropped = true;
    switch (act) {
      case 'extend':
        return { ...who, act, replyTimeoutMs: 90_000 };
      case 'complete':
        return { ...who, act, variables: '{"by":"hand"}' };
      case 'fail':
        return { ...who, act, message: 'by hand', retries: undefined, backoffMs: undefined };
      case 'throw':
        return { ...who, act, errorCode: 'E', message: 'by hand', variables: '' };
      default:
        return { ...who, act };
    }
  }

  #over(): boolean {
    const { world, records } = this;
    const kind = world.standing?.snapshot.kind;
    const settled = records.every(({ said }) => said !== undefined);
    return world.engine.gone && (kind === undefined || kind === 'ended') && settled && world.owner.idle;
  }

  #who(zombie: boolean): Owner {
    const { owners, owner } = this.world;
    return (zombie && owners.at(-2)) || owner;
  }

  #zombiesDie(): void {
    for (const owner of this.world.owners.slice(0, -1)) owner.die();
  }

  #due(owner: Owner): void {
    const atMs = nextDueMs(owner.state);
    if (atMs !== undefined && atMs <= this.world.nowMs) owner.tell({ type: 'due' });
  }

  /** A service answers a request that it has. */
  #reply(malformed: boolean, late = false): void {
    const { world, records } = this;
    const attempt = world.published.at(late ? 0 : -1);
    if (attempt === undefined) return;
    const reply = world.reply(records.length, { kind: malformed ? 'malformed' : 'reply' }, attempt);
    records.push({ reply, said: undefined });
    this.#deliver(records.at(-1));
  }

  /** In offset order, as the reader does: a record waits for those before it. */
  #deliver(record: Record | undefined): void {
    if (record === undefined) return;
    const before = this.records.slice(0, this.records.indexOf(record));
    if (before.some(({ said }) => said === undefined)) return;
    this.world.owner.tell({ type: 'replied', reply: record.reply }, (said) => {
      if (said === 'retry' || typeof said !== 'string') return;
      this.#judge(record.reply, said, record.said === undefined);
      record.said ??= said;
    });
  }

  /** What was applied is never dead-lettered, and what is said to be applied has left its mark. */
  #judge(reply: Reply, said: string, first: boolean): void {
    const { world } = this;
    if (reply.content.kind !== 'reply') return;
    const mark = `reply ${reply.position.offset} is ${said}`;
    const effective = world.engine.completedWith === reply.content.body;
    if (effective && (said === 'late' || said === 'refused')) world.breaches.push(`${mark}, and the job has it`);
    if (said === 'late' && world.engine.state !== 'cancelled')
      world.breaches.push(`${mark}, and the engine says ${world.engine.state}`);
    // Said again, it may be of a bucket that is no more.
    if (!first || (said !== 'applied' && said !== 'duplicate')) return;
    const stored = world.standing?.snapshot.reply !== undefined;
    // A parked one may have been thrown away by hand since.
    if (!stored && !world.engine.gone && !this.dropped) world.breaches.push(`${mark}, and nothing shows it`);
  }
}

test('whatever happens in whatever order: each write is legal, each answer true, and in calm the job ends', () => {
  const ends = new Map<string, number>();
  fc.assert(
    fc.property(someEvents, fc.boolean(), someEvents, (events, cancelled, rest) => {
      const story = new Story();
      const { world } = story;
      for (const event of [...FIRST, ...events]) story.play(event);
      if (cancelled) story.play({ do: 'cancel' });
      for (const event of rest) story.play(event);
      story.calm();
      expect(world.breaches).toEqual([]);
      const malformed = story.records.filter(({ reply }) => reply.content.kind === 'malformed').length;
      const timeouts = world.history.filter(({ snapshot }) => snapshot.failing?.why !== 'malformed').length;
      expect(world.engine.retriesBurnt).toBeLessThanOrEqual(malformed + timeouts);
      const { completedWith } = world.engine;
      if (completedWith !== undefined) {
        const results = story.records.map(({ reply }) => reply.content);
        const byHand = story.acts > 0 && completedWith === '{"by":"hand"}';
        expect(byHand || results.some((content) => content.kind === 'reply' && content.body === completedWith)).toBe(
          true,
        );
      }
      ends.set(world.outcome ?? 'nothing', (ends.get(world.outcome ?? 'nothing') ?? 0) + 1);
    }),
    { numRuns: Number(process.env.HOLDFAST_PROPERTY_RUNS ?? 1500) },
  );
  expect([...ends.keys()].sort()).toEqual(expect.arrayContaining(['cancelled', 'completed', 'gone']));
});
