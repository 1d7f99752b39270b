// Requests of which there is more than one record under one correlation id, each with its reason: what
// test/sim/requests-again.ts asks of a simulated world, asked from outside.
//
// I8: what is published again is not covered by the record of what its writer had sent, as that stood when the new owner
// claimed the shard; and it was first written, or acknowledged by Kafka, in the last 500 ms before the crash. From outside
// an acknowledgement is not seen, only when the record was sent and when the service read it: what is older counts from the
// latter, and half a second more is allowed for the way back. Where the record of
// what was sent could not be written at once (JetStream away, a link cut or slow, a process stopped) or Kafka's answers did
// not come, the 500 ms do not hold: those repeats must lie in that time, and are counted apart.
import type { Event } from '../history.ts';
import type { Claimed, ClaimHistory } from './claim-history.ts';
import type { Disturbance, Disturbances } from './disturbances.ts';
import type { Breach, Evidence, Finding } from './evidence.ts';

/** How old the first record may be when its writer crashes: 500 ms until it is noted, and as much for Kafka's answer. */
const NOTED_WITHIN_MS = 1_000;
/** How old an answer of a deposed leader of the bucket may be. */
const STALE_MS = 1_000;

type Requested = Event<'requested'>;

export interface RepeatFigures {
  /** Records beyond the first of their correlation id. */
  readonly repeated: number;
  /** Of those: written right before their writer was killed; by kill, for each that had any node to hit. */
  readonly byKill: readonly number[];
  /** Written while it could not be noted or acknowledged, or right before the shard was taken from a node that lived. */
  readonly inTrouble: number;
}

export function judgeRepeats(
  evidence: Evidence,
  claims: ClaimHistory,
  disturbances: Disturbances,
): Finding & { readonly figures: RepeatFigures } {
  const breaches: Breach[] = [];
  const notes = new Notes(evidence, claims, disturbances);
  const kills = new Map(
    disturbances.all.filter(({ what }) => what === 'kill').map((kill): [Disturbance, number] => [kill, 0]),
  );
  let repeated = 0;
  let inTrouble = 0;
  for (const records of recordsById(evidence).values()) {
    for (const [index, again] of records.entries()) {
      const before = records[index - 1];
      if (before === undefined) continue;
      repeated += 1;
      const reason = notes.reasonOf(before, again);
      if (reason.kind === 'breach') breaches.push(reason.breach);
      else if (reason.kind === 'done' && reason.to.what === 'kill')
        kills.set(reason.to, (kills.get(reason.to) ?? 0) + 1);
      else inTrouble += 1;
    }
  }
  return { breaches, figures: { repeated, byKill: [...kills.values()], inTrouble } };
}

/** A record that was read twice is one. */
function recordsById(evidence: Evidence): ReadonlyMap<string, readonly Requested[]> {
  const records = new Map<string, Requested>();
  for (const request of evidence.of('requested')) {
    if (!records.has(request.record)) records.set(request.record, request);
  }
  const ordered = [...records.values()].toSorted((a, b) => a.writtenMs - b.writtenMs || (a.record < b.record ? -1 : 1));
  return Map.groupBy(ordered, ({ correlationId }) => correlationId);
}

/** Why it was sent again: what was done to its writer or to a server; that it forgot everything, or the shard was taken from it; or none. */
type Reason =
  | { readonly kind: 'done'; readonly to: Disturbance }
  | { readonly kind: 'taken' }
  | { readonly kind: 'breach'; readonly breach: Breach };

class Notes {
  readonly #claims: ClaimHistory;
  readonly #disturbances: Disturbances;
  readonly #held: ReadonlyMap<string, readonly Event<'held'>[]>;
  readonly #sent: ReadonlyMap<string, readonly Event<'sent'>[]>;
  /** By incarnation, when it forgot everything. */
  readonly #lost: ReadonlyMap<string, number>;

  constructor(evidence: Evidence, claims: ClaimHistory, disturbances: Disturbances) {
    this.#claims = claims;
    this.#disturbances = disturbances;
    this.#held = Map.groupBy(byRevision(evidence.of('held')), ({ jobKey, attempt }) => `${jobKey} ${attempt}`);
    this.#lost = new Map(evidence.of('lost').map(({ incarnation, atMs }) => [incarnation, atMs]));
    this.#sent = Map.groupBy(byRevision(evidence.of('sent')), ({ incarnation }) => incarnation);
  }

  reasonOf(before: Requested, again: Requested): Reason {
    const shard = this.#claims.shardOf(before.jobKey);
    const standing = (claim: Claimed) => !claim.released;
    const from = this.#claims.lastAt(shard, before.writtenMs, standing);
    const to = this.#claims.lastAt(shard, again.writtenMs, standing);
    const writer = from && this.#claims.nodeOf(from.incarnation);
    const noted = this.#noted(before, again, to, writer);
    if (noted !== undefined) return { kind: 'breach', breach: noted };

    // Of a shard that stayed, or was handed over in order, everything is noted: only Kafka can then have owed an answer.
    const next = from && this.#claims.next(from);
    const taken = next !== undefined && !next.released && next.storedMs <= again.writtenMs;
    const overMs = taken
      ? Math.min(this.#lost.get(from?.incarnation ?? '') ?? next.storedMs, next.storedMs)
      : undefined;
    const done = this.#whatExplains(writer, before, again, taken || from === undefined);
    if (done !== undefined) return { kind: 'done', to: done };
    if (overMs !== undefined && before.atMs >= overMs - NOTED_WITHIN_MS) return { kind: 'taken' };
    const agoMs = again.writtenMs - before.writtenMs;
    const message = `sent again ${agoMs} ms after its first record, and nothing that was done to ${writer ?? 'any node'} explains it`;
    const events = compact([before, again, from, next]);
    return { kind: 'breach', breach: { ...about(again), what: 'repeatedUnexplained', message, events } };
  }

  /** The last hold before the new owner's claim, and what its writer had noted as sent by then. */
  #noted(before: Requested, again: Requested, to: Claimed | undefined, writer: string | undefined): Breach | undefined {
    if (to === undefined) return undefined;
    const { jobKey, attempt } = again;
    // A try that was given up may lie in a slow connection until another one was acknowledged.
    if (
      writer !== undefined &&
      this.#disturbances.felt(writer, ['kafka'], before.writtenMs, again.writtenMs).length > 0
    )
      return undefined;
    const hold = this.#held.get(`${jobKey} ${attempt}`)?.findLast(({ revision }) => revision < to.revision);
    if (hold === undefined) return undefined;
    const stale = this.#disturbances.felt(to.node, ['nats'], to.storedMs - STALE_MS, to.storedMs + STALE_MS).length > 0;
    const note = this.#sent
      .get(hold.incarnation)
      ?.findLast(({ revision, storedMs }) => revision < to.revision && (!stale || storedMs <= to.storedMs - STALE_MS));
    if (note === undefined || hold.revision > note.upTo) return undefined;
    if (note.except.some(([key, number]) => key === jobKey && number === attempt)) return undefined;
    const message = `sent again, though ${hold.incarnation} had noted it as sent (up to ${note.upTo}) before ${to.node} claimed the shard`;
    return { ...about(again), what: 'repeatedThoughNoted', message, events: [hold, note, to, again] };
  }

  #whatExplains(
    writer: string | undefined,
    before: Requested,
    again: Requested,
    taken: boolean,
  ): Disturbance | undefined {
    const explaining = this.#disturbances.all.filter(
      ({ node, of, what, fromMs, toMs }) =>
        (node === undefined || writer === undefined || node === writer) &&
        (of === 'kafka' || (of === 'process' && what !== 'kill') || (taken && of !== 'zeebe')) &&
        fromMs <= again.writtenMs &&
        before.atMs >= fromMs - NOTED_WITHIN_MS &&
        before.writtenMs <= toMs + NOTED_WITHIN_MS,
    );
    return explaining.find(({ what }) => what === 'kill') ?? explaining[0];
  }
}

function about({ jobKey, token, writtenMs }: Requested) {
  return { jobKey, token, atMs: writtenMs };
}

function byRevision<E extends { readonly revision: number }>(events: readonly E[]): E[] {
  return events.toSorted((a, b) => a.revision - b.revision);
}

function compact(events: readonly (Event | undefined)[]): Event[] {
  return events.filter((event) => event !== undefined);
}
