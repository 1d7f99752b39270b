// What led to a breach, for whoever has nothing but what a run printed: all that was seen of its job, and what was done to nodes
// and servers shortly before.
import type { Event, Kind } from './history.ts';
import type { Breach } from './judge/evidence.ts';

/** Of everything but the job's own events, which are told from their first to their last. */
const BEFORE_MS = 60_000;
const AFTER_MS = 2_000;

const OF_NODES: readonly Kind[] = ['fault', 'joined', 'lost', 'left', 'died'];

/** One line an event, in the order of time, with ms since the breach. */
export function linesAround(breach: Breach, events: readonly Event[]): string[] {
  const { jobKey } = breach;
  const tokens = new Set(breach.token === undefined ? [] : [breach.token]);
  const ids = new Set<string>();
  for (const event of events) {
    if (event.kind !== 'requested' || jobKey === undefined || event.jobKey !== jobKey) continue;
    tokens.add(event.token);
    ids.add(event.correlationId);
  }
  const concerns = (event: Event) =>
    breach.events.includes(event) ||
    ('jobKey' in event && jobKey !== undefined && event.jobKey === jobKey) ||
    ('token' in event && tokens.has(event.token)) ||
    ('correlationId' in event && ids.has(event.correlationId));
  const near = ({ kind, atMs }: Event) =>
    OF_NODES.includes(kind) && atMs > breach.atMs - BEFORE_MS && atMs < breach.atMs + AFTER_MS;
  return events
    .filter((event) => concerns(event) || near(event))
    .toSorted((a, b) => happenedMs(a) - happenedMs(b))
    .map((event) => {
      const { kind, atMs: _, ...fields } = event;
      return `${happenedMs(event) - breach.atMs} ms ${kind} ${JSON.stringify(fields)}`;
    });
}

/** Not when it was written down. */
function happenedMs(event: Event): number {
  if ('sentMs' in event) return event.sentMs;
  if ('storedMs' in event) return event.storedMs;
  return 'writtenMs' in event ? event.writtenMs : event.atMs;
}
