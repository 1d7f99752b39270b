// What an operator can see and do, as the API asks for it. Whoever implements it answers for the whole cluster, whichever node
// is asked (operations/cluster-operations.ts); what one node cannot learn in time is named in `missing`, not guessed.
import type { JobAct } from '../../actors/messages.ts';
import type { ActResult, JobActName } from './model/acts.ts';
import type { AuditPage, AuditQuery } from './model/audit.ts';
import type { ClusterView } from './model/cluster.ts';
import type {
  DeadLetterPage,
  DeadLetterQuery,
  DeadLetterView,
  RedriveBody,
  RedriveView,
} from './model/dead-letters.ts';
import type { FlowView, RoutesView } from './model/flow.ts';
import type { JobPage, JobQuery, JobView, OutcomePage, OutcomeQuery } from './model/jobs.ts';

/** On whose behalf something is done. `name` is what a token or an identity provider says; `local` without authentication. */
export interface Operator {
  readonly name: string;
  readonly role: Role;
}

export const ROLES = ['viewer', 'operator', 'admin'] as const;
/** Each may what the one before it may, and more: see; act on jobs and dead letters; drain nodes and see payloads. */
export type Role = (typeof ROLES)[number];

export type { JobAct, JobActName };

/** Nobody can answer this now (not a member, JetStream or Kafka away); ask again. */
export class OperationUnavailable extends Error {
  readonly code = 'OPERATION_UNAVAILABLE';
  readonly retryable = true;
}

/** An act that surely was not done: asked again it is done once. */
export class ActNotDone extends Error {
  readonly code = 'ACT_NOT_DONE';
  readonly retryable = true;
}

/** What an act needs to know before it begins: while nobody can say it, surely nothing was done. @throws ActNotDone, or as it is */
export async function beforehand<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw error instanceof OperationUnavailable ? notDone(error) : error;
  }
}

export function notDone(why: OperationUnavailable): ActNotDone {
  return new ActNotDone(`${why.message}; nothing was done`, { cause: why });
}

/** @param waitingFor what the node lacks, for people */
export function noMember(node: string, waitingFor: readonly string[]): OperationUnavailable {
  const why = waitingFor.length === 0 ? '' : `; it waits for ${waitingFor.join('; ')}`;
  return new OperationUnavailable(
    `node ${node} is not a member of the cluster yet, or not any more${why}; ask again or ask another node`,
  );
}

/** A cursor that is not one of ours, a node that does not exist: asking again does not help. */
export class OperationRefused extends Error {
  readonly code: 'BAD_CURSOR' | 'NO_SUCH_NODE' | 'TOO_MANY' | 'UNREADABLE';
  readonly retryable = false;
  constructor(code: OperationRefused['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** An act on a node is done, now or by itself, or it throws. */
export type NodeActResult = ActResult & { readonly result: 'done' | 'later' };

/** All of them: @throws OperationUnavailable, OperationRefused; acts also ActNotDone, and the first only when they may have been done */
export interface Operations {
  cluster(): Promise<ClusterView>;
  /** The last `seconds` (at most 300), per second. */
  flow(seconds: number): Promise<FlowView>;
  routes(): Promise<RoutesView>;
  jobs(query: JobQuery): Promise<JobPage>;
  /** Also of a job that has ended, while its tombstone stands. undefined: nothing is known of it. */
  job(jobKey: string, withPayload: boolean): Promise<JobView | undefined>;
  outcomes(query: OutcomeQuery): Promise<OutcomePage>;
  /** Audited before it is done; what cannot be audited is not done. */
  act(jobKey: string, act: JobAct, by: Operator, reason: string): Promise<ActResult>;
  /** The node gives its shards away and takes none until `resume` or its restart; it goes on running. */
  drain(node: string, by: Operator, reason: string): Promise<NodeActResult>;
  resume(node: string, by: Operator, reason: string): Promise<NodeActResult>;
  audit(query: AuditQuery): Promise<AuditPage>;
  deadLetters(query: DeadLetterQuery): Promise<DeadLetterPage>;
  deadLetter(partition: number, offset: string, withPayload: boolean): Promise<DeadLetterView | undefined>;
  /** Puts the matching ones on the reply topic again, as they were. */
  redrive(body: RedriveBody, by: Operator): Promise<RedriveView>;
  /** Of any node's run; undefined: the node that its id names does not know it. */
  redriveState(id: string): Promise<RedriveView | undefined>;
  /** An act of its own, audited when it has been done: what cannot be audited is stopped all the same, and the detail says so. */
  stopRedrive(id: string, by: Operator, reason: string): Promise<RedriveView | undefined>;
}
