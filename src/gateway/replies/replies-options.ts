// What the reading of replies is given: the edges that it lives between, whom it asks and tells, and its limits with their
// reasons; and what it says of itself.
import type { JobKey } from '../../actors/ids.ts';
import type { DeadLetterReason, Reply, ReplyAnswer } from '../../actors/messages.ts';
import type { Clock, Random } from '../../actors/ports.ts';
import type { HeaderNames } from '../header-names.ts';
import type { ReplyReader } from '../ports.ts';
import type { SchemaRegistry } from '../schema/registry.ts';
import type { Acknowledgements } from './acknowledgements.ts';
import type { DeadLetters } from './dead-letters.ts';
import type { VerifyId } from './record.ts';

export interface RepliesLimits {
  /** The largest reply that is passed on: min(2 MiB, NATS max_payload − overhead). */
  readonly maxReplyBytes: number;
  /** Unsettled records, and their bytes with keys and headers, at which a partition is paused; it goes on below half. */
  readonly maxUnsettled: number;
  readonly maxUnsettledBytes: number;
  readonly commitEveryMs: number;
  /** How often the log's ends are asked for (progress). */
  readonly markEveryMs: number;
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  /**
   * A business key is not called unknown sooner than this after its record was read. Its alias is written moments before the
   * request, and a server that does not know yet that it lost the lead answers reads from the past.
   */
  readonly unknownAfterMs: number;
}

export const DEFAULT_REPLIES_LIMITS: RepliesLimits = {
  maxReplyBytes: 2 * 1024 * 1024,
  maxUnsettled: 2_000,
  maxUnsettledBytes: 16 * 1024 * 1024,
  commitEveryMs: 100,
  markEveryMs: 1_000,
  retryMinMs: 100,
  retryMaxMs: 5_000,
  unknownAfterMs: 2_000,
};

export type RepliesEvent =
  | {
      readonly kind: 'assigned';
      readonly memberId: string;
      readonly generation: number;
      readonly partitions: readonly number[];
    }
  | { readonly kind: 'unassigned' }
  /** A record is done: what its owner answered, or why it went to the dead letters (`late`, `refused`, `unreadable`: both). */
  | { readonly kind: 'settled'; readonly partition: number; readonly outcome: ReplyAnswer | DeadLetterReason }
  /** An owner could not be told, a commit or a query failed; it is tried again. */
  | { readonly kind: 'retry'; readonly what: 'deliver' | 'commit' | 'logEnd' | 'schema'; readonly error: unknown }
  | { readonly kind: 'paused' | 'resumed'; readonly partition: number };

export interface RepliesOptions {
  readonly reader: ReplyReader;
  readonly deadLetters: DeadLetters;
  readonly clock: Clock;
  readonly random: Random;
  readonly topic: string;
  readonly group: string;
  readonly verify: VerifyId;
  /** True: others may have signed with a key that is not known here yet, so what looks forged may be none. Default: never. */
  readonly lacksKeys?: () => boolean;
  readonly names: HeaderNames;
  /** Reads values that have a schema; undefined: no registry is configured. */
  readonly schemas?: Pick<SchemaRegistry, 'decode'> | undefined;
  /** Resolves with the owner's answer, however long that takes; rejects when this node may not go on asking (lease lost). */
  readonly deliver: (reply: Reply) => Promise<ReplyAnswer>;
  /** The job that a business key leads to, by a leader read; rejects like `deliver`. */
  readonly jobOf: (businessKey: string) => Promise<JobKey | undefined>;
  /** Absent: nobody is told. */
  readonly acknowledgements?: Acknowledgements | undefined;
  /** Owners are told what only matters to whoever follows single calls. Default: false. */
  readonly followed?: boolean;
  readonly limits?: Partial<RepliesLimits>;
  readonly onEvent?: (event: RepliesEvent) => void;
  /** Kafka was asked for the ends of the log, which is once a second. */
  readonly onLogEnd?: (answered: boolean) => void;
}
