// The pending job as an actor: it drives the pure decision (actors/pending-job) one command at a time, and performs its
// effects against the store, the engine and the request publisher of this incarnation. It has no closures of its own:
// there may be a million.
import type { Supervision } from '../actors/actor.ts';
import type { EngineGate } from '../actors/engine-gate.ts';
import type { Revision, ShardId } from '../actors/ids.ts';
import { LIMITS } from '../actors/limits.ts';
import { type Command, type CommandAnswer, decide } from '../actors/pending-job/decide.ts';
import type { Effect, JobContext, PutAnswer, Standing } from '../actors/pending-job/effects.ts';
import { isPending, restsUntilActivated } from '../actors/pending-job/state.ts';
import type { EngineAnswer, EngineCommands } from '../actors/ports.ts';
import type { ProbePace } from '../actors/probe-pace.ts';
import { type Snapshot, waitsMs } from '../actors/snapshot.ts';
import { decodeSnapshot, encodeSnapshot } from '../actors/snapshot-codec.ts';
import { IN_NO_WHEEL, type Timed } from '../actors/timer-wheel.ts';
import type { Aliases } from './aliases.ts';
import type { CallStep } from './call-steps.ts';
import { type EffectsGate, Lost } from './effects-gate.ts';
import { FollowedCommand } from './followed-command.ts';
import { type Keeping, KeptJob } from './kept-job.ts';
import { type Leg, Legs } from './legs.ts';
import { jobKeyName, sentKey } from './names.ts';
import type { KvEntry } from './ports.ts';
import type { Requests } from './requests-port.ts';
import { covers, parseSent } from './sent-record.ts';
import type { SentWatermark } from './sent-watermark.ts';
import type { Store } from './store.ts';

/** What all jobs of an incarnation share. */
export interface JobSurroundings extends Keeping {
  readonly context: JobContext;
  readonly jobs: Store;
  readonly engine: Pick<EngineGate, 'call'>;
  readonly pace: Pick<ProbePace, 'did' | 'perSecond' | 'secondsFor'>;
  readonly requests: Requests;
  readonly gate: EffectsGate;
  readonly watermark: SentWatermark;
  readonly aliases: Aliases;
  snapshotVersion(): number;
  /** Leader read of the shard's claim: does it name this incarnation, and is it older than `since`? */
  confirmOwner(shard: ShardId, since: Revision): Promise<boolean>;
  /** The outcome of a published request, on its way to the job's mailbox. */
  requestSettled(
    job: PendingJob,
    attempt: number,
    outcome: Extract<Command, { type: 'requestSettled' }>['outcome'],
  ): void;
  /** A transition was stored; for logs, metrics and tests. */
  onStored(job: PendingJob, snapshot: Snapshot): void;
  /** A part of a call took so long, ms; for metrics. */
  onLeg(leg: Leg, ms: number): void;
  /** undefined: nobody follows single calls. */
  readonly onStep?: ((step: CallStep) => void) | undefined;
  onConflict(job: PendingJob, snapshot: Snapshot): void;
  /** What stands under its key cannot be read; told each time that somebody tried. */
  onUnreadable(job: PendingJob, error: unknown): void;
}

/** What a call was decided by is not what stands, or is not known to stand any more. */
class Outdated extends Error {}

/** Decided again by what stands then; the engine has heard of nothing. */
const NOT_MADE: EngineAnswer = {
  code: 'transient',
  unseen: false,
  message: 'not sent: another owner may have written since',
};

export class PendingJob extends KeptJob<JobSurroundings> implements Timed<PendingJob> {
  tick = IN_NO_WHEEL;
  earlier: PendingJob | undefined;
  later: PendingJob | undefined;

  override async receive(command: Command): Promise<CommandAnswer> {
    const { context, onStep } = this.around;
    const { clock } = context;
    const followed = onStep && new FollowedCommand(command, clock, onStep);
    if (command.type === 'activated' && !isPending(this.state.snapshot))
      this.warmUp().legs = new Legs(clock.monotonicMs());
    if (command.type === 'replied') this.warm?.legs?.replied(clock.monotonicMs());
    const decision = decide(this.state, this.around.context, command);
    let step = decision.next();
    while (!step.done) {
      let answer: unknown;
      followed?.begins(step.value);
      try {
        answer = await this.#perform(step.value);
      } catch (error) {
        step = decision.throw(error);
        continue;
      }
      followed?.performed(step.value, answer, this.state);
      step = decision.next(answer);
    }
    this.count(restsUntilActivated(this.state) ? undefined : this.state.snapshot);
    this.#giveUpWhatIsNotOwed(this.state.snapshot);
    followed?.answered(step.value, this.state);
    return step.value;
  }

  /** Its snapshot is never ahead of the bucket, so after an error it goes on from where it stands; the asker asks again. */
  override onError(): Supervision {
    return 'Resume';
  }

  /**
   * Its shard is not here any more: whatever command is under way must start nothing further, and a request that still
   * waits, or whose present try fails, is its new owner's to send (the sent watermark goes on naming it as not sent).
   */
  abandon(): void {
    this.abandoned = true;
    if (this.commands > 0) void this.state; // what is under way goes on from what it was
    this.release();
    const requested = this.warm?.requested ?? 0;
    if (requested !== 0) this.around.requests.giveUp(this.jobKey, requested);
  }

  #perform(effect: Effect): Promise<unknown> | unknown {
    if (this.abandoned) throw new Lost('the shard of this job is not here any more');
    const { requests, jobs } = this.around;
    const { jobKey, snapshot } = this.state;
    switch (effect.do) {
      case 'put':
        return this.#put(effect);
      case 'read':
        return jobs.get(jobKeyName(this.shard, jobKey)).then((entry) => this.#standing(entry));
      case 'complete':
        return this.#call('complete', (engine, deadlineMs) =>
          engine.complete(jobKey, effect.variables, deadlineMs, snapshot),
        ).then((answer) => {
          if (answer.code === 'ok') this.#tellLegs();
          return answer;
        });
      case 'fail':
        return this.#call('fail', (engine, deadlineMs) => engine.fail(jobKey, effect.fail, deadlineMs, snapshot));
      case 'throwError':
        return this.#call('throwError', (engine, deadlineMs) =>
          engine.throwError(jobKey, effect.error, deadlineMs, snapshot),
        );
      case 'updateTimeout':
        return this.#call('updateTimeout', (engine, deadlineMs) =>
          engine.updateTimeout(jobKey, effect.timeoutMs, deadlineMs, snapshot),
        );
      case 'publishMessage':
        return this.#call('publishMessage', (engine, deadlineMs) => engine.publishMessage(effect.message, deadlineMs));
      case 'claimAlias':
        return this.around.aliases.claim(effect.key, jobKey, effect.ttlMs);
      case 'cancelRecord':
        return requests.cancel(effect.record);
      case 'confirmOwner':
        return this.around.confirmOwner(this.shard, effect.since);
      case 'wasSent':
        if (effect.writer === this.around.context.incarnation) {
          return covers(this.around.watermark.current(), effect.revision, jobKey, effect.attempt);
        }
        return jobs
          .get(sentKey(effect.writer))
          .then((record) => covers(parseSent(record), effect.revision, jobKey, effect.attempt));
      case 'publish': {
        const { attempt } = effect.request;
        const warm = this.warmUp();
        warm.requested = attempt;
        requests.publish(effect.request, (outcome) => {
          // Refused: it is named until that is stored, for a new owner would have to find out too.
          if (outcome.kind === 'acked') this.warm?.legs?.acked(this.around.context.clock.monotonicMs());
          if (outcome.kind === 'acked') this.around.watermark.settled(jobKey, attempt);
          if (outcome.kind === 'acked' && warm.requested === attempt) warm.requested = 0;
          this.around.requestSettled(this, attempt, outcome);
        });
        return undefined;
      }
      case 'withdraw':
        return requests.withdraw(jobKey, effect.attempt);
    }
  }

  #tellLegs(): void {
    const { context, onLeg } = this.around;
    const warm = this.warm;
    if (warm === undefined) return;
    warm.legs?.completed(context.clock.monotonicMs(), onLeg);
    warm.legs = undefined;
  }

  async #put(effect: Extract<Effect, { do: 'put' }>): Promise<PutAnswer> {
    const { jobs, watermark } = this.around;
    const { jobKey } = this.state;
    const { snapshot, expected, ttlMs } = effect;
    const owesRequest = snapshot.kind === 'held' && snapshot.sentAttempt !== snapshot.attempt;
    const bytes = encodeSnapshot(snapshot, this.around.snapshotVersion());
    if (owesRequest) watermark.issued(this.shard, jobKey, snapshot.attempt, snapshot.lane, waitsMs(snapshot));
    this.count(snapshot);
    const warm = this.warmUp();
    // By the engine's word its attempt is over, whatever becomes of this write: the request need not go while that is in doubt.
    if (snapshot.kind === 'ended' && warm.requested !== 0) this.around.requests.giveUp(jobKey, warm.requested);
    warm.inFlight = bytes;
    try {
      const answer = await jobs.put(
        jobKeyName(this.shard, jobKey),
        bytes,
        expected,
        ttlMs === undefined ? {} : { ttlMs },
      );
      if (answer.kind === 'stored') {
        if (snapshot.kind === 'failing') warm.intendedAfter = this.around.gate.interruptions;
        if (owesRequest) this.warm?.legs?.stored(this.around.context.clock.monotonicMs());
        if (owesRequest) watermark.stored(jobKey, snapshot.attempt, answer.revision);
        else watermark.settled(jobKey, snapshot.attempt);
        this.#giveUpWhatIsNotOwed(snapshot);
        this.around.onStored(this, snapshot);
        return answer;
      }
      const mayStand = answer.kind === 'never' && answer.mayStand === true;
      if (owesRequest) watermark.refused(jobKey, snapshot.attempt, mayStand);
      if (answer.kind === 'never') return answer;
      this.around.onConflict(this, snapshot);
      return { kind: 'conflict', standing: this.#standing(answer.standing) };
    } finally {
      warm.inFlight = undefined;
    }
  }

  /**
   * An engine call waits for its turn. Only then is it asked whether we may act, and whether what it was decided by still
   * stands, for by then it may be long ago; and it ends no later than the lease.
   */
  async #call(
    command: keyof EngineCommands,
    call: (engine: EngineCommands, deadlineMs: number) => Promise<EngineAnswer>,
  ): Promise<EngineAnswer> {
    try {
      return await this.around.engine.call(command, (engine) =>
        this.around.gate.emit((forMs) => {
          if (this.abandoned) throw new Lost('the shard of this job is not here any more');
          if (this.#isOutdated(command)) throw new Outdated();
          return call(engine, Math.min(LIMITS.engineCallMs, forMs));
        }),
      );
    } catch (error) {
      if (!(error instanceof Outdated)) throw error;
      this.state.adopted = true; // as what was found: an intention is written again before it is acted on
      return NOT_MADE;
    }
  }

  /**
   * An owner before us may act on under its lease, and write last. Of an end that others have written we hear by the watch; after
   * a break that may be behind, and only a write tells whether an intention still stands: FailJob would hit the next attempt.
   */
  #isOutdated(command: keyof EngineCommands): boolean {
    if (command !== 'complete' && command !== 'fail' && command !== 'throwError') return false;
    const { heardOf, intendedAfter } = this.warmUp();
    if (heardOf > this.state.revision) return true;
    return command !== 'complete' && intendedAfter !== this.around.gate.interruptions;
  }

  /** @throws SnapshotUnreadable, from which the decision goes on */
  #standing(entry: KvEntry | undefined): Standing | undefined {
    if (entry === undefined) return undefined;
    try {
      return { snapshot: decodeSnapshot(entry.value), revision: entry.revision };
    } catch (error) {
      this.around.onUnreadable(this, error);
      throw error;
    }
  }

  /**
   * Only an attempt that is held waits for a reply. Once another snapshot stands (replied, failing, ended, a later attempt)
   * its request need not be sent, nor sent again; and no new owner would send it, so the sent watermark need not name it. So
   * with a request that is known to be sent; a write of its hold that was under way at that moment has named it once more.
   */
  #giveUpWhatIsNotOwed(standing: Snapshot | undefined): void {
    const { requests, watermark } = this.around;
    const isOwed = standing?.kind === 'held' && this.state.ackedAttempt !== standing.attempt;
    const owed = isOwed ? standing.attempt : 0;
    const warm = this.warm;
    if (warm !== undefined && warm.requested !== 0 && warm.requested !== owed) {
      requests.giveUp(this.jobKey, warm.requested);
      watermark.settled(this.jobKey, warm.requested);
      warm.requested = 0;
    }
    if (standing !== undefined && standing.attempt !== owed) watermark.settled(this.jobKey, standing.attempt);
  }
}
