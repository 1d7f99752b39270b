// Every state × every command, whatever the outside answers: a decision comes to an end and does not throw, no snapshot of its is
// illegal, what is live is looked at again; and the same command told once more changes nothing.
//
// The states are made, not reached: any snapshot of each kind, with any memory beside it, adopted or our own. So they
// contain those that an older version, or a fault that nobody thought of, may leave behind.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { CorrelationId, Incarnation, NodeName, Revision } from '../../src/actors/ids.ts';
import { LIMITS } from '../../src/actors/limits.ts';
import type { ActAnswer, Activation, OperatorAct, Reply, ReplyContent } from '../../src/actors/messages.ts';
import { pack, timesOf, unpack } from '../../src/actors/pending-job/cold.ts';
import { ColdStore } from '../../src/actors/pending-job/cold-store.ts';
import { type Command, type CommandAnswer, decide } from '../../src/actors/pending-job/decide.ts';
import { nextDueMs, probeIsDue, probeUrgentUntilMs } from '../../src/actors/pending-job/due.ts';
import type { Effect, JobContext, PutAnswer, Standing } from '../../src/actors/pending-job/effects.ts';
import { emptyState, type JobState } from '../../src/actors/pending-job/state.ts';
import type { EngineAnswer } from '../../src/actors/ports.ts';
import type { Snapshot } from '../../src/actors/snapshot.ts';
import { decodeSnapshot, encodeSnapshot } from '../../src/actors/snapshot-codec.ts';
import { breach } from '../sim/snapshot-law.ts';
import { JOB, LOCK_MS, plainMeaning, RESULT, World } from './pending-job-world.ts';
import { anySnapshot } from './snapshot-samples.ts';

const NOW_MS = 1_760_000_000_000;
const RUNS = Number(process.env.HOLDFAST_PROPERTY_RUNS ?? 5_000);
const MOST_EFFECTS = 200;
const SPARE_BYTES = 4_000;
/** A reply with this in its body becomes much larger when it is interpreted. */
const GROWS = 'grows';
const GROWN = `{"${GROWS}":"${'x'.repeat(20_000)}"}`;

/** What the outside answers to the effects of one decision; the last of each goes on for ever. */
interface Outside {
  readonly engine: readonly EngineAnswer[];
  /** The engine remembers what it has done to the job. */
  readonly consistent: boolean;
  /** How many puts are refused first, because something else stands. */
  readonly conflicts: number;
  /** What can never be stored; but what stands fits, with some KB to spare for what a life adds. */
  readonly mostBytes: number;
  readonly foreign: Snapshot | undefined;
  readonly owner: boolean;
  readonly sent: boolean;
  readonly aliasTaken: boolean;
  readonly withdrawn: 'withdrawn' | 'inFlight' | 'unknown';
  readonly healthy: boolean;
  readonly room: boolean;
  readonly progressMs: number;
}

const anyEngineAnswer: fc.Arbitrary<EngineAnswer> = fc.record({
  code: fc.constantFrom('ok', 'ok', 'ok', 'notFound', 'failedPrecondition', 'never', 'transient'),
  unseen: fc.boolean(),
  message: fc.constantFrom('', 'why'),
});

const OK: EngineAnswer = { code: 'ok', unseen: false, message: '' };

/** Snapshots as the law allows them to stand, times about now. */
const anyStanding: fc.Arbitrary<Snapshot> = fc
  .record({
    snapshot: anySnapshot,
    ages: fc.tuple(...new Array(3).fill(fc.integer({ min: -100_000, max: 100_000 }))),
    attempt: fc.integer({ min: 1, max: 5 }),
    sent: fc.boolean(),
    heard: fc.boolean(),
    body: fc.constantFrom('{}', '{"a":1}', '[1]', `{"${GROWS}":1}`),
  })
  .map(({ snapshot, ages, attempt, sent, heard, body }) => {
    const { kind, settings } = snapshot;
    const [heldAgo = 0, replyIn = 0, heartbeatIn = 0] = ages as number[];
    const timers = { lateWindowMs: 60_000, incidentWindowMs: 60_000, heartbeatTimeoutMs: heard ? 30_000 : 0 };
    const { failing, reply } = snapshot;
    return {
      ...snapshot,
      settings: { ...settings, ...timers },
      attempt,
      sentAttempt: sent ? attempt : 0,
      retries: Math.abs(snapshot.retries) % 4,
      heldAtMs: NOW_MS - Math.abs(heldAgo),
      replyDeadlineMs: NOW_MS + replyIn,
      heartbeatDeadlineMs: heard && kind === 'held' ? NOW_MS + heartbeatIn : 0,
      request:
        kind === 'held' && !sent
          ? (snapshot.request ?? { topic: 't', key: '', body: '{}', schema: undefined, headers: [] })
          : undefined,
      applied: [[0, '10']],
      reply:
        kind === 'replied' || kind === 'parked'
          ? { ...RESULT, ...reply, body, partition: 0, offset: '10', attempt }
          : undefined,
      failing: kind === 'failing' ? (failing ?? A_FAILING) : undefined,
      outcome: kind === 'ended' ? (snapshot.outcome ?? 'gone') : undefined,
      endedAtMs: kind === 'ended' ? NOW_MS - Math.abs(heldAgo) : 0,
      resend: kind === 'held' && sent && snapshot.resend,
      timeline: snapshot.timeline.slice(0, 16),
    } satisfies Snapshot;
  });

const A_FAILING: NonNullable<Snapshot['failing']> = {
  cause: 'why',
  why: 'replyTimeout',
  retries: 1,
  backoffMs: 0,
  outcome: 'timedOut',
  errorCode: '',
  variables: '',
};

const anyOutside: fc.Arbitrary<Outside> = fc.record({
  engine: fc.array(anyEngineAnswer, { minLength: 1, maxLength: 4 }),
  consistent: fc.boolean(),
  conflicts: fc.constantFrom(0, 0, 0, 1, 2, 20),
  mostBytes: fc.constantFrom(Number.POSITIVE_INFINITY, 10_000),
  foreign: fc.option(anyStanding, { nil: undefined }),
  owner: fc.boolean(),
  sent: fc.boolean(),
  aliasTaken: fc.boolean(),
  withdrawn: fc.constantFrom('withdrawn', 'inFlight', 'unknown'),
  healthy: fc.boolean(),
  room: fc.boolean(),
  progressMs: fc.constantFrom(0, NOW_MS - 1_000, NOW_MS + 1_000_000),
});

const anyState: fc.Arbitrary<JobState> = fc
  .record({
    standing: fc.option(anyStanding, { nil: undefined, freq: 6 }),
    lock: fc.constantFrom(0, NOW_MS - 1, NOW_MS + LOCK_MS),
    engineAt: fc.constantFrom(0, NOW_MS - 1, NOW_MS + 1_000),
    acked: fc.boolean(),
    progress: fc.option(fc.constantFrom('', '0.5'), { nil: undefined }),
    flags: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean()),
    tries: fc.nat(3),
  })
  .map(({ standing: snapshot, lock, engineAt, acked, progress, flags, tries }) => {
    const live = snapshot !== undefined && snapshot.kind !== 'ended';
    const held = snapshot?.kind === 'held';
    const owesRequest = held && !acked && snapshot.sentAttempt !== snapshot.attempt;
    return {
      ...emptyState(JOB),
      snapshot,
      revision: (snapshot === undefined ? 0 : 7) as Revision,
      lockDeadlineMs: lock,
      // What is live and was seen to knows when it looks again; what was just found may not.
      engineAtMs: live ? engineAt || (flags[0] ? 0 : NOW_MS) : 0,
      engineTries: tries,
      ackedAttempt: held && acked ? snapshot.attempt : 0,
      heartbeatDeadlineMs: snapshot?.heartbeatDeadlineMs ?? 0,
      progress: held ? progress : undefined,
      adopted: flags[0] || owesRequest,
      unbroken: flags[1] && !flags[0],
      completeUnseen: flags[2],
      otherUnseen: flags[3],
    };
  });

const anyContent: fc.Arbitrary<ReplyContent> = fc.oneof(
  fc.record({
    ...Object.fromEntries(Object.entries(RESULT).map(([name, value]) => [name, fc.constant(value)])),
    status: fc.constantFrom('result', 'error', 'failure', 'heartbeat'),
    body: fc.constantFrom('{}', '{"b":2}', '[1]', '', `{"${GROWS}":1}`),
    code: fc.constantFrom('', 'E'),
    retries: fc.constantFrom(undefined, 0, 3),
    backoffMs: fc.constantFrom(undefined, 0, 5_000),
  }) as unknown as fc.Arbitrary<ReplyContent>,
  fc.record({
    kind: fc.constant('malformed' as const),
    reason: fc.constantFrom('not-json', 'too-large', 'schema', 'malformed'),
    message: fc.constant('why'),
  }),
);

const anyReply: fc.Arbitrary<Reply> = fc.record({
  jobKey: fc.constant(JOB),
  attempt: fc.nat(6),
  position: fc.record({ partition: fc.nat(1), offset: fc.constantFrom('9', '10', '11', '9223372036854775807') }),
  content: anyContent,
});

const anyActivation: fc.Arbitrary<Activation> = fc
  .record({
    lock: fc.constantFrom(NOW_MS - 1, NOW_MS, NOW_MS + 1, NOW_MS + LOCK_MS),
    businessKey: fc.constantFrom('', 'order-7'),
    fault: fc.option(fc.constant('too large'), { nil: undefined, freq: 4 }),
    faultPasses: fc.boolean(),
    large: fc.boolean(),
    retries: fc.nat(3),
  })
  .map(({ lock, large, ...more }) => {
    const activation = { ...new World().activation(lock), ...more };
    return large ? { ...activation, request: { ...activation.request, body: GROWN } } : activation;
  });

const anyAct: fc.Arbitrary<OperatorAct> = fc
  .oneof(
    fc.constant({ act: 'resend' as const }),
    fc.record({ act: fc.constant('extend' as const), replyTimeoutMs: fc.constantFrom(1_000, 10_000_000) }),
    fc.record({ act: fc.constant('complete' as const), variables: fc.constantFrom('{}', GROWN) }),
    fc.record({
      act: fc.constant('fail' as const),
      message: fc.constant('by hand'),
      retries: fc.constantFrom(undefined, 0, 5),
      backoffMs: fc.constantFrom(undefined, 0, 5_000),
    }),
    fc.record({
      act: fc.constant('throw' as const),
      errorCode: fc.constant('E'),
      message: fc.constant('by hand'),
      variables: fc.constantFrom('', '{}', GROWN),
    }),
    fc.constant({ act: 'drop' as const }),
  )
  .map((act) => ({ ...act, by: 'anna', id: 'a1' }));

const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  anyActivation.map((activation) => ({ type: 'activated' as const, activation })),
  anyReply.map((reply) => ({ type: 'replied' as const, reply })),
  fc.record({
    type: fc.constant('requestSettled' as const),
    attempt: fc.nat(6),
    outcome: fc.constantFrom({ kind: 'acked' as const }, { kind: 'refused' as const, reason: 'no topic' }),
  }),
  fc.record({ type: fc.constant('due' as const), mayProbe: fc.boolean() }),
  fc.tuple(anyStanding, fc.constantFrom(1, 7, 8)).map(([snapshot, revision]) => ({
    type: 'reloaded' as const,
    standing: { snapshot, revision: revision as Revision },
  })),
  fc.record({ type: fc.constant('rehydrated' as const), covered: fc.boolean() }),
  anyAct.map((act) => ({ type: 'operated' as const, act })),
);

const ANSWERS: Readonly<Record<Command['type'], readonly (CommandAnswer | ActAnswer['result'])[]>> = {
  activated: ['held', 'attached', 'ended', 'stale', 'full', 'failed', 'retry'],
  replied: [
    ...(['applied', 'duplicate', 'late', 'latePublished', 'lateDropped', 'unreadable'] as const),
    ...(['not-object', 'malformed', 'refused', 'retry'] as const),
  ],
  requestSettled: ['done', 'retry'],
  due: ['done', 'retry'],
  reloaded: ['done', 'retry'],
  rehydrated: ['done', 'retry'],
  operated: ['done', 'later', 'gone', 'absent', 'wrongState', 'refused', 'retry'],
};

/** Performs what one decision asks for. The bucket holds `standing`; each stored snapshot is held against the law. */
class Bench {
  readonly effects: Effect[] = [];
  readonly breaches: string[] = [];
  readonly #outside: Outside;
  /** What a consistent engine says of a job that has ended. */
  #consistent: EngineAnswer | undefined;
  #standing: Standing | undefined;
  #revision = 100;
  #conflicts: number;
  #calls = 0;

  constructor(state: JobState, outside: Outside) {
    this.#outside = outside;
    this.#conflicts = outside.conflicts;
    this.#standing = state.snapshot && { snapshot: state.snapshot, revision: state.revision };
  }

  decide(state: JobState, command: Command): CommandAnswer {
    // Else the watch is behind, and the bucket was made anew.
    if (command.type === 'reloaded' && this.#outside.consistent && command.standing.revision > state.revision)
      this.#standing = command.standing;
    const decision = decide(state, contextOf(this.#outside), command);
    let step = decision.next();
    for (let effects = 0; !step.done; effects++) {
      if (effects > MOST_EFFECTS) throw new Error(`no end: ${JSON.stringify(step.value)}`);
      this.effects.push(step.value);
      step = decision.next(this.#perform(step.value));
    }
    return step.value;
  }

  #perform(effect: Effect): unknown {
    const { engine, owner, sent, aliasTaken, withdrawn } = this.#outside;
    switch (effect.do) {
      case 'put':
        return this.#put(effect);
      case 'read':
        return this.#standing;
      case 'confirmOwner':
        return owner;
      case 'wasSent':
        return sent;
      case 'claimAlias':
        return aliasTaken ? 'taken' : 'ours';
      case 'withdraw':
        return withdrawn;
      case 'publish':
      case 'cancelRecord':
        return undefined;
      default: {
        const acts = effect.do === 'fail' || effect.do === 'throwError';
        if (acts && this.#standing?.snapshot.kind !== 'failing')
          this.breaches.push(`${effect.do} without a stored cause`);
        const answer = this.#consistent ?? engine[Math.min(this.#calls++, engine.length - 1)];
        if (this.#outside.consistent && answer?.code === 'ok') {
          if (effect.do === 'complete') this.#consistent = { code: 'notFound', unseen: false, message: '' };
          if (effect.do === 'fail' || effect.do === 'throwError')
            this.#consistent = { code: 'failedPrecondition', unseen: false, message: '' };
        }
        return answer;
      }
    }
  }

  #put({ snapshot, expected, ttlMs }: Extract<Effect, { do: 'put' }>): PutAnswer {
    const { foreign, mostBytes } = this.#outside;
    if (this.#conflicts > 0) {
      this.#conflicts -= 1;
      // What the other owner wrote is a successor too; where none is at hand, the same written again.
      const from = this.#standing?.snapshot;
      const other = foreign !== undefined && breach(from, foreign) === undefined ? foreign : from;
      this.#standing = other && { snapshot: other, revision: ++this.#revision as Revision };
      return { kind: 'conflict', standing: this.#standing };
    }
    if (expected !== (this.#standing?.revision ?? 0)) return { kind: 'conflict', standing: this.#standing };
    const bytes = encodeSnapshot(snapshot);
    const stands = this.#standing === undefined ? 0 : encodeSnapshot(this.#standing.snapshot).length;
    if (bytes.length > Math.max(mostBytes, stands + SPARE_BYTES)) return { kind: 'never', reason: 'too large' };
    const wrong = breach(this.#standing?.snapshot, snapshot);
    if (wrong !== undefined) this.breaches.push(wrong);
    if ((snapshot.kind === 'ended') !== (ttlMs !== undefined)) this.breaches.push(`${snapshot.kind} with TTL ${ttlMs}`);
    if (snapshot.timeline.length > 16) this.breaches.push(`a timeline of ${snapshot.timeline.length}`);
    expect(decodeSnapshot(bytes)).toEqual(snapshot);
    this.#standing = { snapshot, revision: ++this.#revision as Revision };
    return { kind: 'stored', revision: this.#standing.revision };
  }
}

function contextOf({ healthy, room, progressMs }: Outside): JobContext {
  return {
    clock: {
      wallMs: () => NOW_MS,
      monotonicMs: () => NOW_MS,
      setTimer: () => {
        throw new Error('a decision sets no timers');
      },
    },
    random: { float: () => 0.5, bytes: (count) => new Uint8Array(count) },
    node: 'node' as NodeName,
    incarnation: 'us-1' as Incarnation,
    correlationId: (_, attempt) => `hf1-id-${attempt}` as CorrelationId,
    interpret: (settings, reply) => {
      const meaning = plainMeaning(settings, reply);
      return 'variables' in meaning && meaning.variables.includes(GROWS) ? { ...meaning, variables: GROWN } : meaning;
    },
    engineHealthy: () => healthy,
    probeEveryMs: () => LIMITS.probeEveryMs,
    admits: () => room,
    replyProgressMs: () => progressMs,
  };
}

test('whatever stands, whatever is told and whatever is answered: a decision ends, and all that it stores is legal', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(anyState, anyCommand, anyOutside, (state, command, outside) => {
      const was = state.snapshot?.kind ?? 'nothing';
      const bench = new Bench(state, outside);
      const answer = bench.decide(state, command);
      expect(ANSWERS[command.type]).toContain(typeof answer === 'string' ? answer : answer.result);
      expect(bench.breaches).toEqual([]);
      if (state.snapshot !== undefined) expect(nextDueMs(state), 'never looks again').toBeDefined();
      seen.add(`${was} ${command.type}`);
    }),
    { numRuns: RUNS },
  );
  // Six things may stand, and seven be told.
  expect(seen.size).toBe(42);
});

test('the same command told once more, at the same moment, stores nothing and sends nothing', () => {
  const calm: fc.Arbitrary<Outside> = anyOutside.map((outside) => ({
    ...outside,
    // Of one mind, and with an answer.
    engine: [outside.engine.find(({ code }) => code !== 'transient') ?? OK],
    conflicts: 0,
    mostBytes: Number.POSITIVE_INFINITY,
    consistent: true,
  }));
  // Told once, whoever loads a job: `rehydrated` is the one command that is not repeated.
  const repeated = anyCommand.filter(({ type }) => type !== 'rehydrated');
  fc.assert(
    fc.property(anyState, repeated, calm, (state, command, outside) => {
      const bench = new Bench(state, outside);
      const first = bench.decide(state, command);
      // Of several things that are due it does one at a time: a heartbeat is written, then its job may time out.
      // And what a heartbeat said is written now or with the next one.
      const gradual = command.type === 'due' || (command.type === 'replied' && isHeartbeat(command.reply));
      for (let more = 0; gradual && more < 2; more++) bench.decide(state, command);
      // What could not be done may be possible when it is told again: by then it is known that the request was sent.
      if (typeof first === 'object' && first.result === 'wrongState') return;
      const told = bench.effects.length;
      const standing = state.snapshot;
      const second = bench.decide(state, command);
      const again = bench.effects.slice(told).map((effect) => effect.do);
      expect(again.filter((what) => ['put', 'publish', 'throwError', 'fail', 'cancelRecord'].includes(what))).toEqual(
        [],
      );
      expect(state.snapshot).toEqual(standing);
      expect(bench.breaches).toEqual([]);
      if (first === 'applied') expect(['applied', 'duplicate']).toContain(second);
    }),
    { numRuns: RUNS },
  );
});

test('a job that is packed goes on exactly as one that was not', () => {
  let packed = 0;
  const store = new ColdStore();
  fc.assert(
    fc.property(anyState, anyCommand, anyOutside, (state, command, outside) => {
      const handle = pack(state, store);
      if (handle === undefined) return;
      const bytes = store.at(handle);
      packed += 1;
      // As it stands once Kafka has the request, which is when a job is packed.
      const whole = { ...state, snapshot: { ...(state.snapshot as Snapshot), request: undefined } };
      const small = unpack(JOB, state.revision, bytes);
      const [one, other] = [new Bench(whole, outside), new Bench(small, outside)];
      expect(nextDueMs(small)).toBe(nextDueMs(whole));
      const times = timesOf(bytes);
      for (const forProbe of [false, true]) expect(nextDueMs(times, forProbe)).toBe(nextDueMs(whole, forProbe));
      for (const nowMs of [NOW_MS, state.engineAtMs, state.engineAtMs - 1]) {
        expect(probeIsDue(times, nowMs)).toBe(probeIsDue(whole, nowMs));
        const untilMs = probeUrgentUntilMs(whole, nowMs, LIMITS.probeEveryMs);
        expect(probeUrgentUntilMs(times, nowMs, LIMITS.probeEveryMs)).toBe(untilMs);
      }
      expect(other.decide(small, command)).toEqual(one.decide(whole, command));
      expect(other.effects).toEqual(one.effects);
    }),
    { numRuns: RUNS },
  );
  expect(packed).toBeGreaterThan(RUNS / 20);
});

function isHeartbeat({ content }: Reply): boolean {
  return content.kind === 'reply' && content.status === 'heartbeat';
}
