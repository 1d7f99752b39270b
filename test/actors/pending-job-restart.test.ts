// A pending job may die between any two effects. Whoever takes it over finds what stands in the bucket, is told again
// what was not settled, and goes on: in the engine's eyes nothing differs from a life without a cut. Neither does it
// when everything is told twice.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LIMITS } from '../../src/actors/limits.ts';
import type { Command } from '../../src/actors/pending-job/decide.ts';
import { nextDueMs } from '../../src/actors/pending-job/due.ts';
import { type EngineFate, LOCK_MS, World } from './pending-job-world.ts';

interface Act {
  readonly what: 'activate' | 'sent' | 'refused' | 'result' | 'malformed' | 'deadline' | 'resolve' | 'cancel' | 'away';
  readonly fate: EngineFate;
}

interface Cut {
  /** After so many steps of the first owner. */
  readonly at: number;
  /** The effect under way had its effect; only its answer was lost. */
  readonly landed: boolean;
}

class Life {
  readonly world = new World();
  readonly #cut: Cut | undefined;
  readonly #times: number;
  #steps = 0;
  #offset = 0;

  constructor(cut: Cut | undefined, times: number) {
    this.#cut = cut;
    this.#times = times;
  }

  get steps(): number {
    return this.#steps;
  }

  play({ what, fate }: Act): void {
    const { world } = this;
    const { owner } = world;
    const told = Array.from({ length: this.#times });
    if (fate !== 'answers') world.fates.push(fate);
    if (what === 'activate') this.#activate();
    else if (what === 'sent') this.#kafka({ kind: 'acked' });
    else if (what === 'refused') this.#kafka({ kind: 'refused', reason: 'no topic' });
    else if (what === 'result' || what === 'malformed') {
      const attempt = world.published.at(-1);
      if (attempt === undefined) return;
      const reply = world.reply(this.#offset++, { kind: what === 'result' ? 'reply' : what }, attempt);
      for (const _ of told) this.#until({ type: 'replied', reply });
    } else if (what === 'deadline' && world.standing?.snapshot.kind === 'held') {
      world.nowMs = Math.max(world.nowMs, world.standing.snapshot.replyDeadlineMs);
      world.replyProgressMs = world.nowMs;
      for (const _ of told) this.#until({ type: 'due' });
    } else if (what === 'resolve' && world.engine.state === 'incident') {
      world.engine.retries = 1;
      world.engine.state = 'activatable';
    } else if (what === 'cancel' && !world.engine.gone) world.engine.state = 'cancelled';
    else if (what === 'away') owner.engineHealthy = !owner.engineHealthy;
    world.fates.length = 0;
    this.#rest();
  }

  /** Until it is held or gone: a cut may shift what happens when, but not what comes of it. */
  finish(): void {
    const { world } = this;
    const atRest = () => world.standing?.snapshot.kind === (world.engine.gone ? 'ended' : 'held');
    for (let round = 0; round < 8 && !atRest(); round++) {
      this.play({ what: 'resolve', fate: 'answers' });
      world.pass(LIMITS.waitingProbeMs);
      this.#tell({ type: 'due' });
      this.#activate();
      this.#rest();
    }
    this.#rest();
  }

  #activate(): void {
    const { world } = this;
    world.pass(LOCK_MS);
    const activation = world.activate();
    if (activation === undefined) return;
    for (let times = this.#times; times > 0; times--) this.#tell({ type: 'activated', activation });
    // What was not stored comes back from the engine.
    for (let again = 0; again < 3; again++) {
      const { standing, engine } = world;
      if (engine.state !== 'active' || (standing !== undefined && standing.snapshot.kind !== 'ended')) return;
      world.pass(LOCK_MS);
      const next = world.activate();
      if (next !== undefined) this.#tell({ type: 'activated', activation: next });
    }
  }

  #kafka(outcome: { kind: 'acked' } | { kind: 'refused'; reason: string }): void {
    const { world } = this;
    for (let times = 0; times < 3; times++) {
      for (const attempt of [...world.owner.publisher]) world.kafkaTakes(world.owner, attempt, outcome);
      this.#run();
    }
  }

  /** Stored intentions and replies have their time; whatever waits for an activation does not get one here. */
  #rest(): void {
    const { world } = this;
    for (let round = 0; round < 8; round++) {
      const kind = world.standing?.snapshot.kind;
      if (kind !== 'replied' && kind !== 'failing') return;
      world.pass(1_000);
      if ((nextDueMs(world.owner.state) ?? Number.POSITIVE_INFINITY) <= world.nowMs) this.#tell({ type: 'due' });
    }
  }

  #until(command: Command): void {
    for (let tries = 0; ; tries++) {
      const said = this.#tell(command);
      if (said !== undefined && said !== 'retry') return;
      if (tries > 5) throw new Error(`never settled: ${JSON.stringify(command)}`);
    }
  }

  #tell(command: Command): string | undefined {
    let said: string | undefined;
    this.world.owner.tell(command, (answer) => {
      said = String(answer);
    });
    this.#run();
    return said;
  }

  #run(): void {
    const { world } = this;
    while (!world.owner.idle) {
      if (this.#steps++ === this.#cut?.at) {
        world.owner.die(this.#cut.landed);
        world.fates.length = 0;
        world.takeOver();
      } else world.owner.step();
    }
  }

  /** What the engine and the services see in the end. */
  get seen(): object {
    const { engine, published, standing } = this.world;
    const { state, retries, retriesBurnt, completedWith } = engine;
    const { kind, attempt } = standing?.snapshot ?? {};
    return { state, retries, retriesBurnt, completedWith, requests: [...new Set(published)], kind, attempt };
  }
}

const act: fc.Arbitrary<Act> = fc.record({
  what: fc.constantFrom(
    'activate' as const,
    'activate' as const,
    'sent' as const,
    'sent' as const,
    'refused' as const,
    'result' as const,
    'malformed' as const,
    'malformed' as const,
    'deadline' as const,
    'resolve' as const,
    'cancel' as const,
    'away' as const,
  ),
  fate: fc.constantFrom<EngineFate>('answers', 'answers', 'answers', 'lostAfter', 'lostBefore', 'later', 'never'),
});

const START: readonly Act[] = [
  { what: 'activate', fate: 'answers' },
  { what: 'sent', fate: 'answers' },
];

function live(acts: readonly Act[], cut: Cut | undefined, times = 1): Life {
  const life = new Life(cut, times);
  for (const each of [...START, ...acts]) life.play(each);
  life.finish();
  expect(life.world.breaches).toEqual([]);
  return life;
}

const someActs = fc.array(act, { minLength: 1, maxLength: 12, size: 'max' });
/** An engine that answers, and nobody who cancels: a cut shifts by seconds what happens when, and could come before or after. */
const calm = (acts: readonly Act[]) =>
  acts.filter(({ what }) => what !== 'cancel').map(({ what }) => ({ what, fate: 'answers' as const }));

test('cut between any two effects, the engine sees the same: same end, same result, same retries', () => {
  let cuts = 0;
  fc.assert(
    fc.property(someActs, fc.boolean(), (acts, landed) => {
      const whole = live(calm(acts), undefined);
      for (let at = 0; at < whole.steps; at++) {
        const cut = live(calm(acts), { at, landed });
        expect(cut.seen, `cut at ${at}, ${landed ? 'landed' : 'not landed'}`).toEqual(whole.seen);
        cuts += 1;
      }
    }),
    { numRuns: Number(process.env.HOLDFAST_PROPERTY_RUNS ?? 150) },
  );
  expect(cuts).toBeGreaterThan(1000);
});

test('told twice, everything is as if told once', () => {
  fc.assert(
    fc.property(someActs, (acts) => {
      expect(live(calm(acts), undefined, 2).seen).toEqual(live(calm(acts), undefined).seen);
    }),
    { numRuns: Number(process.env.HOLDFAST_PROPERTY_RUNS ?? 300) },
  );
});

test('whatever the engine answers, a cut leaves nothing illegal and burns no retry twice', () => {
  fc.assert(
    fc.property(someActs, fc.nat(60), fc.boolean(), (acts, at, landed) => {
      const { world } = live(acts, { at, landed });
      const failings = new Set(
        world.history.flatMap(({ snapshot }) => (snapshot.failing === undefined ? [] : [snapshot.attempt])),
      );
      expect(world.engine.retriesBurnt).toBeLessThanOrEqual(failings.size);
    }),
    { numRuns: Number(process.env.HOLDFAST_PROPERTY_RUNS ?? 1000) },
  );
});
