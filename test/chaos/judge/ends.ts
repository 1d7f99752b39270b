// What ended is over (I6): no command for a job whose end was stored, no request of an attempt that has ended, and none at all
// after an end for good. Whoever acts may not have been told for a second.
import type { Event } from '../history.ts';
import type { ClaimHistory } from './claim-history.ts';
import { couldKnow, type Disturbances, TOLD_WITHIN_MS } from './disturbances.ts';
import type { Breach, Evidence, Finding } from './evidence.ts';
import type { Suspicion } from './rights.ts';

/** No attempt follows; after the other outcomes the engine may hand the job out again. */
const FOR_GOOD: readonly string[] = ['completed', 'cancelled', 'gone'];

/** By job, the first one stored. */
export function endsForGood(evidence: Evidence): ReadonlyMap<string, Event<'ended'>> {
  const ends = new Map<string, Event<'ended'>>();
  for (const end of evidence.of('ended')) {
    const known = ends.get(end.jobKey);
    if (FOR_GOOD.includes(end.outcome) && (known === undefined || end.storedMs < known.storedMs))
      ends.set(end.jobKey, end);
  }
  return ends;
}

export function actedAfterEnd(call: Event<'call'>, end: Event<'ended'> | undefined): Suspicion | undefined {
  if (end === undefined || call.giveBack === true || call.sentMs <= end.storedMs) return undefined;
  const lateMs = call.sentMs - end.storedMs;
  const message = `${call.node} sent ${call.command} ${lateMs} ms after the job's end (${end.outcome}) was stored`;
  return { what: 'actedAfterEnd', message, events: [end], changedMs: end.storedMs };
}

/** Which node sent a request its record does not tell: as long as any could not know, it is a doubt. */
export function judgeSentAfterEnd(
  evidence: Evidence,
  claims: ClaimHistory,
  disturbances: Disturbances,
): Required<Finding> {
  const breaches: Breach[] = [];
  const doubts: Breach[] = [];
  const ends = Map.groupBy(evidence.of('ended'), ({ jobKey }) => jobKey);
  for (const request of evidence.of('requested')) {
    const { jobKey, token, attempt, writtenMs } = request;
    const end = ends
      .get(jobKey)
      ?.find((ended) =>
        ended.attempt >= attempt
          ? writtenMs - ended.storedMs > TOLD_WITHIN_MS
          : FOR_GOOD.includes(ended.outcome) && writtenMs > ended.storedMs,
      );
    if (end === undefined) continue;
    const message = `attempt ${attempt} was sent ${writtenMs - end.storedMs} ms after attempt ${end.attempt} had ended (${end.outcome})`;
    const breach: Breach = { jobKey, token, atMs: writtenMs, what: 'sentAfterEnd', message, events: [end, request] };
    const nodes = new Set(claims.of(claims.shardOf(jobKey)).flatMap(({ node, released }) => (released ? [] : [node])));
    const act = { changedMs: end.storedMs, actedMs: writtenMs };
    const couldNot = [...nodes].some(
      (node) => couldKnow({ node, ...act }, disturbances, evidence.run.leaseTtlMs) !== 'guilty',
    );
    (couldNot && end.attempt >= attempt ? doubts : breaches).push(breach);
  }
  return { breaches, doubts };
}
