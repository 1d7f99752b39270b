// What one node asks another so that any of them can answer for the whole cluster. They cross nodes as msgpack, between versions
// too: a question that the other does not know goes unanswered, and that node is named as missing. null, never undefined.
import type { Snapshot } from '../../actors/snapshot.ts';
import type { JobFilter, Place } from '../../cluster/inventory.ts';
import type { ShardState } from '../../cluster/shard-lifecycle.ts';
import type { Counts } from './flow.ts';
import type { Movement, NodeView } from './model/cluster.ts';
import type { RedriveView } from './model/dead-letters.ts';
import type { JobSummary } from './model/jobs.ts';

export type Question =
  | { readonly ask: 'node' }
  | { readonly ask: 'flow'; readonly endSecond: number; readonly seconds: number }
  | { readonly ask: 'lanes' }
  | { readonly ask: 'jobs'; readonly filter: JobFilter; readonly limit: number; readonly after: Place | null }
  | { readonly ask: 'job'; readonly jobKey: string }
  /** Not a question but a wish: give your shards away and take none, or take part again. */
  | { readonly ask: 'drained'; readonly drained: boolean }
  /** A run over dead letters of that node. */
  | { readonly ask: 'redrive'; readonly id: string }
  /** A wish again. */
  | { readonly ask: 'redriveStopped'; readonly id: string; readonly by: string };

export interface Answers {
  readonly node: NodeAnswer;
  readonly flow: Counts;
  readonly lanes: readonly LaneAnswer[];
  readonly jobs: JobsAnswer;
  /** null: it is not here. */
  readonly job: JobAnswer | null;
  /** false: it was so before. */
  readonly drained: { readonly changed: boolean };
  /** null: not known here. */
  readonly redrive: { readonly view: RedriveView | null };
  readonly redriveStopped: { readonly view: RedriveView | null };
}

export interface NodeAnswer
  extends Pick<NodeView, 'version' | 'startedAtMs' | 'leaseRemainingMs' | 'pending' | 'clockSkewMs' | 'waitingFor'> {
  readonly state: 'ready' | 'notReady' | 'draining' | 'left';
  /** Those that are not released. */
  readonly shards: readonly (readonly [shard: number, state: ShardState])[];
  readonly movements: readonly Omit<Movement, 'to'>[];
}

export interface LaneAnswer {
  readonly lane: string;
  readonly pending: number;
  readonly oldestHeldAtMs: number | null;
  readonly oldestJobKey: string | null;
  /** Of that job. */
  readonly jobType: string | null;
  readonly heldPerSecond: number;
  readonly endedPerSecond: number;
  /** null: no limit met yet. */
  readonly room: number | null;
  readonly unsent: number;
}

export interface JobsAnswer {
  readonly jobs: readonly JobSummary[];
  /** There are further ones behind the last. */
  readonly more: boolean;
  /** A shard of this node is on its way into memory: its jobs are not here yet. */
  readonly loading: boolean;
}

/** What stands in no snapshot. */
export interface JobAnswer {
  readonly revision: number;
  readonly sent: boolean;
  readonly lockDeadlineMs: number;
  readonly nextLookMs: number;
  readonly heartbeatDeadlineMs: number;
  /** Not written yet. */
  readonly timeline: Snapshot['timeline'];
}
