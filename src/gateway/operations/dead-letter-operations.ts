// The dead-letter half of `Operations`: the list, one letter, and driving letters again.
//
// A run belongs to the node that was asked for it, one at a time, and ends with that node; its state can be asked of that node only.
// What it did stands in the audit.
import type { Clock, Random } from '../../actors/ports.ts';
import type { HeaderNames } from '../header-names.ts';
import type { RecordWriter } from '../ports.ts';
import type { Audit } from './audit.ts';
import { viewOf } from './dead-letter-decoding.ts';
import { describeFilter, rangesOf } from './dead-letter-filter.ts';
import { pageOf } from './dead-letter-pages.ts';
import type { LetterLog, OffsetRange } from './letter-log.ts';
import type { RedriveBody, RedriveView } from './model.ts';
import { OperationRefused, type Operations, OperationUnavailable, type Operator } from './operations.ts';
import { Redrive, type RedrivePlan } from './redrive.ts';

export interface DeadLetterOperationsOptions {
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

export type DeadLetterOperations = Pick<
  Operations,
  'deadLetters' | 'deadLetter' | 'redrive' | 'redriveState' | 'stopRedrive'
> & {
  /** Stops what runs, and waits until the audit has it. */
  close(): Promise<void>;
};

const OFFSET = /^\d{1,19}$/;
const REMEMBERED = 16;
/** Lists and previews at the same time; each holds some megabytes. */
const READERS = 4;
const DEFAULT_PER_SECOND = 10;
const DEFAULT_MAX = 1_000;

export function deadLetterOperations(options: DeadLetterOperationsOptions): DeadLetterOperations {
  const { log, names } = options;
  const runs = new RedriveRuns(options);
  let readers = 0;
  const reading = async <T>(read: () => Promise<T>): Promise<T> => {
    if (readers >= READERS) {
      throw new OperationRefused('TOO_MANY', `${READERS} others read dead letters through this node now; ask again`);
    }
    readers += 1;
    try {
      return await read();
    } finally {
      readers -= 1;
    }
  };
  return {
    deadLetters: (query) => reading(() => pageOf(options, query)),
    deadLetter: (partition, offset, withPayload) =>
      reading(async () => {
        if (!OFFSET.test(offset)) return undefined;
        const at = BigInt(offset);
        const bounds = (await log.bounds()).find((range) => range.partition === partition);
        if (bounds === undefined || at < bounds.from || at >= bounds.to) return undefined;
        const { records } = await log.read({ partition, from: at, to: at + 1n });
        return records[0] && viewOf(partition, records[0], names, withPayload);
      }),
    redrive: (body, by) => ((body.dryRun ?? true) ? reading(() => runs.preview(body)) : runs.begin(body, by)),
    redriveState: async (id) => runs.view(id),
    stopRedrive: async (id, by) => runs.stop(id, by),
    close: () => runs.close(),
  };
}

class RedriveRuns {
  readonly #options: DeadLetterOperationsOptions;
  /** The oldest first. */
  readonly #known = new Map<string, Redrive>();
  #running: { readonly id: string; readonly ended: Promise<void> } | undefined;
  #starting = false;
  #closed = false;

  constructor(options: DeadLetterOperationsOptions) {
    this.#options = options;
  }

  async preview(body: RedriveBody): Promise<RedriveView> {
    const plan = await this.#planOf(body);
    const redrive = new Redrive(plan, this.#options, null);
    await redrive.preview();
    this.#remember(plan.id, redrive);
    return redrive.view();
  }

  /** @throws OperationRefused when one runs; OperationUnavailable when it cannot be audited */
  async begin(body: RedriveBody, by: Operator): Promise<RedriveView> {
    if (this.#closed) throw new OperationUnavailable('this node ends; ask another one');
    if (this.#running !== undefined || this.#starting) {
      const which = this.#running === undefined ? '' : ` ${this.#running.id}`;
      throw new OperationRefused('TOO_MANY', `a redrive${which} runs on this node; stop it or wait for its end`);
    }
    this.#starting = true;
    try {
      const plan = await this.#planOf(body);
      const perSecond = body.perSecond ?? DEFAULT_PER_SECOND;
      const auditId = await this.#options.audit.begin({
        by,
        reason: body.reason,
        act: 'deadLetters.redrive',
        target: describeFilter(body.filter),
        before: `${beforeOf(plan.ranges)}; at most ${plan.max}, ${perSecond} per second; id ${plan.id}`,
      });
      if (this.#closed) {
        await this.#options.audit.end(auditId, { after: 'the node ended before it began', result: 'stopped' });
        throw new OperationUnavailable('this node ends; ask another one');
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

  stop(id: string, by: Operator): RedriveView | undefined {
    const redrive = this.#known.get(id);
    redrive?.stop(by.name);
    return redrive?.view();
  }

  async close(): Promise<void> {
    this.#closed = true;
    const running = this.#running;
    if (running === undefined) return;
    this.#known.get(running.id)?.stop(`the end of node ${this.#options.node}`);
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
