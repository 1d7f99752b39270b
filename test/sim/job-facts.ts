// What is known of one job at one moment of a history.
import type { Snapshot, TimelineEntry } from '../../src/actors/snapshot.ts';
import type { Beat, SaidError } from './error-replies.ts';
import type { EventOf } from './history.ts';

/** A proper reply: where it is, and since when. */
export interface Result {
  readonly partition: number;
  readonly offset: number;
  readonly writtenMs: number;
}

/** A job as a node was last given it. */
export interface HandedOut {
  readonly retries: number;
  /** A give-back of it was emitted. */
  givenBack: boolean;
}

export interface JobFacts {
  readonly jobKey: string;
  readonly variables: string;
  readonly retries: number;
  /** Proper replies so far, by their bodies. */
  readonly results: Map<string, Result>;
  /** Error replies so far, by their texts. */
  readonly errors: Map<string, SaidError>;
  /** Results and causes that people gave by hand so far, and the attempt that each failed; 0: none. */
  readonly byHand: Map<string, number>;
  /** Heartbeats so far. */
  readonly beats: Beat[];
  /** The last one that was written. */
  beatWritten: TimelineEntry | undefined;
  /** Attempts that ended without a reply while the job was not completed: of these a cancel record may tell. */
  readonly unanswered: Set<number>;
  /** By node. */
  readonly handedOut: Map<string, HandedOut>;
  /** Nodes to which the engine has said, since the last tombstone, that the job is activated. */
  readonly confirmed: Set<string>;
  /** Why it was failed, as stored. */
  readonly failings: Set<string>;
  /** Attempts that were failed because of a malformed reply. */
  readonly malformedAttempts: Set<number>;
  /** What stands in the bucket. */
  snapshot: Snapshot | undefined;
  malformed: number;
  leastRetries: number;
  completions: number;
  completed: boolean;
}

export function unseen({ jobKey, variables, retries }: EventOf<'started'>): JobFacts {
  return {
    jobKey,
    variables,
    retries,
    results: new Map(),
    errors: new Map(),
    byHand: new Map(),
    beats: [],
    beatWritten: undefined,
    unanswered: new Set(),
    handedOut: new Map(),
    confirmed: new Set(),
    failings: new Set(),
    malformedAttempts: new Set(),
    snapshot: undefined,
    malformed: 0,
    leastRetries: retries,
    completions: 0,
    completed: false,
  };
}
