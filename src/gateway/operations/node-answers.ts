// What this node says of itself when one of the cluster's nodes, or it itself, puts an answer for people together.
import type { JobKey, Lane } from '../../actors/ids.ts';
import { shardOf } from '../../actors/ids.ts';
import { nextDueMs } from '../../actors/pending-job/due.ts';
import type { Clock } from '../../actors/ports.ts';
import { ATTACHED, SENT } from '../../actors/snapshot.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import type { NodeLife } from '../../cluster/node-life.ts';
import type { Flow } from './flow.ts';
import type { RedriveView } from './model/dead-letters.ts';
import type { Answers, JobAnswer, JobsAnswer, LaneAnswer, NodeAnswer, Question } from './node-questions.ts';
import type { RedriveRuns } from './redrive-runs.ts';
import { summaryOf } from './views.ts';

export interface NodeAnswersOptions {
  readonly clock: Clock;
  readonly cluster: Pick<Cluster, 'life' | 'drained' | 'drain' | 'resume' | 'movements'>;
  readonly node: string;
  readonly shards: number;
  readonly flow: Flow;
  readonly version: string;
  readonly startedAtMs: number;
  waitingFor(): string[];
  correlationId(jobKey: JobKey, attempt: number): string;
  /** undefined: there is nothing here yet that could run. */
  redrives(): Pick<RedriveRuns, 'view' | 'stop'> | undefined;
}

/** Every limit of a message is far above what this many lanes need. */
const MOST_LANES = 1_000;

export class NodeAnswers {
  readonly #options: NodeAnswersOptions;

  constructor(options: NodeAnswersOptions) {
    this.#options = options;
  }

  /** undefined: not known here, or not in time. */
  async answer(asked: unknown, withinMs: number, mostBytes: number): Promise<Answers[Question['ask']] | undefined> {
    const { life } = this.#options.cluster;
    if (life === undefined || typeof asked !== 'object' || asked === null) return undefined;
    const question = asked as Question; // from a node of this cluster, as commands are
    switch (question.ask) {
      case 'node':
        return this.#node(life);
      case 'flow':
        return this.#options.flow.counts(question.endSecond, question.seconds);
      case 'lanes':
        return this.#lanes(life);
      case 'jobs':
        return this.#jobs(life, question, withinMs, mostBytes);
      case 'job':
        return this.#job(life, question.jobKey as JobKey);
      case 'drained':
        return this.#setDrained(question.drained);
      case 'redrive':
        return { view: withinBytes(this.#options.redrives()?.view(question.id), mostBytes) };
      case 'redriveStopped': {
        const view = await this.#options.redrives()?.stop(question.id, question.by, withinMs);
        return { view: withinBytes(view, mostBytes) };
      }
      default:
        return undefined;
    }
  }

  #node(life: NodeLife): NodeAnswer {
    const { cluster, shards, version, startedAtMs, waitingFor } = this.#options;
    const states = Array.from({ length: shards }, (_, shard) => [shard, life.shards.stateOf(shard as never)] as const);
    return {
      state: cluster.drained ? 'draining' : life.membership.state,
      version,
      startedAtMs,
      leaseRemainingMs: life.lease.remainingMs(),
      pending: life.lanes.total,
      clockSkewMs: life.skew.ms ?? null,
      waitingFor: waitingFor(),
      shards: states.filter(([, state]) => state !== 'released'),
      movements: cluster.movements.latest.map(({ from, ...movement }) => ({ ...movement, from: from ?? null })),
    };
  }

  #setDrained(wanted: boolean): Answers['drained'] {
    const { cluster } = this.#options;
    const changed = cluster.drained !== wanted;
    if (wanted) cluster.drain();
    else cluster.resume();
    return { changed };
  }

  async #lanes(life: NodeLife): Promise<LaneAnswer[]> {
    const oldest = new Map((await life.oldest.fresh()).map((one) => [one.lane as string, one]));
    const rates = this.#options.flow.rates();
    const pending = new Map<string, number>(life.lanes.pending());
    const lanes = new Set<string>([...pending.keys(), ...rates.keys(), ...life.watermark.lanes()]);
    const answers = [...lanes].map((name): LaneAnswer => {
      const lane = name as Lane;
      const { heldAtMs = null, jobKey, shard } = oldest.get(name) ?? {};
      const job = jobKey === undefined || shard === undefined ? undefined : life.jobs.find(shard, jobKey);
      const { heldPerSecond = 0, endedPerSecond = 0 } = rates.get(name) ?? {};
      return {
        lane: name,
        pending: pending.get(name) ?? 0,
        oldestHeldAtMs: heldAtMs,
        oldestJobKey: jobKey ?? null,
        jobType: job?.peek().snapshot?.origin.jobType ?? null,
        heldPerSecond,
        endedPerSecond,
        room: life.room.of(lane) ?? null,
        unsent: life.watermark.unacked(lane),
      };
    });
    const says = ({ pending, heldPerSecond, endedPerSecond, unsent, room }: LaneAnswer) =>
      pending > 0 || heldPerSecond > 0 || endedPerSecond > 0 || unsent > 0 || room !== null;
    return answers.filter(says).slice(0, MOST_LANES);
  }

  async #jobs(
    life: NodeLife,
    { filter, limit, after }: Extract<Question, { ask: 'jobs' }>,
    withinMs: number,
    mostBytes: number,
  ): Promise<JobsAnswer | undefined> {
    const { node, shards, correlationId } = this.#options;
    const listing = await life.inventory.page(filter, limit, after ?? undefined, withinMs);
    if (listing === undefined) return undefined;
    const jobs = listing.jobs.map(({ jobKey, shard, snapshot, sent }) => {
      const id = snapshot.alias || correlationId(jobKey, snapshot.attempt);
      return summaryOf(snapshot, { jobKey, shard, correlationId: id, node, sent });
    });
    let bytes = 0;
    const tooMany = jobs.findIndex((job) => {
      bytes += Buffer.byteLength(JSON.stringify(job));
      return bytes > mostBytes;
    });
    const loading = Array.from({ length: shards }, (_, shard) => life.shards.stateOf(shard as never));
    return {
      jobs: tooMany < 0 ? jobs : jobs.slice(0, Math.max(1, tooMany)),
      more: listing.more || tooMany >= 0,
      loading: loading.some((state) => state === 'acquiring' || state === 'rehydrating'),
    };
  }

  #job(life: NodeLife, jobKey: JobKey): JobAnswer | null {
    const { shards, node } = this.#options;
    const job = life.jobs.find(shardOf(jobKey, shards), jobKey);
    if (job === undefined) return null;
    const state = job.peek();
    const { snapshot, ackedAtMs, attachedAtMs } = state;
    const steps = [
      { atMs: ackedAtMs, what: SENT, node },
      { atMs: attachedAtMs, what: ATTACHED, node },
    ];
    return {
      revision: state.revision,
      sent: snapshot !== undefined && state.ackedAttempt === snapshot.attempt,
      lockDeadlineMs: state.lockDeadlineMs,
      nextLookMs: nextDueMs(state) ?? 0,
      heartbeatDeadlineMs: state.heartbeatDeadlineMs,
      timeline: steps.filter(({ atMs }) => atMs > 0).sort((a, b) => a.atMs - b.atMs),
    };
  }
}

/** Without its samples where they are too large to be sent. */
function withinBytes(view: RedriveView | undefined, mostBytes: number): RedriveView | null {
  if (view === undefined) return null;
  return Buffer.byteLength(JSON.stringify(view)) <= mostBytes ? view : { ...view, sample: [] };
}
