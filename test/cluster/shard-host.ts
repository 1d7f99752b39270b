// The jobs of one shard on one node, with bucket, engine and publisher in memory: each at once, unless a test says when.
import { expect } from 'vitest';
import { ActorSystem } from '../../src/actors/actor-system.ts';
import { EngineGate } from '../../src/actors/engine-gate.ts';
import type { CorrelationId, Incarnation, JobKey, NodeName, ShardId } from '../../src/actors/ids.ts';
import { LIMITS } from '../../src/actors/limits.ts';
import type { OutgoingRequest, RequestOutcome } from '../../src/actors/messages.ts';
import { ColdStore } from '../../src/actors/pending-job/cold-store.ts';
import type { JobContext } from '../../src/actors/pending-job/effects.ts';
import type { EngineAnswer, TraceSource } from '../../src/actors/ports.ts';
import type { Snapshot } from '../../src/actors/snapshot.ts';
import { decodeSnapshot, encodeSnapshot } from '../../src/actors/snapshot-codec.ts';
import { Aliases } from '../../src/cluster/aliases.ts';
import { EffectsGate } from '../../src/cluster/effects-gate.ts';
import { Lanes } from '../../src/cluster/lanes.ts';
import { Lease } from '../../src/cluster/lease.ts';
import type { Leg } from '../../src/cluster/legs.ts';
import { jobKeyName, sentKey } from '../../src/cluster/names.ts';
import { parseSent } from '../../src/cluster/sent-record.ts';
import { SentWatermark } from '../../src/cluster/sent-watermark.ts';
import { ShardJobs } from '../../src/cluster/shard-jobs.ts';
import { JOB, World as Job, LOCK_MS, plainMeaning } from '../actors/pending-job-world.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { FIXED, MemoryBus, MemoryKv, storeOver } from './memory.ts';

export const SHARD = 3 as ShardId;
export const KEY = jobKeyName(SHARD, JOB);
export const SELF = 'self-1' as Incarnation;
export const OK: EngineAnswer = { code: 'ok', unseen: false, message: '' };

type EngineCommand = 'complete' | 'fail' | 'throwError' | 'updateTimeout';

export class Host {
  readonly clock = new ManualClock();
  readonly kv = new MemoryKv();
  readonly lanes = new Lanes();
  readonly cold = new ColdStore();
  readonly requests = new Map<string, { request: OutgoingRequest; settled: (outcome: RequestOutcome) => void }>();
  readonly engineCalls: {
    readonly what: string;
    readonly deadlineMs: number;
    readonly of: TraceSource | undefined;
    readonly answer: (answer: EngineAnswer) => void;
  }[] = [];
  /** False: the test answers the engine's calls. */
  engineAnswers = true;
  /** Instead of both. */
  engine: ((what: EngineCommand, argument: unknown) => Promise<EngineAnswer>) | undefined;
  answer = OK;
  engineHealthy = true;
  probesPerSecond = 50;
  replyProgressMs = 0;
  /** Requests that nobody is to send (again). */
  readonly givenUp: string[] = [];
  readonly unreadable: string[] = [];
  readonly legs: [Leg, number][] = [];
  readonly context: JobContext;
  readonly jobs: ShardJobs;
  readonly watermark: SentWatermark;
  readonly lease: Lease;
  readonly gate: EffectsGate;
  readonly bus = new MemoryBus();

  constructor({ engineInFlight = 8, leaseMs = 1e9 } = {}) {
    const { clock, kv, lanes, requests } = this;
    const store = storeOver(kv, clock);
    const control = storeOver(kv, clock);
    const lease = new Lease(clock, leaseMs, 0);
    lease.renewed(lease.stamp());
    this.lease = lease;
    this.gate = new EffectsGate(clock, lease, this.bus, [store]);
    this.watermark = new SentWatermark({
      clock,
      control,
      jobs: store,
      incarnation: SELF,
      longestReplyTimeoutMs: 0,
      onFailed: () => {},
    });
    const call = (what: EngineCommand) => (_: JobKey, argument: unknown, deadlineMs: number, of?: TraceSource) =>
      this.engine?.(what, argument) ??
      new Promise<EngineAnswer>((answer) => {
        this.engineCalls.push({ what, deadlineMs, of, answer });
        if (this.engineAnswers) answer(this.answer);
      });
    this.context = {
      clock,
      random: FIXED,
      node: 'self' as NodeName,
      incarnation: SELF,
      correlationId: (_, attempt) => `id-${attempt}` as CorrelationId,
      interpret: plainMeaning,
      engineHealthy: () => this.engineHealthy,
      probeEveryMs: () => LIMITS.probeEveryMs,
      admits: () => true,
      replyProgressMs: () => this.replyProgressMs,
    };
    this.jobs = new ShardJobs(clock, new ActorSystem(clock), {
      context: this.context,
      jobs: store,
      engine: new EngineGate({
        engine: {
          complete: call('complete'),
          fail: call('fail'),
          throwError: call('throwError'),
          updateTimeout: call('updateTimeout'),
          publishMessage: async () => OK,
        },
        inFlight: engineInFlight,
        awayAfter: 3,
        onBack: () => {},
      }),
      pace: {
        did: () => {},
        perSecond: () => this.probesPerSecond,
        secondsFor: (probes) => probes / this.probesPerSecond,
      },
      requests: {
        publish: (request, settled) => void requests.set(`${request.jobKey}/${request.attempt}`, { request, settled }),
        withdraw: (jobKey, attempt) => (requests.delete(`${jobKey}/${attempt}`) ? 'withdrawn' : 'unknown'),
        giveUp: (jobKey, attempt) => void this.givenUp.push(`${jobKey}/${attempt}`),
        cancel: () => {},
        discardAll: () => requests.clear(),
      },
      gate: this.gate,
      watermark: this.watermark,
      lanes,
      aliases: new Aliases({ store, clock, incarnation: 'i1' as Incarnation, shards: 1 }),
      cold: this.cold,
      snapshotVersion: () => 1,
      confirmOwner: async () => true,
      requestSettled: (job, attempt, outcome) =>
        this.jobs.requestSettled(job, { type: 'requestSettled', attempt, outcome }),
      onStored: () => {},
      onLeg: (leg, ms) => void this.legs.push([leg, ms]),
      onConflict: () => {},
      onUnreadable: (job) => void this.unreadable.push(job.jobKey),
    });
    this.jobs.open(SHARD);
  }

  activate() {
    return this.jobs.activated(SHARD, new Job().activation(this.clock.wallMs() + LOCK_MS));
  }

  result(offset: number) {
    return this.jobs.replied(SHARD, new Job().reply(offset, {}));
  }

  async held(): Promise<void> {
    const said = this.activate();
    await this.clock.advance(0);
    expect(await said).toBe('held');
  }

  kafkaAcks(): void {
    for (const [name, { settled }] of this.requests) {
      this.requests.delete(name);
      settled({ kind: 'acked' });
    }
  }

  get standing(): Snapshot {
    return decodeSnapshot(this.kv.entries.get(KEY)!.value);
  }

  /** What this incarnation's record says of its requests. */
  get sent() {
    return parseSent(this.kv.entries.get(sentKey(SELF)));
  }

  async told<A>(answer: Promise<A>): Promise<A> {
    await this.clock.advance(0);
    return answer;
  }

  /** Another incarnation writes, as it would after having read what stands. */
  foreign(changes: Partial<Snapshot>, from = this.standing): void {
    const snapshot = { ...from, incarnation: 'other-1' as Incarnation, ...changes };
    this.kv.write(KEY, encodeSnapshot(snapshot, 1));
  }

  deliver(): boolean {
    return this.jobs.delivered(SHARD, JOB, this.kv.entries.get(KEY)!);
  }
}
