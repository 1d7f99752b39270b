// The runs over dead letters of this node: one at a time, each audited, and remembered for a while so that people can ask.
// A run ends with its process, not with the node's membership; any node answers for it by asking this one (cluster-operations.ts).
import type { Clock, Random } from '../../actors/ports.ts';
import type { HeaderNames } from '../header-names.ts';
import type { RecordWriter } from '../ports.ts';
import { type Audit, NOT_DONE } from './audit.ts';
import { describeFilter, rangesOf } from './dead-letter-filter.ts';
import type { LetterLog, OffsetRange } from './letter-log.ts';
import type { RedriveBody, RedriveView } from './model/dead-letters.ts';
import { ActNotDone, beforehand, OperationRefused, type Operator } from './operations.ts';
import { Redrive, type RedrivePlan } from './redrive.ts';

export interface RedriveRunsOptions {
  /** The dead-letter topic. */
  readonly log: LetterLog;
  readonly writer: Pick<RecordWriter, 'send'>;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly random: Random;
  readonly names: HeaderNames;
  readonly replyTopic: string;
  readonly node: string;
}

const REMEMBERED = 16;
const DEFAULT_PER_SECOND = 10;
const DEFAULT_MAX = 1_000;
/** The node ends; who ends it waits no longer for a letter on its way than Kafka is waited for. */
const END_WITHIN_MS = 10_000;
const ENDS = 'this node ends, and begins no run; ask another one';
const RUN_ID = /^([A-Za-z0-9_-]{1,64})\.[0-9a-f]{16}$/;

/** undefined: it is no id of a run. */
export function nodeOfRun(id: string): string | undefined {
  return RUN_ID.exec(id)?.[1];
}

export class RedriveRuns {
  readonly #options: RedriveRunsOptions;
  /** The oldest first. */
  readonly #known = new Map<string, Redrive>();
  #running: { readonly id: string; readonly ended: Promise<void> } | undefined;
  #starting = false;
  #closed = false;

  constructor(options: RedriveRunsOptions) {
    this.#options = options;
  }

  async preview(body: RedriveBody): Promise<RedriveView> {
    const plan = await this.#planOf(body);
    const redrive = new Redrive(plan, this.#options, null);
    await redrive.preview();
    this.#remember(plan.id, redrive);
    return redrive.view();
  }

  /** @throws OperationRefused when one runs; ActNotDone when the node ends, Kafka cannot be read, or it cannot be audited */
  async begin(body: RedriveBody, by: Operator): Promise<RedriveView> {
    if (this.#closed) throw new ActNotDone(ENDS);
    if (this.#running !== undefined || this.#starting) {
      const which = this.#running === undefined ? '' : ` ${this.#running.id}`;
      throw new OperationRefused('TOO_MANY', `a redrive${which} runs on this node; stop it or wait for its end`);
    }
    this.#starting = true;
    try {
      const plan = await beforehand(this.#planOf(body));
      const perSecond = body.perSecond ?? DEFAULT_PER_SECOND;
      const auditId = await this.#options.audit.begin({
        by,
        reason: body.reason,
        act: 'deadLetters.redrive',
        // People ask the audit for a run by its id.
        target: `${plan.id}: ${describeFilter(body.filter)}`,
        before: `${beforeOf(plan.ranges)}; at most ${plan.max}, ${perSecond} per second`,
      });
      if (this.#closed) {
        const end = { after: 'the node ended before it began', result: NOT_DONE };
        await this.#options.audit.end(auditId, end).catch(() => undefined);
        throw new ActNotDone(ENDS);
      }
      const redrive = new Redrive(plan, this.#options, auditId);
      this.#remember(plan.id, redrive);
      this.#running = { id: plan.id, ended: this.#run(redrive, perSecond, auditId) };
      return redrive.view();
    } finally {
      this.#starting = false;
    }
  }

  view(id: string): RedriveView | undefined {
    return this.#known.get(id)?.view();
  }

  /** As it is then; what is on its way to Kafka is waited for so long. */
  async stop(id: string, by: string, withinMs: number): Promise<RedriveView | undefined> {
    const redrive = this.#known.get(id);
    await redrive?.stop(by, withinMs);
    return redrive?.view();
  }

  async close(): Promise<void> {
    this.#closed = true;
    const running = this.#running;
    if (running === undefined) return;
    void this.#known.get(running.id)?.stop(`the end of node ${this.#options.node}`, END_WITHIN_MS);
    await running.ended;
  }

  async #run(redrive: Redrive, perSecond: number, auditId: string): Promise<void> {
    await redrive.run(perSecond);
    this.#running = undefined;
    const { state, detail } = redrive.view();
    await this.#options.audit.end(auditId, { after: detail, result: state }).catch(() => undefined);
  }

  async #planOf({ filter: { positions, ...filter }, max }: RedriveBody): Promise<RedrivePlan> {
    const ranges = await rangesOf(this.#options.log, filter);
    const id = `${this.#options.node}.${Buffer.from(this.#options.random.bytes(8)).toString('hex')}`;
    const rest = { id, filter, max: max ?? DEFAULT_MAX, positions: undefined };
    if (positions === undefined) return { ...rest, ranges };
    const single = singled(ranges, positions);
    return { ...rest, ranges: single.ranges, positions: single.count };
  }

  #remember(id: string, redrive: Redrive): void {
    this.#known.set(id, redrive);
    for (const [oldest, { state }] of this.#known) {
      if (this.#known.size <= REMEMBERED) return;
      if (state !== 'running') this.#known.delete(oldest);
    }
  }
}

/** Only these positions, in order and each once; those side by side together. */
export function singled(
  ranges: readonly OffsetRange[],
  positions: readonly { readonly partition: number; readonly offset: string }[],
): { readonly ranges: readonly OffsetRange[]; readonly count: number } {
  const wanted = new Set(positions.map(({ partition, offset }) => `${partition}/${BigInt(offset)}`));
  const single: OffsetRange[] = [];
  for (const { partition, from, to } of ranges) {
    const offsets = positions
      .filter((position) => position.partition === partition)
      .map(({ offset }) => BigInt(offset))
      .filter((offset) => offset >= from && offset < to);
    for (const offset of [...new Set(offsets)].sort((a, b) => (a < b ? -1 : 1))) {
      const last = single.at(-1);
      if (last?.partition === partition && last.to === offset) single[single.length - 1] = { ...last, to: offset + 1n };
      else single.push({ partition, from: offset, to: offset + 1n });
    }
  }
  return { ranges: single, count: wanted.size };
}

function beforeOf(ranges: readonly OffsetRange[]): string {
  const parts = ranges
    .filter(({ from, to }) => from < to)
    .map(({ partition, from, to }) => `${partition}/${from}–${to - 1n}`);
  return parts.length === 0
    ? 'no offsets'
    : `partition/offsets ${parts.slice(0, 20).join(' ')}${parts.length > 20 ? ' …' : ''}`;
}
