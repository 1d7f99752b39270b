// How jobs ended lately, newest first: the bucket's own end, read backwards. A tombstone's revision is its place in the stream, so
// no index is needed, and any node sees those of all. Between the tombstones lie jobs that still wait, and holes where something
// was overwritten; so a page may take several stretches, and when that is enough work for one question, it is a short one.
import type { JobKey, Revision, ShardId } from '../../actors/ids.ts';
import type { Clock } from '../../actors/ports.ts';
import type { Snapshot } from '../../actors/snapshot.ts';
import { decodeSnapshot, isTombstone } from '../../actors/snapshot-codec.ts';
import { Wanted } from '../../cluster/inventory.ts';
import { parseKey } from '../../cluster/names.ts';
import type { KvEntry, TailPort } from '../../cluster/ports.ts';
import type { OutcomePage, OutcomeQuery, OutcomeView } from './model/jobs.ts';
import { OperationRefused } from './operations.ts';
import { outcomeOf } from './views.ts';

/** Revisions of the first stretch; where little stands the next one is twice as long. */
const STRETCH = 1_000;
/** Entries read for one page, and the time for it: then it is a short one. */
const MOST_ENTRIES = 20_000;
/** Of a long stretch it is asked first how many entries it has: no more are read in one go. */
const LONG_STRETCH = 8 * STRETCH;
const MOST_AT_ONCE = 10_000;
const MOST_MS = 1_200;
const DEFAULT_LIMIT = 50;

export interface OutcomesOptions {
  readonly clock: Clock;
  readonly tail: TailPort;
  correlationId(jobKey: JobKey, attempt: number): string;
}

interface Ended {
  readonly jobKey: JobKey;
  readonly shard: ShardId;
  readonly revision: Revision;
  readonly snapshot: Snapshot;
}

/** @throws OperationRefused, KvUnavailable */
export async function readOutcomes(options: OutcomesOptions, query: OutcomeQuery): Promise<OutcomePage> {
  const { clock, tail } = options;
  const { outcome, limit = DEFAULT_LIMIT, after, ...filter } = query;
  const wanted = new Wanted(filter);
  const { first, last } = await tail.bounds();
  const endMs = clock.monotonicMs() + MOST_MS;
  const found: Ended[] = [];
  /** Everything at and above it was read. */
  let low = Math.min(after === undefined ? last + 1 : cursorOf(after), last + 1);
  let stretch = STRETCH;
  let entries = 0;
  while (low > first && found.length < limit) {
    if (entries >= MOST_ENTRIES || clock.monotonicMs() > endMs) break;
    let from = Math.max(first, low - stretch);
    if (low - from > LONG_STRETCH) {
      from = await shortened(tail, from, low);
      stretch = low - from;
    }
    const ended: Ended[] = [];
    let here = 0;
    await tail.read(from as Revision, low as Revision, (entry) => {
      here += 1;
      const one = endedOf(entry);
      if (one === undefined || (outcome !== undefined && one.snapshot.outcome !== outcome)) return;
      if (wanted.fits(one.jobKey, one.snapshot)) ended.push(one);
    });
    found.push(...ended.reverse());
    low = from;
    entries += here;
    if (here < STRETCH) stretch *= 2;
  }
  const page = found.slice(0, limit);
  const lastShown = page.at(-1)?.revision;
  const next = found.length > limit ? lastShown : low > first ? low : undefined;
  return { outcomes: page.map((ended) => viewOf(ended, options)), next: next === undefined ? null : String(next) };
}

/** From where on there are not too many entries below `low`. */
async function shortened(tail: TailPort, from: number, low: number): Promise<number> {
  const above = await tail.count(low as Revision);
  let start = from;
  while (low - start > LONG_STRETCH && (await tail.count(start as Revision)) - above > MOST_AT_ONCE) {
    start = low - Math.ceil((low - start) / 2);
  }
  return start;
}

/** undefined: something else, or a snapshot that this node cannot read. */
function endedOf({ key, value, revision }: KvEntry): Ended | undefined {
  const name = parseKey(key);
  if (name.kind !== 'job' || !isTombstone(value)) return undefined;
  try {
    return { jobKey: name.jobKey, shard: name.shard, revision, snapshot: decodeSnapshot(value) };
  } catch {
    return undefined;
  }
}

function viewOf({ jobKey, shard, snapshot }: Ended, { correlationId }: OutcomesOptions): OutcomeView {
  return outcomeOf(snapshot, {
    jobKey,
    shard,
    correlationId: snapshot.alias || correlationId(jobKey, snapshot.attempt),
  });
}

/** Outcomes below this revision follow. */
function cursorOf(after: string): number {
  if (/^\d{1,15}$/.test(after)) return Number(after);
  throw new OperationRefused('BAD_CURSOR', `after: "${after}" is not the next of a page of outcomes`);
}
