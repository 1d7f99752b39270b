// I3, of FailJob and ThrowError: each is the very intention that stands stored when it is emitted, and nothing else is.
//
// "Stands stored" is what ties it to its attempt: an intention of an attempt that is over, or that another owner has
// replaced, excuses nothing, and neither does one with other retries. The one FailJob without a stored cause is the give-back: with
// the retries that its node was given, a backoff, and once per `full` that its node was told.
//
// A stored "no reply in time" must be true besides: not before the deadline, and not over a result that was in Kafka by
// then (design §5: the replies already in Kafka are read first). Clocks may be a second apart before a node is not ready.
import type { Snapshot } from '../../src/actors/snapshot.ts';
import { VIRTUAL_EPOCH_MS } from '../support/manual-clock.ts';
import { type EventOf, failIn } from './history.ts';
import type { JobFacts } from './job-facts.ts';

export const CLOCKS_APART_MS = 1_000;

export class FailCauses {
  readonly #giveBack: string;
  /** Per node, how often it was told `full` and has not made use of it. */
  readonly #full = new Map<string, number>();

  constructor(giveBackMessage: string) {
    this.#giveBack = giveBackMessage;
  }

  toldFull({ node }: EventOf<'full'>): void {
    this.#full.set(node, (this.#full.get(node) ?? 0) + 1);
  }

  isGiveBack({ command, payload }: EventOf<'command' | 'accepted'>): boolean {
    return command === 'fail' && failIn(payload)?.message === this.#giveBack;
  }

  /** What is wrong with it; undefined: nothing. */
  breach(event: EventOf<'command'>, job: JobFacts): string | undefined {
    if (this.isGiveBack(event)) return this.#breachOfGiveBack(event, job);
    const { command, payload } = event;
    const failing = job.snapshot?.failing;
    if (failing === undefined) return `${command} while no cause is stored: ${job.snapshot?.kind ?? 'nothing'}`;
    if (command === 'throwError') {
      const asStored = failing.outcome === 'bpmnError' && failing.errorCode === payload;
      return asStored ? undefined : `error ${payload}, not the stored ${failing.errorCode} (${failing.outcome})`;
    }
    const fail = failIn(payload);
    const { retries, backoffMs, cause } = failing;
    const asStored = fail?.retries === retries && fail.backoffMs === backoffMs && fail.message === cause;
    return asStored ? undefined : `${payload}, but stored is retries=${retries} backoffMs=${backoffMs} ${cause}`;
  }

  #breachOfGiveBack({ node, payload }: EventOf<'command'>, { handedOut }: JobFacts): string | undefined {
    const given = handedOut.get(node);
    const fail = failIn(payload);
    if (given === undefined || fail === undefined) return `${node} gives back what it was never given`;
    if (fail.retries !== given.retries) return `given back with ${fail.retries} retries instead of ${given.retries}`;
    if (fail.backoffMs <= 0) return 'given back without a backoff';
    if (given.givenBack) return undefined;
    given.givenBack = true;
    const told = this.#full.get(node) ?? 0;
    this.#full.set(node, told - 1);
    return told > 0 ? undefined : `${node} gives back what no owner called full`;
  }
}

/** Of a stored "no reply in time": what makes it untrue. */
export function breachOfTimeout(
  { replyDeadlineMs, attempt }: Pick<Snapshot, 'replyDeadlineMs' | 'attempt'>,
  job: JobFacts,
  atMs: number,
): string | undefined {
  const deadlineMs = replyDeadlineMs - VIRTUAL_EPOCH_MS;
  if (atMs < deadlineMs - CLOCKS_APART_MS) return `timed out ${deadlineMs - atMs} ms before its deadline`;
  const errors = [...job.errors].filter(([, error]) => error.attempt === attempt);
  const answers = [
    ...[...job.results.values()].map(
      ({ partition, offset, writtenMs }) => [`${partition}/${offset}`, writtenMs] as const,
    ),
    ...errors.map(([said, { writtenMs }]) => [said, writtenMs] as const),
  ];
  const inTime = answers.find(([, writtenMs]) => writtenMs < deadlineMs - CLOCKS_APART_MS);
  if (inTime === undefined) return undefined;
  const [name, writtenMs] = inTime;
  return `timed out over reply ${name}, in Kafka ${deadlineMs - writtenMs} ms before its deadline`;
}
