// I4: a node that is cut off from NATS starts nothing, whatever its lease says. Where its connections were reset it knows at once.
// Where a link only swallows, it knows by a write that has been unanswered for a second: of its lease at the latest, which it
// renews every fifth of a TTL.
import type { Event } from '../history.ts';
import type { Disturbances } from './disturbances.ts';
import type { Breach } from './evidence.ts';

const UNANSWERED_MS = 1_000;
/** What had left the node when it was cut off, and a process that looks up late. */
const ON_ITS_WAY_MS = 1_000;
const RENEWALS_PER_TTL = 5;

export function actedWhileCutOff(
  calls: readonly Event<'call'>[],
  disturbances: Disturbances,
  leaseTtlMs: number,
): Breach[] {
  const cuts = disturbances.all.filter(({ what, of }) => of === 'nats' && (what === 'cut' || what === 'halfOpen'));
  return cuts.flatMap(({ what, node, fromMs, endMs }) => {
    const noticedMs = what === 'cut' ? 0 : leaseTtlMs / RENEWALS_PER_TTL + UNANSWERED_MS;
    const sinceMs = fromMs + noticedMs + ON_ITS_WAY_MS;
    const acts = calls.filter((call) => call.node === node && call.sentMs > sinceMs && call.sentMs < endMs);
    return acts.map((call): Breach => {
      const message = `${call.node} sent ${call.command} ${call.sentMs - fromMs} ms after it had been cut off from NATS`;
      return { what: 'actedWhileCutOff', atMs: call.sentMs, jobKey: call.jobKey, message, events: [call] };
    });
  });
}
