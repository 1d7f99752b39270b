// Tells services what became of their replies, for those that want to know: one record per settled reply, under its
// correlation id, on a topic of the cluster's own.
//
// A reply is settled once Kafka has its acknowledgement, so a crash repeats one and loses none. It is a courtesy all the
// same: when Kafka refuses it for good (the topic is gone, not authorised), or takes none for a minute though it answers (no leader,
// too few replicas), replies are settled without. They are read no further while too many wait to be settled, and with them
// everybody's would stand still.
import type { DeadLetterReason, ReplyAnswer } from '../../actors/messages.ts';
import type { Clock, Random } from '../../actors/ports.ts';
import type { HeaderNames } from '../header-names.ts';
import type { OutgoingRecord, RecordWriter } from '../ports.ts';
import { DEFAULT_TOPIC_QUEUE_LIMITS, TopicQueue, type TopicTry } from '../requests/topic-queue.ts';

const GIVE_UP_MS = 60_000;

export interface AcknowledgementsOptions {
  readonly writer: RecordWriter;
  readonly clock: Clock;
  readonly random: Random;
  readonly topic: string;
  readonly names: HeaderNames;
  readonly mayAct: () => boolean;
  readonly onTry?: (event: TopicTry) => void;
}

export type AckAnswer = 'applied' | 'duplicate' | 'late' | 'rejected';

export class Acknowledgements {
  readonly #options: AcknowledgementsOptions;
  readonly #queue: TopicQueue;

  constructor(options: AcknowledgementsOptions) {
    this.#options = options;
    this.#queue = new TopicQueue({ ...options, limits: DEFAULT_TOPIC_QUEUE_LIMITS, giveUpMs: GIVE_UP_MS });
  }

  /** `done` is called once, unless the returned function was called before. */
  write(correlationId: string, outcome: ReplyAnswer | DeadLetterReason, done: () => void): () => void {
    const queued = this.#queue.add(recordOf(correlationId, outcome, this.#options.names), (answer) => {
      if (answer.kind === 'dropped') return;
      done();
    });
    return () => this.#queue.drop(queued);
  }

  async close(): Promise<void> {
    await this.#queue.close();
  }
}

/** A reply that is on the dead-letter topic was rejected, but for one that only came too late. */
export function ackAnswerOf(outcome: ReplyAnswer | DeadLetterReason): AckAnswer {
  switch (outcome) {
    case 'applied':
    case 'duplicate':
      return outcome;
    case 'late':
    case 'latePublished':
    case 'lateDropped':
      return 'late';
    default:
      return 'rejected';
  }
}

function recordOf(correlationId: string, outcome: ReplyAnswer | DeadLetterReason, names: HeaderNames): OutgoingRecord {
  const answer = ackAnswerOf(outcome);
  return {
    key: correlationId,
    value: JSON.stringify({ answer, reason: outcome }),
    headers: [
      { name: names.correlationId, value: correlationId },
      { name: 'holdfast-answer', value: answer },
      { name: 'holdfast-reason', value: outcome },
    ],
  };
}
