// One job in a small world: a bucket with compare-and-set, an engine, a Kafka that acknowledges when told, and any number
// of owners, each with a state, a mailbox and a publisher of its own. Nothing happens by itself: an owner goes on by one
// effect at a time, so a test can stop it between any two, let another owner in, or leave it dead.
//
// Every snapshot that is stored is held against the law of successors, and every word that an owner says against what
// the engine knows: `breaches` collects what is wrong.
import type { CorrelationId, Incarnation, JobKey, Lane, NodeName, Revision } from '../../src/actors/ids.ts';
import { LIMITS } from '../../src/actors/limits.ts';
import {
  type Activation,
  type CallSettings,
  type CancelRecord,
  PLAIN_CONTRACT,
  type Reply,
  type ReplyAsSent,
  type ReplyContent,
  type RequestOutcome,
  type Verdict,
} from '../../src/actors/messages.ts';
import { type Command, type CommandAnswer, decide } from '../../src/actors/pending-job/decide.ts';
import { nextDueMs } from '../../src/actors/pending-job/due.ts';
import type { Decision, Effect, JobContext, PutAnswer, Standing } from '../../src/actors/pending-job/effects.ts';
import { adopt, emptyState, type JobState } from '../../src/actors/pending-job/state.ts';
import type { EngineAnswer, ThrowError } from '../../src/actors/ports.ts';
import { type Snapshot, whereOf } from '../../src/actors/snapshot.ts';
import { SnapshotUnreadable } from '../../src/actors/snapshot-codec.ts';
import { breach } from '../sim/snapshot-law.ts';

export const JOB = '2251799813685249' as JobKey;
export const SETTINGS: CallSettings = {
  ...PLAIN_CONTRACT,
  replyTimeoutMs: 60_000,
  onReplyTimeout: 'fail',
  retryBackoffMs: 5_000,
  lateWindowMs: 600_000,
  incidentWindowMs: 604_800_000,
};
export const LOCK_MS = 20_000;

/** A reply that says nothing but its body. */
export const RESULT: ReplyAsSent = {
  kind: 'reply',
  status: 'result',
  body: '{}',
  code: '',
  message: '',
  retries: undefined,
  backoffMs: undefined,
  headers: [],
};

/** What a reply means by its status alone: how settings and expressions bear on that is the gateway's. */
export function plainMeaning(
  _: CallSettings,
  { status, body, code, message, retries, backoffMs }: ReplyAsSent,
): Verdict {
  if (status === 'heartbeat') return { kind: 'heartbeat', progress: body };
  if (status === 'error') return { kind: 'error', code, message, variables: body };
  if (status === 'failure') return { kind: 'failure', message, retries, backoffMs, variables: body };
  const object = body.startsWith('{');
  return object ? { kind: 'result', variables: body } : { kind: 'malformed', reason: 'not-object', message: body };
}

type AnyReply =
  | (Partial<ReplyAsSent> & { readonly kind?: 'reply' })
  | (Partial<Extract<ReplyContent, { kind: 'malformed' }>> & { readonly kind: 'malformed' });

/** What becomes of the next engine call: `lostBefore` and `lostAfter` are answers never seen. */
export type EngineFate = 'answers' | 'lostBefore' | 'lostAfter' | 'later' | 'never';

const ok: EngineAnswer = { code: 'ok', unseen: false, message: '' };
const answer = (code: EngineAnswer['code'], unseen = false): EngineAnswer => ({ code, unseen, message: code });

/** The engine's side of the one job. */
export class ModelEngine {
  state: 'activatable' | 'active' | 'backoff' | 'incident' | 'completed' | 'cancelled' = 'activatable';
  retries = 3;
  lockMs = 0;
  backoffUntilMs = 0;
  completedWith: string | undefined;
  /** How often a FailJob lowered the retries, but for incidents. */
  retriesBurnt = 0;
  readonly calls: string[] = [];
  readonly thrown: ThrowError[] = [];

  get gone(): boolean {
    return this.state === 'completed' || this.state === 'cancelled';
  }

  tick(nowMs: number): void {
    if (this.state === 'active' && nowMs >= this.lockMs) this.state = 'activatable';
    if (this.state === 'backoff' && nowMs >= this.backoffUntilMs) this.state = 'activatable';
  }

  execute(effect: Effect, nowMs: number): EngineAnswer {
    if (effect.do === 'publishMessage') return ok;
    if (this.gone) return answer('notFound');
    const failed = this.state === 'backoff' || this.state === 'incident';
    switch (effect.do) {
      case 'complete':
        if (failed) return answer('failedPrecondition');
        this.state = 'completed';
        this.completedWith = effect.variables;
        return ok;
      case 'fail':
        if (failed) return answer('failedPrecondition');
        if (effect.fail.retries > 0 && effect.fail.retries < this.retries) this.retriesBurnt += 1;
        this.retries = effect.fail.retries;
        this.backoffUntilMs = nowMs + effect.fail.backoffMs;
        this.state = effect.fail.retries > 0 ? 'backoff' : 'incident';
        return ok;
      case 'throwError':
        if (failed) return answer('failedPrecondition');
        this.state = 'incident'; // nobody catches it in this model
        this.thrown.push(effect.error);
        return ok;
      case 'updateTimeout':
        if (this.state !== 'active') return answer('failedPrecondition');
        this.lockMs = nowMs + effect.timeoutMs;
        return ok;
      default:
        return answer('never');
    }
  }
}

interface Told {
  readonly command: Command;
  readonly done: (answer: CommandAnswer) => void;
}

/** One incarnation's view of the job. */
export class Owner {
  readonly world: World;
  readonly incarnation: Incarnation;
  readonly context: JobContext;
  state: JobState = emptyState(JOB);
  readonly mailbox: Told[] = [];
  readonly publisher = new Set<number>();
  readonly settled: { attempt: number; outcome: RequestOutcome }[] = [];
  readonly effects: Effect[] = [];
  dead = false;
  room = true;
  engineHealthy = true;
  #run: { readonly told: Told; readonly decision: Decision<CommandAnswer>; effect: Effect } | undefined;

  constructor(world: World, incarnation: string) {
    this.world = world;
    this.incarnation = incarnation as Incarnation;
    this.context = {
      clock: {
        wallMs: () => world.nowMs,
        monotonicMs: () => world.nowMs,
        setTimer: () => {
          throw new Error('a decision sets no timers');
        },
      },
      random: { float: () => 0.5, bytes: (count) => new Uint8Array(count) },
      node: incarnation as NodeName,
      incarnation: this.incarnation,
      correlationId: (_, attempt) => `id-${attempt}` as CorrelationId,
      interpret: plainMeaning,
      engineHealthy: () => this.engineHealthy,
      probeEveryMs: () => LIMITS.probeEveryMs,
      admits: () => this.room,
      replyProgressMs: () => world.replyProgressMs,
    };
  }

  get idle(): boolean {
    return this.#run === undefined && this.mailbox.length === 0;
  }

  /** The effect that is about to be performed. */
  get pending(): Effect | undefined {
    return this.#run?.effect;
  }

  tell(command: Command, done: (answer: CommandAnswer) => void = () => {}): void {
    if (!this.dead) this.mailbox.push({ command, done });
  }

  /** Performs the effect that is pending, and runs up to the next one; or takes the next command. */
  step(): void {
    if (this.dead) return;
    const run = this.#run;
    if (run !== undefined) {
      return this.#advance(run.told, run.decision, () => {
        let fed: unknown;
        try {
          fed = this.world.perform(this, run.effect);
        } catch (error) {
          return run.decision.throw(error);
        }
        return run.decision.next(fed);
      });
    }
    const told = this.mailbox.shift();
    if (told === undefined) return;
    const decision = decide(this.state, this.context, told.command);
    this.#advance(told, decision, () => decision.next());
  }

  /** Runs until nothing is left to do. */
  drain(): void {
    for (let steps = 0; !this.idle && !this.dead; steps++) {
      if (steps > 1000) throw new Error(`${this.incarnation} does not come to rest: ${JSON.stringify(this.pending)}`);
      this.step();
    }
  }

  /** `landed`: what it was doing has its effect all the same. */
  die(landed = false): void {
    if (landed && this.#run !== undefined) this.world.perform(this, this.#run.effect);
    this.abandon();
    this.dead = true;
  }

  /** The shard is not here any more; only the publisher goes on. */
  abandon(): void {
    this.#run = undefined;
    this.mailbox.length = 0;
    this.state = emptyState(JOB);
  }

  #advance(told: Told, decision: Decision<CommandAnswer>, next: () => IteratorResult<Effect, CommandAnswer>): void {
    const step = next();
    if (!step.done) {
      this.effects.push(step.value);
      this.#run = { told, decision, effect: step.value };
      return;
    }
    this.#run = undefined;
    this.world.judgeRest(this);
    told.done(step.value);
    this.#forget();
  }

  /** As the shard does: what ended takes its request back and, with nothing unseen, leaves memory. */
  #forget(): void {
    const { snapshot, completeUnseen, otherUnseen } = this.state;
    if (snapshot?.kind === 'ended') this.publisher.delete(snapshot.attempt);
    if (this.mailbox.length > 0) return;
    if (snapshot === undefined || (snapshot.kind === 'ended' && !completeUnseen && !otherUnseen))
      this.state = emptyState(JOB);
  }
}

export class World {
  nowMs = 1_000_000;
  replyProgressMs = 0;
  standing: Standing | undefined;
  readonly history: { snapshot: Snapshot; revision: Revision; ttlMs: number | undefined }[] = [];
  /** With which revisions a step of the timeline stood that named none. */
  readonly #steps = new Map<string, Set<number>>();
  readonly engine = new ModelEngine();
  /** The fates of the coming engine calls; then all are answered. */
  readonly fates: EngineFate[] = [];
  /** Requests that Kafka has, by attempt. */
  readonly published: number[] = [];
  /** (incarnation, attempt) whose request Kafka acknowledged to that incarnation. */
  readonly acked = new Set<string>();
  /** Attempts that a malformed reply was told of. */
  readonly malformed = new Set<number>();
  readonly breaches: string[] = [];
  readonly owners: Owner[] = [];
  /** Snapshots of more than so many characters of request, reply and error variables are refused for good. */
  mostChars = Number.POSITIVE_INFINITY;
  settings = SETTINGS;
  businessKey = '';
  /** For how long the engine locks the job when it hands it out. */
  firstLockMs = LOCK_MS;
  /** The business key that another job has. */
  taken = '';
  readonly cancelRecords: CancelRecord[] = [];
  /** What stands cannot be read: a newer version, or damaged. */
  unreadable = false;
  #revision = 0;
  #claimedAt = 0 as Revision;

  constructor() {
    this.takeOver();
  }

  /** Who has the claim. */
  get owner(): Owner {
    return this.owners.at(-1)!;
  }

  get outcome(): string | undefined {
    return this.standing?.snapshot.outcome;
  }

  /** A new incarnation has the claim, and has loaded what stands. The one before goes on until it is told to die. */
  takeOver(): Owner {
    const owner = new Owner(this, `node-${this.owners.length + 1}`);
    this.owners.push(owner);
    this.#claimedAt = ++this.#revision as Revision;
    this.#load(owner);
    return owner;
  }

  /** The claim comes back to an incarnation that had it before, with an empty memory. */
  giveBackTo(owner: Owner): void {
    this.owners.splice(this.owners.indexOf(owner), 1);
    this.owners.push(owner);
    owner.abandon();
    this.#claimedAt = ++this.#revision as Revision;
    this.#load(owner);
  }

  #load(owner: Owner): void {
    if (this.standing === undefined || this.standing.snapshot.kind === 'ended') return;
    adopt(owner.state, this.standing.snapshot, this.standing.revision);
    owner.tell({ type: 'rehydrated', covered: this.#covered(this.standing.snapshot) });
  }

  /** The watch shows the owner what stands; as the shard does, it is news only above what memory knows. */
  deliver(): void {
    const { owner, standing } = this;
    if (standing === undefined || standing.revision <= owner.state.revision) return;
    const putInFlight = owner.pending?.do === 'put' && standing.snapshot.incarnation === owner.incarnation;
    if (putInFlight) return;
    if (owner.idle && owner.state.snapshot === undefined) this.#load(owner);
    else owner.tell({ type: 'reloaded', standing });
  }

  #covered(snapshot: Snapshot): boolean {
    return this.acked.has(`${snapshot.incarnation}/${snapshot.attempt}`);
  }

  activation(lockDeadlineMs = this.engine.lockMs): Activation {
    return {
      jobKey: JOB,
      lane: 'lane' as Lane,
      maxPending: 10,
      retries: this.engine.retries,
      lockDeadlineMs,
      lockMs: this.firstLockMs,
      origin: {
        jobType: 'charge',
        processId: 'order',
        processVersion: 1,
        elementId: 'task',
        instanceKey: '1',
        elementInstanceKey: '2',
        tenantId: '<default>',
      },
      request: { topic: 'charges', key: '', body: '{"a":1}', schema: undefined, headers: [] },
      businessKey: this.businessKey,
      settings: this.settings,
      trace: '',
      fault: undefined,
      faultPasses: false,
    };
  }

  /** The engine hands the job out; undefined when it does not. */
  activate(): Activation | undefined {
    this.engine.tick(this.nowMs);
    if (this.engine.state !== 'activatable') return undefined;
    this.engine.state = 'active';
    this.engine.lockMs = this.nowMs + this.firstLockMs;
    return this.activation();
  }

  /** Tells the present owner and runs it to rest; answers what it said. */
  ask(command: Command): CommandAnswer {
    let said: CommandAnswer | undefined;
    this.owner.tell(command, (answer) => {
      said = answer;
    });
    this.owner.drain();
    if (said === undefined) throw new Error('no answer');
    return said;
  }

  pass(ms: number): void {
    this.nowMs += ms;
    this.engine.tick(this.nowMs);
  }

  /** Kafka takes a request of this owner; the outcome is told to its job. */
  kafkaTakes(owner: Owner, attempt: number, outcome: RequestOutcome = { kind: 'acked' }): void {
    if (!owner.publisher.delete(attempt)) return;
    if (outcome.kind === 'acked') {
      this.published.push(attempt);
      this.acked.add(`${owner.incarnation}/${attempt}`);
    }
    owner.tell({ type: 'requestSettled', attempt, outcome });
  }

  perform(owner: Owner, effect: Effect): unknown {
    switch (effect.do) {
      case 'put':
        return this.#put(effect);
      case 'read':
        return this.#read();
      case 'confirmOwner':
        return owner === this.owner && this.#claimedAt < effect.since;
      case 'wasSent':
        return this.acked.has(`${effect.writer}/${effect.attempt}`);
      case 'publish':
        return void owner.publisher.add(effect.request.attempt);
      case 'claimAlias':
        return effect.key === this.taken ? 'taken' : 'ours';
      case 'cancelRecord':
        return void this.cancelRecords.push(effect.record);
      case 'withdraw':
        return owner.publisher.delete(effect.attempt) ? 'withdrawn' : 'unknown';
      default:
        return this.#call(effect);
    }
  }

  #read(): Standing | undefined {
    if (this.unreadable) throw new SnapshotUnreadable(2);
    return this.standing;
  }

  #call(effect: Effect): EngineAnswer {
    this.engine.tick(this.nowMs);
    const acts = effect.do === 'fail' || effect.do === 'throwError';
    if (acts && this.history.every(({ snapshot }) => snapshot.failing === undefined))
      this.breaches.push(`${effect.do} without a stored cause`);
    const fate = this.fates.shift() ?? 'answers';
    this.engine.calls.push(effect.do);
    if (fate === 'later') return answer('transient');
    if (fate === 'lostBefore') return answer('transient', true);
    if (fate === 'never') return answer('never');
    const said = this.engine.execute(effect, this.nowMs);
    return fate === 'lostAfter' ? answer('transient', true) : said;
  }

  #put({ snapshot, expected, ttlMs }: Extract<Effect, { do: 'put' }>): PutAnswer {
    if (expected !== (this.standing?.revision ?? 0)) return { kind: 'conflict', standing: this.#read() };
    const { request, reply, failing } = snapshot;
    const chars = [request?.body, reply?.body, failing?.variables].reduce((sum, text) => sum + (text?.length ?? 0), 0);
    if (chars > this.mostChars) return { kind: 'never', reason: 'too large' };
    this.store(snapshot, ttlMs);
    return { kind: 'stored', revision: this.standing!.revision };
  }

  /** A write lands, whoever's it is. */
  store(snapshot: Snapshot, ttlMs?: number): void {
    const wrong = breach(this.standing?.snapshot, snapshot);
    if (wrong !== undefined) this.breaches.push(`${snapshot.incarnation} stored: ${wrong}`);
    if (snapshot.timeline.length > 16) this.breaches.push(`a timeline of ${snapshot.timeline.length}`);
    if (snapshot.kind === 'ended' && ttlMs === undefined) this.breaches.push('a tombstone that never expires');
    if (snapshot.kind !== 'ended' && ttlMs !== undefined) this.breaches.push(`${snapshot.kind} that expires`);
    const { failing } = snapshot;
    if (failing?.cause.startsWith('Malformed') && !this.malformed.has(snapshot.attempt))
      this.breaches.push(`attempt ${snapshot.attempt} fails for a reply to another`);
    if (snapshot.outcome === 'cancelled' && this.engine.state !== 'cancelled')
      this.breaches.push(`cancelled, and the engine says ${this.engine.state}`);
    this.standing = { snapshot, revision: ++this.#revision as Revision };
    this.history.push({ ...this.standing, ttlMs });
    this.#noteSteps(this.standing);
  }

  /** A step of a timeline names the revision that it was written with, or none. */
  #noteSteps({ snapshot, revision }: Standing): void {
    for (const entry of snapshot.timeline) {
      const where = whereOf(entry);
      const step = `${entry.atMs} ${entry.what} ${where.node}`;
      const writtenWith = this.#steps.get(step) ?? new Set();
      if (where.revision === undefined) this.#steps.set(step, writtenWith.add(revision));
      else if (!writtenWith.has(where.revision)) this.breaches.push(`${step}: not of revision ${where.revision}`);
    }
  }

  expire(): void {
    this.standing = undefined;
  }

  /** Between two commands: what is live knows when it looks again. */
  judgeRest(owner: Owner): void {
    const { snapshot } = owner.state;
    if (snapshot !== undefined && nextDueMs(owner.state) === undefined)
      this.breaches.push(`${owner.incarnation} never looks at its ${snapshot.kind} job again`);
    if (owner !== this.owner || snapshot?.kind !== 'held') return;
    const { attempt, sentAttempt } = snapshot;
    const settling = owner.mailbox.some(({ command }) => command.type === 'requestSettled');
    if (sentAttempt < attempt && owner.state.ackedAttempt < attempt && !settling && !owner.publisher.has(attempt))
      this.breaches.push(`${owner.incarnation} holds attempt ${attempt}, and nobody sends its request`);
  }

  reply(offset: number, content: AnyReply = {}, attempt = 1): Reply {
    const whole: ReplyContent =
      content.kind === 'malformed'
        ? { reason: 'not-json', message: 'no JSON', ...content }
        : { ...RESULT, body: `{"reply":${offset}}`, ...content };
    if (content.kind === 'malformed') this.malformed.add(attempt);
    return { jobKey: JOB, attempt, position: { partition: 0, offset: String(offset) }, content: whole };
  }
}
