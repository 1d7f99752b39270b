// A double of `Operations` for tests of the API's HTTP side alone: it answers what the model allows and writes down what it
// was asked. What the real ones do is tested where they are (test/gateway/operations, and on real servers).
import type { ActResult, ActResultName } from '../../../src/gateway/operations/model/acts.ts';
import type { AuditPage, AuditQuery } from '../../../src/gateway/operations/model/audit.ts';
import type { ClusterView } from '../../../src/gateway/operations/model/cluster.ts';
import type {
  DeadLetterPage,
  DeadLetterQuery,
  DeadLetterView,
  RedriveBody,
  RedriveView,
} from '../../../src/gateway/operations/model/dead-letters.ts';
import type { FlowView, RoutesView } from '../../../src/gateway/operations/model/flow.ts';
import type {
  JobPage,
  JobQuery,
  JobSummary,
  JobView,
  OutcomePage,
  OutcomeQuery,
} from '../../../src/gateway/operations/model/jobs.ts';
import type { JobAct, NodeActResult, Operations, Operator } from '../../../src/gateway/operations/operations.ts';

export const JOB_KEY = '2251799813685249';
export const PAYLOAD = 'the-card-number-4711';
const NOW_MS = 1_790_000_000_000;

const summary = {
  jobKey: JOB_KEY,
  correlationId: `hf1-a-${JOB_KEY}-1`,
  lane: 'charge-card',
  jobType: 'charge-card',
  processId: 'order',
  processVersion: 3,
  elementId: 'charge',
  instanceKey: '2251799813685200',
  tenantId: '<default>',
  attempt: 1,
  heldAtMs: NOW_MS,
  shard: 7,
};
const pending: JobSummary = {
  ...summary,
  state: 'held',
  sent: true,
  replyDeadlineMs: NOW_MS + 3_600_000,
  retries: 3,
  node: 'n1',
  error: null,
};
const job: JobView = {
  ...summary,
  state: 'held',
  outcome: null,
  endedAtMs: null,
  elementInstanceKey: '2251799813685201',
  revision: 12,
  incarnation: 'n1.abc',
  node: 'n1',
  sent: true,
  retries: 3,
  replyDeadlineMs: NOW_MS + 3_600_000,
  heartbeatDeadlineMs: null,
  lockDeadlineMs: NOW_MS + 60_000,
  nextLookMs: null,
  businessKey: null,
  trace: null,
  settings: { replyTimeout: 3_600_000, profile: 'spring' },
  failing: null,
  reply: null,
  request: { topic: 'payments', key: JOB_KEY },
  timeline: [{ atMs: NOW_MS, what: 'held', node: 'n1', revision: 7 }],
  payload: { request: PAYLOAD, reply: null, progress: null, variables: null },
};
const letter = {
  partition: 0,
  offset: '42',
  atMs: NOW_MS,
  reason: 'late',
  message: 'nobody waits for it any more',
  correlationId: summary.correlationId,
  jobKey: JOB_KEY,
  bytes: 20,
  original: { topic: 'holdfast.orders.replies', partition: 1, offset: '99', atMs: NOW_MS },
  truncated: null,
  redriven: false,
};
const redrive: RedriveView = {
  ...{ id: 'r1', auditId: 'a1', state: 'running', matched: 1, driven: 0, skipped: 0 },
  ...{ sample: [letter], detail: 'one of one' },
};

export class FakeOperations implements Operations {
  /** What was asked, in order: the method's name and its arguments. */
  readonly asked: unknown[][] = [];
  /** What the next acts on jobs come to. */
  result: ActResultName = 'done';
  /** Thrown instead of any answer. */
  error: Error | undefined;
  /** Answers payloads to anybody, and what no model has, as no real one may. */
  leaks = false;
  /** Answers nothing, ever. */
  hangs = false;

  /** As if it were new. */
  forget(): void {
    this.asked.length = 0;
    this.result = 'done';
    this.error = undefined;
    this.leaks = false;
  }

  #answer<T>(answer: T, ...asked: unknown[]): Promise<T> {
    this.asked.push(asked);
    if (this.hangs) return new Promise(() => undefined);
    return this.error === undefined ? Promise.resolve(answer) : Promise.reject(this.error);
  }

  #acted<R extends ActResultName>(result: R, ...asked: unknown[]) {
    return this.#answer({ auditId: 'a1', result, detail: 'as the test wants it' }, ...asked);
  }

  cluster(): Promise<ClusterView> {
    const view: ClusterView = {
      ...{ cluster: 'orders', atMs: NOW_MS, answeredBy: 'n1', missing: ['n3'] },
      nodes: [
        {
          ...{ node: 'n1', incarnation: 'n1.abc', state: 'ready', version: '0.1.0', startedAtMs: NOW_MS },
          ...{ leaseRemainingMs: 12_000, shardsOwned: 64, pending: 1, clockSkewMs: -3, waitingFor: [] },
        },
      ],
      shards: [{ shard: 7, node: 'n1', incarnation: 'n1.abc', epoch: 5, state: 'owned', target: 'n1' }],
      movements: [{ atMs: NOW_MS, shard: 7, from: null, to: 'n1', kind: 'first', tookMs: 80, jobs: 1 }],
    };
    return this.#answer(this.leaks ? Object.assign({ secret: 'hunter2' }, view) : view, 'cluster');
  }

  flow(seconds: number): Promise<FlowView> {
    const counts = Array.from({ length: seconds }, (_, second) => second % 5);
    const perSecond = {
      activated: counts,
      held: counts,
      sent: counts,
      replied: counts,
      completed: counts,
      thrown: counts,
      failed: counts,
    };
    return this.#answer({ atMs: NOW_MS, missing: [], perSecond }, 'flow', seconds);
  }

  routes(): Promise<RoutesView> {
    const route = {
      ...{
        lane: 'charge-card',
        kind: 'route' as const,
        requestTopic: 'payments',
        replyTimeoutMs: 3_600_000,
        pending: 1,
      },
      ...{
        oldestHeldAtMs: NOW_MS,
        oldestJobKey: JOB_KEY,
        heldPerSecond: 1.5,
        endedPerSecond: 1.4,
        room: null,
        unsent: 0,
      },
    };
    return this.#answer({ missing: [], routes: [route] }, 'routes');
  }

  jobs(query: JobQuery): Promise<JobPage> {
    return this.#answer({ missing: [], jobs: [pending], next: null }, 'jobs', query);
  }

  job(jobKey: string, withPayload: boolean): Promise<JobView | undefined> {
    const shown = withPayload || this.leaks ? job : { ...job, payload: null };
    return this.#answer(jobKey === JOB_KEY ? shown : undefined, 'job', jobKey, withPayload);
  }

  outcomes(query: OutcomeQuery): Promise<OutcomePage> {
    const outcome = { ...summary, outcome: 'completed' as const, endedAtMs: NOW_MS, lastStep: 'replied' };
    return this.#answer({ outcomes: [outcome], next: 'more' }, 'outcomes', query);
  }

  act(jobKey: string, act: JobAct, by: Operator, reason: string): Promise<ActResult> {
    return this.#acted(this.result, 'act', jobKey, act, by, reason);
  }

  drain(node: string, by: Operator, reason: string): Promise<NodeActResult> {
    return this.#acted('later', 'drain', node, by, reason);
  }

  resume(node: string, by: Operator, reason: string): Promise<NodeActResult> {
    return this.#acted('done', 'resume', node, by, reason);
  }

  audit(query: AuditQuery): Promise<AuditPage> {
    const entry = {
      ...{ id: 'a1', atMs: NOW_MS, who: 'ann', role: 'operator', node: 'n1', act: 'job.resend', target: JOB_KEY },
      ...{ reason: 'the service was down', before: 'held', after: null, result: 'done' },
    };
    return this.#answer({ entries: [entry], next: null }, 'audit', query);
  }

  deadLetters(query: DeadLetterQuery): Promise<DeadLetterPage> {
    return this.#answer({ letters: [letter], next: null }, 'deadLetters', query);
  }

  deadLetter(partition: number, offset: string, withPayload: boolean): Promise<DeadLetterView | undefined> {
    const value = withPayload || this.leaks ? PAYLOAD : null;
    const view = { ...letter, key: null, headers: [{ name: 'holdfast-reason', value: 'late' }], value };
    const found = partition === letter.partition && offset === letter.offset ? view : undefined;
    return this.#answer(found, 'deadLetter', partition, offset, withPayload);
  }

  redrive(body: RedriveBody, by: Operator): Promise<RedriveView> {
    return this.#answer({ ...redrive, state: body.dryRun ? 'preview' : 'running' }, 'redrive', body, by);
  }

  redriveState(id: string): Promise<RedriveView | undefined> {
    return this.#answer(id === 'r1' ? redrive : undefined, 'redriveState', id);
  }

  stopRedrive(id: string, by: Operator, reason: string): Promise<RedriveView | undefined> {
    const stopped: RedriveView = { ...redrive, state: 'stopped' };
    return this.#answer(id === 'r1' ? stopped : undefined, 'stopRedrive', id, by, reason);
  }
}
