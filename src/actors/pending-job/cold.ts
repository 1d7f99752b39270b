// A pending job that only waits, as small as it can be kept. Most of its life a job waits for a reply, and there may be a
// million: as objects its state costs several times what it costs as bytes, which a store of our own keeps (cold-store.ts). What
// it has in common with others is not even in these (cold-shared.ts). It is unpacked when something happens to it.
//
//   numbers (what is asked of all jobs, again and again) │ names (what is searched) │ the rest
//
// When it is to be looked at next stands in front and is seen without unpacking, for after a takeover that is asked of all of
// them within seconds. So does since when it is held, which whoever lists them asks of all (cluster/inventory.ts).
import { Packr } from 'msgpackr';
import type { JobKey, Revision } from '../ids.ts';
import type { Snapshot, TimelineEntry } from '../snapshot.ts';
import { canBeWritten, type Names, namesBytesMost, readNames, writeNames } from './cold-names.ts';
import { type Shared, sharedOf } from './cold-shared.ts';
import type { ColdStore, Handle, Packed } from './cold-store.ts';
import { emptyState, type JobState } from './state.ts';

/** The part of a packed job's state that tells when it wants to be looked at (due.ts). */
export interface WaitingTimes {
  readonly snapshot: { readonly kind: 'held' | 'parked'; readonly replyDeadlineMs: number };
  readonly lockDeadlineMs: number;
  readonly engineAtMs: number;
  readonly heartbeatDeadlineMs: number;
  readonly progress: undefined;
}

const LOCK_DEADLINE = 0;
const ENGINE_AT = 1;
const HEARTBEAT_DEADLINE = 2;
const REPLY_DEADLINE = 3;
const HELD_AT = 4;
const ATTEMPT = 5;
const HEADER_BYTES = 6 * 8;
const UNBROKEN = 1;
const COMPLETE_UNSEEN = 2;
const OTHER_UNSEEN = 4;
const PARKED = 8;
const FLAGS = 16;
/** Beyond this many tries the backoff has long been the longest. */
const TRIES = 65_536;

/** What is neither shared nor a number nor a name, in this order. It never leaves the process: the order may change. */
type Rest = readonly [
  ackedAtMs: number,
  attachedAtMs: number,
  handedOutMs: number,
  sentAttempt: number,
  retries: number,
  heartbeatDeadlineMs: number,
  trace: string,
  progress: string,
  timeline: readonly (number | string)[],
  /** null: none of this, as of most. */
  more: More | null,
  /** null: it stands for others too. */
  alone: Shared | null,
];

type More = Pick<Snapshot, 'applied' | 'reply' | 'failing' | 'outcome' | 'endedAtMs' | 'resend'>;

const NO_MORE: More = {
  ...{ applied: [], reply: undefined, failing: undefined, outcome: undefined, endedAtMs: 0, resend: false },
};

/** It keeps the names of fields, of which each job would have more than of what stands there: what is packed is for this one alone. */
const packr = new Packr({ structures: [] });
/** For numbers and names. */
let scratch = Buffer.alloc(256);

/** undefined: this one is not to be packed, because it owes a request, a heartbeat's write, or something to the engine. */
export function pack(state: JobState, store: ColdStore): Handle | undefined {
  const { snapshot } = state;
  const waits = snapshot?.kind === 'parked' || (snapshot?.kind === 'held' && state.ackedAttempt === snapshot.attempt);
  if (snapshot === undefined || !waits || state.progress !== undefined || !canBeWritten(snapshot)) return undefined;
  const most = HEADER_BYTES + namesBytesMost(snapshot);
  if (scratch.length < most) scratch = Buffer.alloc(2 * most);
  const bytes = scratch;
  bytes.writeDoubleLE(state.lockDeadlineMs, LOCK_DEADLINE * 8);
  bytes.writeDoubleLE(state.engineAtMs, ENGINE_AT * 8);
  bytes.writeDoubleLE(state.heartbeatDeadlineMs, HEARTBEAT_DEADLINE * 8);
  bytes.writeDoubleLE(snapshot.replyDeadlineMs, REPLY_DEADLINE * 8);
  bytes.writeDoubleLE(snapshot.heldAtMs, HELD_AT * 8);
  const flags =
    (state.unbroken ? UNBROKEN : 0) |
    (state.completeUnseen ? COMPLETE_UNSEEN : 0) |
    (state.otherUnseen ? OTHER_UNSEEN : 0) |
    (snapshot.kind === 'parked' ? PARKED : 0);
  const tries = snapshot.attempt * TRIES + Math.min(state.engineTries, TRIES - 1);
  bytes.writeDoubleLE(tries * FLAGS + flags, ATTEMPT * 8);
  const end = writeNames(snapshot, bytes, HEADER_BYTES);
  const part = store.parts.take(snapshot);
  try {
    return store.put(bytes.subarray(0, end), packr.pack(restOf(state, snapshot, store.parts.at(part))), part);
  } catch (error) {
    store.parts.release(part);
    throw error;
  }
}

export function unpack(jobKey: JobKey, revision: Revision, packed: Packed): JobState {
  const { bytes } = packed;
  const last = numberAt(packed, ATTEMPT);
  const flags = last % FLAGS;
  const tries = Math.floor(last / FLAGS);
  const attempt = Math.floor(tries / TRIES);
  const names = packedNames(packed);
  const rest = packr.unpack(bytes.subarray(names.end, packed.to)) as Rest;
  const [ackedAtMs, attachedAtMs, handedOutMs, sentAttempt, retries, heartbeatDeadlineMs, ...texts] = rest;
  const [trace, progress, timeline, more, alone] = texts;
  const shared = packed.shared ?? alone!;
  const { kind, incarnation, lane, settings, origin } = shared;
  const text = ({ from, to }: { readonly from: number; readonly to: number }) => bytes.toString('utf8', from, to);
  const { applied, reply, failing, outcome, endedAtMs, resend } = more ?? NO_MORE;
  const snapshot: Snapshot = {
    ...{ kind, attempt, incarnation, sentAttempt, lane, settings, retries },
    origin: {
      ...origin,
      instanceKey: text(names.instanceKey),
      elementInstanceKey: text(names.elementInstanceKey),
    },
    heldAtMs: numberAt(packed, HELD_AT),
    replyDeadlineMs: numberAt(packed, REPLY_DEADLINE),
    heartbeatDeadlineMs,
    ...{ progress, trace, alias: text(names.alias), request: undefined },
    ...{ applied, reply, failing, outcome, endedAtMs, resend },
    timeline: readTimeline(timeline, shared),
  };
  return Object.assign(emptyState(jobKey), {
    snapshot,
    revision,
    lockDeadlineMs: numberAt(packed, LOCK_DEADLINE),
    engineAtMs: numberAt(packed, ENGINE_AT),
    ...{ ackedAtMs, attachedAtMs, handedOutMs },
    heartbeatDeadlineMs: numberAt(packed, HEARTBEAT_DEADLINE),
    engineTries: tries % TRIES,
    ackedAttempt: kind === 'held' ? attempt : 0,
    unbroken: (flags & UNBROKEN) !== 0,
    completeUnseen: (flags & COMPLETE_UNSEEN) !== 0,
    otherUnseen: (flags & OTHER_UNSEEN) !== 0,
  });
}

export function timesOf(packed: Packed): WaitingTimes {
  return {
    snapshot: { kind: isParked(packed) ? 'parked' : 'held', replyDeadlineMs: numberAt(packed, REPLY_DEADLINE) },
    lockDeadlineMs: numberAt(packed, LOCK_DEADLINE),
    engineAtMs: numberAt(packed, ENGINE_AT),
    heartbeatDeadlineMs: numberAt(packed, HEARTBEAT_DEADLINE),
    progress: undefined,
  };
}

export function heldAtMsOf(packed: Packed): number {
  return numberAt(packed, HELD_AT);
}

export function attemptOf(packed: Packed): number {
  return Math.floor(numberAt(packed, ATTEMPT) / (FLAGS * TRIES));
}

export function packedNames({ bytes, from }: Packed): Names {
  return readNames(bytes, from + HEADER_BYTES);
}

function isParked(packed: Packed): boolean {
  return ((numberAt(packed, ATTEMPT) % FLAGS) & PARKED) !== 0;
}

function numberAt({ bytes, from }: Packed, index: number): number {
  return bytes.readDoubleLE(from + index * 8);
}

/** Without the request: Kafka has it, and the next write drops it anyway. */
function restOf(state: JobState, snapshot: Snapshot, shared: Shared | undefined): Rest {
  const { sentAttempt, retries, heartbeatDeadlineMs, trace, progress, timeline } = snapshot;
  const { applied, reply, failing, outcome, endedAtMs, resend } = snapshot;
  const hasMore = applied.length > 0 || endedAtMs !== 0 || resend || (reply ?? failing ?? outcome) !== undefined;
  return [
    state.ackedAtMs,
    state.attachedAtMs,
    state.handedOutMs,
    sentAttempt,
    retries,
    heartbeatDeadlineMs,
    trace,
    progress,
    timelineOf(timeline, shared?.words ?? []),
    hasMore ? { applied, reply, failing, outcome, endedAtMs, resend } : null,
    shared === undefined ? sharedOf(snapshot) : null,
  ];
}

/** Moment, what, node, for each; a word that is shared by its number. */
function timelineOf(timeline: readonly TimelineEntry[], words: readonly string[]): (number | string)[] {
  const numbered = (word: string) => {
    const index = words.indexOf(word);
    return index < 0 ? word : index;
  };
  const values: (number | string)[] = [];
  for (const { atMs, what, node } of timeline) values.push(atMs, numbered(what), numbered(node));
  return values;
}

function readTimeline(values: readonly (number | string)[], { words }: Shared): TimelineEntry[] {
  const word = (value: number | string) => (typeof value === 'string' ? value : words[value]!);
  const timeline: TimelineEntry[] = [];
  for (let i = 0; i < values.length; i += 3) {
    timeline.push({ atMs: values[i] as number, what: word(values[i + 1]!), node: word(values[i + 2]!) });
  }
  return timeline;
}
