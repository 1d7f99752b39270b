// A made-up cluster for looking at the page without servers: nodes, shards that move, jobs, outcomes, letters, audit. It is data
// alone; what is given out is of the API's own shapes (fake-api.ts checks each answer against its schema).
import type { ActResult, JobActName } from '../../../../src/gateway/operations/model/acts.ts';
import type { AuditEntry } from '../../../../src/gateway/operations/model/audit.ts';
import type { ClusterView, Movement, NodeView, ShardView } from '../../../../src/gateway/operations/model/cluster.ts';
import type {
  DeadLetterView,
  RedriveBody,
  RedriveView,
} from '../../../../src/gateway/operations/model/dead-letters.ts';
import type { FlowView, RoutesView, RouteView } from '../../../../src/gateway/operations/model/flow.ts';
import type { JobSummary, JobView, OutcomeView } from '../../../../src/gateway/operations/model/jobs.ts';

export interface WorldOptions {
  readonly nodes?: number;
  readonly shards?: number;
  readonly jobs?: number;
  /** Text that would be markup if anybody took it for that. */
  readonly hostile?: boolean;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const LANES = ['charge-card', 'reserve-stock', 'shop.shipping.requests', 'notify-customer', 'old-scoring'] as const;
const ELEMENTS = ['ChargeCard', 'ReserveStock', 'BookCourier', 'SendMail', 'Score'] as const;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
export const HOSTILE = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>';

export class World {
  readonly startedMs = Date.now();
  readonly jobs: JobView[] = [];
  readonly outcomes: OutcomeView[] = [];
  readonly letters: DeadLetterView[] = [];
  readonly audit: AuditEntry[] = [];
  readonly redrives = new Map<string, Mutable<RedriveView>>();
  missing: string[] = [];
  readonly #nodes: Mutable<NodeView>[];
  readonly #shards: Mutable<ShardView>[];
  readonly #movements: Movement[] = [];
  #audits = 0;

  constructor({ nodes = 3, shards = 128, jobs = 137, hostile = false }: WorldOptions = {}) {
    this.#nodes = Array.from({ length: nodes }, (_, i) => this.#newNode(`n${i + 1}`));
    this.#shards = Array.from({ length: shards }, (_, shard) => {
      const { node, incarnation } = this.#nodes[mixed(shard) % Math.max(1, nodes)] ?? { node: null, incarnation: null };
      return { shard, node, incarnation, epoch: 4_000 + shard * 3, state: 'owned' as const, target: node };
    });
    for (let i = 0; i < jobs; i += 1) this.jobs.push(this.#newJob(i, hostile));
    for (let i = 0; i < Math.min(jobs, 230); i += 1) this.outcomes.push(this.#newOutcome(i));
    for (let i = 0; i < Math.min(jobs, 64); i += 1) this.letters.push(this.#newLetter(i, hostile));
    if (jobs > 0) this.#pastMovements();
  }

  get #alive(): readonly Mutable<NodeView>[] {
    return this.#nodes.filter(({ state }) => state === 'ready');
  }

  #newNode(node: string): Mutable<NodeView> {
    return {
      node,
      incarnation: `${node}-${mixed(node.length * 77 + node.charCodeAt(1))
        .toString(36)
        .slice(0, 6)}`,
      state: 'ready',
      version: '0.9.0',
      startedAtMs: this.startedMs - 3 * HOUR - (mixed(node.charCodeAt(1)) % HOUR),
      leaseRemainingMs: 4_200,
      shardsOwned: 0,
      pending: 0,
      clockSkewMs: 3,
      waitingFor: [],
    };
  }

  #summary(i: number) {
    const which = mixed(i) % 4;
    const shard = mixed(i * 31) % Math.max(1, this.#shards.length);
    const jobKey = String(2251799813685249n + BigInt(i) * 104_729n);
    return {
      jobKey,
      correlationId: `hf1-k1-${BigInt(jobKey).toString(36)}-1-abcdefghijklmnopqrstuvwxyz`,
      lane: LANES[which]!,
      jobType: which === 2 ? 'holdfast' : LANES[which]!,
      processId: ['order-fulfilment', 'returns', 'subscription-renewal'][i % 3]!,
      processVersion: 4 + (i % 3),
      elementId: ELEMENTS[which]!,
      instanceKey: String(2251799813680000n + BigInt(i % 40) * 7n),
      tenantId: '<default>',
      attempt: 1 + (i % 11 === 0 ? 1 : 0),
      shard,
    };
  }

  #newJob(i: number, hostile: boolean): JobView {
    const state = (['held', 'held', 'held', 'replied', 'held', 'failing', 'held', 'parked'] as const)[
      mixed(i * 7) % 8
    ]!;
    const heldAtMs = this.startedMs - 11 * MINUTE + i * 4_100;
    const summary = this.#summary(i);
    const node = this.#shards[summary.shard]?.node ?? 'n1';
    const cause = hostile ? HOSTILE : 'the card issuer does not answer (HTTP 503)';
    const sent = i % 17 !== 3;
    return {
      ...summary,
      ...(hostile && { elementId: HOSTILE }),
      heldAtMs,
      state,
      outcome: null,
      endedAtMs: null,
      elementInstanceKey: String(2251799813690000n + BigInt(i)),
      revision: 91_000 + i,
      incarnation: `${node}-abc123`,
      node,
      sent,
      retries: 3,
      replyDeadlineMs: heldAtMs + 15 * MINUTE,
      heartbeatDeadlineMs: null,
      lockDeadlineMs: this.startedMs + 4 * MINUTE,
      nextLookMs: this.startedMs + 2 * MINUTE,
      businessKey: i % 4 === 0 ? `order-${10_000 + i}` : null,
      trace: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      settings: {
        replyTimeoutMs: 15 * MINUTE,
        onReplyTimeout: 'fail',
        retryBackoffMs: 30_000,
        lateWindowMs: 24 * HOUR,
        profile: 'spring',
        onLate: 'dlq',
      },
      failing:
        state === 'failing'
          ? { why: 'error reply', cause, outcome: 'failed', retries: 2, backoffMs: 30_000, errorCode: '' }
          : null,
      reply: state === 'replied' ? { partition: 4, offset: '81236', attempt: 1, status: 'result' } : null,
      request: { topic: 'shop.payments.requests', key: `customer-${i % 50}` },
      timeline: [
        { atMs: heldAtMs, what: 'held, attempt 1', node: 'n1', revision: 4711 + i },
        { atMs: heldAtMs + 14, what: 'sent', node: 'n1', revision: 9822 + i },
        { atMs: heldAtMs + 60_000, what: 'heartbeat', node: 'n1', revision: 9822 + i },
        { atMs: heldAtMs + 95_000, what: 'attached', node, revision: null },
        ...(state === 'replied'
          ? [
              {
                atMs: heldAtMs + 96_000,
                what: 'replied: result, from partition 4, offset 81236',
                node,
                revision: 12_933 + i,
              },
            ]
          : []),
        ...(state === 'failing'
          ? [{ atMs: heldAtMs + 96_000, what: `failing: ${cause}`, node, revision: 12_933 + i }]
          : []),
      ],
      payload: {
        request: sent ? null : '{"orderId":10042,"amount":129.90,"currency":"EUR"}',
        reply:
          state === 'replied'
            ? '{"transaction":9007199254740993123,"approved":true,"lines":[{"sku":"A-1","n":2},{"sku":"B-9","n":1}]}'
            : null,
        progress: '{"step":"3 of 5"}',
        variables: null,
      },
    };
  }

  #newOutcome(i: number): OutcomeView {
    const outcome = (
      [
        'completed',
        'completed',
        'completed',
        'failed',
        'completed',
        'timedOut',
        'completed',
        'bpmnError',
        'completed',
        'cancelled',
        'completed',
        'gone',
      ] as const
    )[i % 12]!;
    const endedAtMs = this.startedMs - i * 9_000;
    return {
      ...this.#summary(10_000 + i),
      heldAtMs: endedAtMs - 800 - (mixed(i) % 40_000),
      outcome,
      endedAtMs,
      lastStep:
        outcome === 'failed'
          ? 'failing: the card issuer does not answer (HTTP 503)'
          : outcome === 'timedOut'
            ? 'No reply within 900 s.'
            : 'replied',
    };
  }

  #newLetter(i: number, hostile: boolean): DeadLetterView {
    const [reason, message] = (
      [
        ['late', 'the job ended as timedOut before this reply came'],
        ['not-json', 'Unexpected token < at position 0'],
        ['forged', 'wrong MAC'],
        ['schema', '/amount must be number'],
        ['unknown', 'no job is known by this id'],
      ] as const
    )[mixed(i) % 5]!;
    const summary = this.#summary(50_000 + i);
    const named = reason === 'late' || reason === 'schema';
    return {
      partition: i % 3,
      offset: String(900 - i),
      atMs: this.startedMs - i * 7 * MINUTE,
      reason,
      message: hostile ? HOSTILE : message,
      correlationId: named ? summary.correlationId : null,
      jobKey: named ? summary.jobKey : null,
      bytes: 64 + (mixed(i) % 9_000),
      original: {
        topic: 'holdfast.shop.replies',
        partition: i % 6,
        offset: String(80_000 - i),
        atMs: this.startedMs - i * 7 * MINUTE - 300,
      },
      truncated: i % 13 === 5 ? 'value' : null,
      redriven: i % 9 === 4,
      key: named ? summary.correlationId : null,
      headers: [
        { name: 'kafka_correlationId', value: summary.correlationId },
        { name: 'holdfast-reason', value: reason },
      ],
      value: hostile ? HOSTILE : '{"amount":"a lot","currency":"EUR"}',
    };
  }

  #pastMovements(): void {
    const [from, to] = [this.#nodes[0]?.node ?? null, this.#nodes[1]?.node ?? 'n1'];
    for (let i = 0; i < 21; i += 1)
      this.#movements.push({
        atMs: this.startedMs - 40 * MINUTE - i * 40,
        shard: i * 3,
        from,
        to,
        kind: 'handover',
        tookMs: 40 + i,
        jobs: 3,
      });
    for (const { shard, node } of this.#shards.slice(0, 60))
      this.#movements.push({
        atMs: this.startedMs - 3 * HOUR - shard,
        shard,
        from: null,
        to: node ?? 'n1',
        kind: 'first',
        tookMs: 12,
        jobs: 0,
      });
  }

  // ---- what happens ---------------------------------------------------------------------------------------------------

  kill(name: string): void {
    const node = this.#node(name);
    node.state = 'dead';
    node.leaseRemainingMs = null;
    node.pending = null;
    for (const shard of this.#shards) if (shard.node === name) shard.target = this.#heir(shard.shard).node;
  }

  /** Of those that are to be elsewhere, up to `most` go there now, and are rehydrated until `settle`. */
  move(most: number, kind: Movement['kind'] = 'takeover'): void {
    for (const shard of this.#shards.filter(({ node, target }) => node !== target).slice(0, most)) {
      this.#movements.unshift({
        atMs: Date.now(),
        shard: shard.shard,
        from: shard.node,
        to: shard.target!,
        kind,
        tookMs: 180,
        jobs: 4,
      });
      shard.node = shard.target;
      shard.incarnation = this.#node(shard.target!).incarnation;
      shard.epoch += 100_000;
      shard.state = 'rehydrating';
    }
    this.#movements.splice(200);
  }

  settle(): void {
    for (const shard of this.#shards) if (shard.state === 'rehydrating') shard.state = 'owned';
  }

  orphan(shards: readonly number[]): void {
    for (const shard of this.#shards)
      if (shards.includes(shard.shard)) Object.assign(shard, { node: null, incarnation: null, state: 'released' });
  }

  restart(name: string): void {
    Object.assign(this.#node(name), this.#newNode(name), { startedAtMs: Date.now() });
    for (const shard of this.#shards) shard.target = this.#alive[mixed(shard.shard) % this.#alive.length]!.node;
  }

  drain(name: string): void {
    this.#node(name).state = 'draining';
    for (const shard of this.#shards) if (shard.node === name) shard.target = this.#heir(shard.shard).node;
  }

  resume(name: string): void {
    this.#node(name).state = 'ready';
  }

  setNode(name: string, change: Partial<NodeView>): void {
    Object.assign(this.#node(name), change);
  }

  #node(name: string): Mutable<NodeView> {
    const node = this.#nodes.find((one) => one.node === name);
    if (node === undefined) throw new Error(`no node ${name}`);
    return node;
  }

  #heir(shard: number): NodeView {
    const alive = this.#alive;
    return alive[mixed(shard * 5) % alive.length]!;
  }

  act(
    act: string,
    target: string,
    who: { name: string; role: string },
    reason: string,
    result: ActResult['result'],
    detail: string,
  ): ActResult {
    this.#audits += 1;
    const auditId = `a${this.#audits}`;
    this.audit.unshift({
      id: auditId,
      atMs: Date.now(),
      who: who.name,
      role: who.role,
      node: 'n1',
      act,
      target,
      reason,
      before: act.startsWith('job.') ? 'held, attempt 1' : null,
      after: act === 'job.complete' ? 'completed' : null,
      result,
    });
    return { auditId, result, detail };
  }

  /** Ends it, where the act does. */
  actOnJob(act: JobActName, jobKey: string): void {
    const i = this.jobs.findIndex((job) => job.jobKey === jobKey);
    const job = this.jobs[i];
    if (job === undefined) return;
    const outcome = ({ complete: 'completed', fail: 'failed', throw: 'bpmnError' } as const)[act as 'complete'];
    const what = { atMs: Date.now(), what: `${act} by an operator`, node: job.node ?? 'n1', revision: null };
    this.jobs[i] = {
      ...job,
      timeline: [...job.timeline, what].slice(-16),
      ...(outcome && { state: 'ended', outcome, endedAtMs: Date.now() }),
    };
  }

  // ---- what is seen ---------------------------------------------------------------------------------------------------

  cluster(answeredBy: string): ClusterView {
    const nodes = this.#nodes.map((node) => ({
      ...node,
      shardsOwned: this.#shards.filter((shard) => shard.node === node.node).length,
      pending:
        node.pending === null
          ? null
          : this.jobs.filter((job) => job.state !== 'ended' && this.#shards[job.shard]?.node === node.node).length,
      leaseRemainingMs: node.leaseRemainingMs === null ? null : 3_600 + (Date.now() % 1_400),
    }));
    return {
      cluster: 'shop-production',
      atMs: Date.now(),
      answeredBy,
      missing: this.missing,
      nodes,
      shards: this.#shards.map((shard) => ({ ...shard })),
      movements: [...this.#movements],
    };
  }

  flow(seconds: number): FlowView {
    const second = Math.floor(Date.now() / 1_000);
    const idle = this.jobs.length === 0;
    const counts = (base: number, delay: number) =>
      Array.from({ length: seconds }, (_, i) => {
        const at = second - seconds + i - delay;
        return idle
          ? 0
          : Math.max(0, Math.round(base * (1 + 0.35 * Math.sin(at / 13)) + (mixed(at) % Math.ceil(base / 4 + 1))));
      });
    const failed = counts(0, 0).map((_, i) => (!idle && mixed(second - seconds + i) % 23 === 0 ? 1 : 0));
    return {
      atMs: second * 1_000,
      missing: this.missing,
      perSecond: {
        activated: counts(182, 0),
        held: counts(182, 0),
        sent: counts(182, 1),
        replied: counts(178, 4),
        completed: counts(176, 5),
        thrown: counts(3, 9),
        failed,
      },
    };
  }

  routes(): RoutesView {
    const routes = LANES.map((lane, i): RouteView => {
      const jobs = this.jobs.filter((job) => job.lane === lane && job.state !== 'ended');
      const oldest = jobs.toSorted((a, b) => a.heldAtMs - b.heldAtMs)[0];
      const kind = i === 2 ? 'template' : i === 4 ? 'removed' : 'route';
      return {
        lane,
        kind,
        requestTopic: `shop.${lane}`,
        replyTimeoutMs: kind === 'removed' ? null : 15 * MINUTE,
        pending: jobs.length,
        oldestHeldAtMs: oldest?.heldAtMs ?? null,
        oldestJobKey: oldest?.jobKey ?? null,
        heldPerSecond: jobs.length / 2.7,
        endedPerSecond: jobs.length / 2.8,
        room: i === 3 ? 0 : i === 0 ? null : 4_000 - jobs.length,
        unsent: jobs.filter(({ sent }) => !sent).length,
      };
    });
    return { missing: this.missing, routes: this.jobs.length === 0 ? [] : routes };
  }

  pending(): readonly JobSummary[] {
    return this.jobs
      .filter(({ state }) => state !== 'ended')
      .map((job) => ({
        jobKey: job.jobKey,
        correlationId: job.correlationId,
        lane: job.lane,
        jobType: job.jobType,
        processId: job.processId,
        processVersion: job.processVersion,
        elementId: job.elementId,
        instanceKey: job.instanceKey,
        tenantId: job.tenantId,
        attempt: job.attempt,
        heldAtMs: job.heldAtMs,
        shard: job.shard,
        state: job.state as JobSummary['state'],
        sent: job.sent,
        replyDeadlineMs: job.replyDeadlineMs,
        retries: job.retries,
        node: job.node ?? 'n1',
        error: job.failing?.cause ?? null,
      }));
  }

  redrive({ filter, dryRun = true, max = 1_000 }: RedriveBody): RedriveView {
    const matching = this.letters
      .filter(
        (letter) =>
          (filter.reason === undefined || letter.reason === filter.reason) &&
          (filter.sinceMs === undefined || letter.atMs >= filter.sinceMs) &&
          (filter.positions === undefined ||
            filter.positions.some(
              ({ partition, offset }) => partition === letter.partition && offset === letter.offset,
            )),
      )
      .slice(0, max);
    const skipped = matching.filter(({ reason, truncated }) => reason === 'forged' || truncated !== null).length;
    const id = `r${this.redrives.size + 1}`;
    const sample = matching.slice(0, 20).map(({ key, headers, value, ...summary }) => summary);
    const view: Mutable<RedriveView> = {
      id,
      auditId: dryRun ? null : 'a900',
      state: dryRun ? 'preview' : 'running',
      matched: matching.length,
      driven: 0,
      skipped,
      sample,
      detail: skipped === 0 ? '' : `${skipped} cannot be cured by driving them again`,
    };
    this.redrives.set(id, view);
    return view;
  }
}

/** The same for the same number, and looks like nothing. */
export function mixed(n: number): number {
  let x = Math.imul((n | 0) + 0x9e3779b9, 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
