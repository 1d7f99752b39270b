// Pending jobs and tombstones as a bridge node that held them would have left them: made by the product's own decisions and
// codec, so that what is seeded cannot differ from what is written. Of the tombstones only the keys differ; a held job has its
// own correlation id, for that is what varies most.
//
// Keys follow a rule, so that the engine double knows them without a table: of `tombstones` + 1 keys in a row the last is pending.
import { makeCorrelationId, type Secret } from '../../src/actors/correlation-id.ts';
import { ABSENT, type Incarnation, type JobKey, type NodeName, type Revision, shardOf } from '../../src/actors/ids.ts';
import type { Activation } from '../../src/actors/messages.ts';
import { type Command, decide } from '../../src/actors/pending-job/decide.ts';
import type { Effect, JobContext } from '../../src/actors/pending-job/effects.ts';
import { emptyState, type JobState } from '../../src/actors/pending-job/state.ts';
import type { Clock, Random } from '../../src/actors/ports.ts';
import { encodeSnapshot } from '../../src/actors/snapshot-codec.ts';
import { jobKeyName } from '../../src/cluster/names.ts';
import type { Route } from '../../src/gateway/config/config.ts';
import { activationOf } from '../../src/gateway/intake/routes.ts';
import { FIRST_KEY, type SeededKeys } from '../alone/job-table.ts';

export interface SeedPlan {
  readonly cluster: string;
  readonly shards: number;
  readonly pending: number;
  /** Per pending job. */
  readonly tombstones: number;
  /** Of all these jobs. */
  readonly route: Route;
  /** Of each job, JSON text. */
  readonly variables: string;
  /** Who held them. */
  readonly node: NodeName;
  readonly incarnation: Incarnation;
  readonly secret: Secret;
  readonly clock: Clock;
  readonly random: Random;
}

export interface Seed {
  /** In the bucket. */
  readonly key: string;
  readonly value: Uint8Array;
  /** Of a tombstone. */
  readonly ttlMs: number | undefined;
}

type Put = Extract<Effect, { do: 'put' }>;

const LOCK_MS = 20_000;
const SIZES = { maxRecordBytes: 1_048_588, maxPayloadBytes: 8 << 20 };
const OK = { code: 'ok', unseen: false, message: '' } as const;

/** How many records there are. */
export function seedCount({ pending, tombstones }: Pick<SeedPlan, 'pending' | 'tombstones'>): number {
  return pending * (tombstones + 1);
}

/** The pending jobs' keys, as the engine double is told. */
export function seededKeys({ pending, tombstones }: Pick<SeedPlan, 'pending' | 'tombstones'>): SeededKeys {
  return { first: FIRST_KEY + tombstones, step: tombstones + 1, count: pending };
}

/** The last pending job's. */
export function lastKeyOf(plan: Pick<SeedPlan, 'pending' | 'tombstones'>): JobKey {
  return keyAt(seedCount(plan) - 1);
}

export class Seeds {
  readonly #plan: SeedPlan;
  readonly #context: JobContext;
  readonly #tombstone: Put;

  constructor(plan: SeedPlan) {
    this.#plan = plan;
    this.#context = contextOf(plan);
    this.#tombstone = this.#ended(keyAt(0));
  }

  /** @param index below `seedCount` */
  at(index: number): Seed {
    const { tombstones, shards } = this.#plan;
    const jobKey = keyAt(index);
    const isPending = index % (tombstones + 1) === tombstones;
    const { snapshot, ttlMs } = isPending ? this.#held(jobKey) : this.#tombstone;
    const origin = { ...snapshot.origin, ...instanceOf(jobKey) };
    const key = jobKeyName(shardOf(jobKey, shards), jobKey);
    return { key, value: encodeSnapshot({ ...snapshot, origin }), ttlMs };
  }

  #held(jobKey: JobKey): Put {
    return this.#run(emptyState(jobKey), this.#activated(jobKey))[0]!;
  }

  /** Held, sent, answered and completed. */
  #ended(jobKey: JobKey): Put {
    const state = emptyState(jobKey);
    this.#run(state, this.#activated(jobKey));
    this.#run(state, { type: 'requestSettled', attempt: 1, outcome: { kind: 'acked' } });
    const content = { kind: 'reply', status: 'result', body: '{"answer":{"charged":12.5}}', code: '' } as const;
    const more = { message: '', retries: undefined, backoffMs: undefined, headers: [] };
    const position = { partition: 3, offset: '4711' };
    const reply = { jobKey, attempt: 1, position, content: { ...content, ...more } };
    const put = this.#run(state, { type: 'replied', reply }).at(-1);
    if (put?.snapshot.kind !== 'ended') throw new Error('the product no longer ends a completed job with a tombstone');
    return put;
  }

  #activated(jobKey: JobKey): Command {
    return { type: 'activated', activation: this.#activation(jobKey) };
  }

  #activation(jobKey: JobKey): Activation {
    const { route, variables, clock } = this.#plan;
    const job = {
      key: jobKey,
      type: route.jobType,
      bpmnProcessId: 'order-process',
      processDefinitionVersion: 3,
      processDefinitionKey: '2251799813685249',
      elementId: 'Activity_charge',
      ...{ processInstanceKey: jobKey, elementInstanceKey: jobKey },
      customHeaders: '{}',
      worker: 'seeder',
      retries: 3,
      deadlineMs: clock.wallMs() + LOCK_MS,
      variables,
      tenantId: '<default>',
    };
    return activationOf(route, job, SIZES);
  }

  /** The writes of one command, each of which is stored. */
  #run(state: JobState, command: Command): Put[] {
    const puts: Put[] = [];
    const decision = decide(state, this.#context, command);
    for (let step = decision.next(); !step.done; ) {
      const effect = step.value;
      if (effect.do === 'put') puts.push(effect);
      step = decision.next(answerTo(effect));
    }
    return puts;
  }
}

function keyAt(index: number): JobKey {
  return String(FIRST_KEY + index) as JobKey;
}

/** Keys near the job's own, as an engine gives them. */
function instanceOf(jobKey: JobKey) {
  return { instanceKey: String(Number(jobKey) - 12), elementInstanceKey: String(Number(jobKey) - 1) };
}

function answerTo(effect: Effect): unknown {
  if (effect.do === 'put') return { kind: 'stored', revision: (effect.expected === ABSENT ? 1 : 2) as Revision };
  return effect.do === 'complete' ? OK : undefined;
}

function contextOf({ clock, random, node, incarnation, secret, cluster }: SeedPlan): JobContext {
  return {
    ...{ clock, random, node, incarnation },
    correlationId: (jobKey, attempt) => makeCorrelationId(secret, cluster, jobKey, attempt),
    interpret: (_, reply) => ({ kind: 'result', variables: reply.body }),
    engineHealthy: () => true,
    probeEveryMs: () => 60_000,
    admits: () => true,
    replyProgressMs: () => 0,
  };
}
