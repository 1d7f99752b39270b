// Which dead letters are meant: the same words for the list and for driving again.
import type { Letter } from './dead-letter-decoding.ts';
import { higherOf, type LetterLog, lowerOf, type OffsetRange } from './letter-log.ts';
import type { DeadLetterFilter, RedriveBody } from './model/dead-letters.ts';

/**
 * Kafka finds the first record that is stamped late enough. All before it are earlier, so a beginning is exact. But behind it
 * earlier ones may follow, for each node stamps with its own clock: so an end is looked for a day later than asked. (One record
 * stamped more than a day ahead of its time hides what follows it from a list that has an end.)
 */
const OUT_OF_ORDER_MS = 86_400_000;

/** Both ends of the time belong to it. `text`: in key, reason, message or correlation id; never in the value. */
export function matches(filter: DeadLetterFilter, { summary, key }: Letter): boolean {
  const { reason, sinceMs, untilMs, text } = filter;
  if (reason !== undefined && summary.reason !== reason) return false;
  if (sinceMs !== undefined && summary.atMs < sinceMs) return false;
  if (untilMs !== undefined && summary.atMs > untilMs) return false;
  if (text === undefined) return true;
  const wanted = text.toLowerCase();
  return [key, summary.reason, summary.message, summary.correlationId].some(
    (field) => field?.toLowerCase().includes(wanted) ?? false,
  );
}

/** Where matching letters can lie, by partition; everything else need not be read. @throws OperationUnavailable */
export async function rangesOf(log: LetterLog, filter: DeadLetterFilter): Promise<readonly OffsetRange[]> {
  const { sinceMs, untilMs } = filter;
  const [all, starts, ends] = await Promise.all([
    log.bounds(),
    sinceMs === undefined ? undefined : log.offsetsAt(sinceMs),
    untilMs === undefined ? undefined : log.offsetsAt(untilMs + OUT_OF_ORDER_MS),
  ]);
  return all.map(({ partition, from, to }) => {
    const start = starts === undefined ? from : (starts.get(partition) ?? to);
    const end = ends?.get(partition) ?? to;
    return { partition, from: higherOf(from, lowerOf(start, to)), to: lowerOf(end, to) };
  });
}

/** In words, for the audit. */
export function describeFilter({ reason, sinceMs, untilMs, text, positions }: RedriveBody['filter']): string {
  const said = [
    ...(reason === undefined ? [] : [`reason ${reason}`]),
    ...(sinceMs === undefined ? [] : [`since ${timeOf(sinceMs)}`]),
    ...(untilMs === undefined ? [] : [`until ${timeOf(untilMs)}`]),
    ...(text === undefined ? [] : [`text ${JSON.stringify(text)}`]),
    ...(positions === undefined ? [] : [`at ${positions.map((at) => `${at.partition}/${at.offset}`).join(' ')}`]),
  ];
  return said.length === 0 ? 'all dead letters' : `dead letters: ${said.join(', ')}`;
}

/** What is no moment is said as it is. */
function timeOf(atMs: number): string {
  const date = new Date(atMs);
  return Number.isNaN(date.getTime()) ? String(atMs) : date.toISOString();
}
