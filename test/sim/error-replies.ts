// I10 and I3 of what services say: a stored error is one that a service said, of that attempt, and costs what it may.
//
// Each error reply of the simulated services has a text that no other has, and the text is the cause that is stored. So each
// cause can be held against the record it came from: there is one; it is of the attempt that it fails (a business key
// names no attempt, so under one it may be of another); it fails no second attempt; and it leaves as many retries as it
// says itself, or else one less, or for an error of the business all of them.
//
// What a person says by hand is held against what he said in the same way: it fails one attempt.
//
// Heartbeats cause nothing. Silence is true only if no heartbeat that was in Kafka in time says otherwise; and of all
// heartbeats to a job at most one in five seconds is written.
import { HEARTBEAT, type Snapshot } from '../../src/actors/snapshot.ts';
import { VIRTUAL_EPOCH_MS } from '../support/manual-clock.ts';
import { CLOCKS_APART_MS } from './fail-causes.ts';
import type { ErrorKind, EventOf } from './history.ts';
import type { JobFacts } from './job-facts.ts';
import { OPERATOR } from './names.ts';

/** An error as a service said it. */
export interface SaidError {
  readonly meant: ErrorKind;
  readonly attempt: number;
  readonly retries: number | undefined;
  readonly writtenMs: number;
  /** The attempt that it failed; 0: none. */
  failed: number;
}

export interface Beat {
  readonly attempt: number;
  readonly writtenMs: number;
}

/** The cause of a job that `OPERATOR` has dropped. */
export const GIVEN_BACK = `Given back to the engine by ${OPERATOR}.`;

const WRITTEN_EVERY_MS = 5_000;
/** Entries of a timeline: of a full one, and those at its beginning that are never pushed out. */
const FULL = 16;
const KEPT_FIRST = 4;
const MEANT: Readonly<Record<string, ErrorKind>> = { businessError: 'error', technicalError: 'failure' };

/** What a service said, noted. */
export function heard(
  { meant, attempt = 0, said = '', retries }: EventOf<'replied'>,
  job: JobFacts,
  writtenMs: number,
) {
  if (meant === 'error' || meant === 'failure') job.errors.set(said, { meant, attempt, retries, writtenMs, failed: 0 });
  else if (meant === 'heartbeat') job.beats.push({ attempt, writtenMs });
}

/** Of a cause that was just stored: what is wrong with it; undefined: nothing. */
export function breachOfError(
  snapshot: Snapshot,
  job: JobFacts,
): { invariant: 'I3' | 'I10'; message: string } | undefined {
  const { failing, attempt, alias } = snapshot;
  const meant = MEANT[failing?.why ?? ''];
  if (failing?.why === 'byHand') {
    const failed = job.byHand.get(failing.cause);
    if (failed === undefined) return { invariant: 'I3', message: `nobody said ${failing.cause} by hand` };
    job.byHand.set(failing.cause, attempt);
    // A job may be given back several times, in the same words.
    return failed === 0 || failed === attempt || failing.cause === GIVEN_BACK
      ? undefined
      : { invariant: 'I10', message: `one act by hand fails attempts ${failed} and ${attempt}` };
  }
  if (failing === undefined || meant === undefined) return undefined;
  const error = job.errors.get(failing.cause);
  if (error?.meant !== meant) return { invariant: 'I3', message: `no service said ${failing.why} ${failing.cause}` };
  const before = error.failed;
  error.failed = attempt;
  const underKey = alias !== '' && !alias.startsWith('hf1-');
  if (error.attempt !== attempt && !underKey)
    return { invariant: 'I10', message: `an error of attempt ${error.attempt} fails attempt ${attempt}` };
  if (before !== 0 && before !== attempt)
    return { invariant: 'I10', message: `one error reply fails attempts ${before} and ${attempt}` };
  const oneLess = Math.max(0, snapshot.retries - 1);
  const left = meant === 'error' ? snapshot.retries : (error.retries ?? oneLess);
  const wrong = `${failing.cause} leaves ${failing.retries} retries of ${snapshot.retries} instead of ${left}`;
  return failing.retries === left ? undefined : { invariant: 'I10', message: wrong };
}

/** Of a stored "no sign of life": what makes it untrue. */
export function breachOfSilence(
  { attempt, heldAtMs, settings }: Snapshot,
  job: JobFacts,
  atMs: number,
): string | undefined {
  const { heartbeatTimeoutMs } = settings;
  let deadlineMs = heldAtMs - VIRTUAL_EPOCH_MS + heartbeatTimeoutMs;
  for (const beat of job.beats) {
    if (beat.attempt !== attempt || beat.writtenMs >= deadlineMs - CLOCKS_APART_MS) continue;
    deadlineMs = Math.max(deadlineMs, beat.writtenMs + heartbeatTimeoutMs);
  }
  if (atMs >= deadlineMs - CLOCKS_APART_MS) return undefined;
  return `silent, though heard: its time was up ${Math.round(deadlineMs - atMs)} ms later`;
}

/** Of a snapshot that was just stored: whether it writes a heartbeat too soon after the last one that its timeline still knew. */
export function breachOfPace({ timeline }: Snapshot, job: JobFacts, staleReads: boolean): string | undefined {
  const last = timeline.at(-1);
  if (last?.what !== HEARTBEAT || last.atMs === job.beatWritten?.atMs) return undefined;
  const before = job.beatWritten;
  job.beatWritten = last;
  if (before === undefined || staleReads) return undefined;
  // A dozen steps since then have pushed it out, and whoever takes the job up after them cannot know of it.
  const isForgotten =
    timeline.length === FULL && timeline.every(({ atMs }, at) => at < KEPT_FIRST || atMs > before.atMs);
  if (
    isForgotten &&
    !timeline.slice(0, KEPT_FIRST).some(({ what, atMs }) => what === HEARTBEAT && atMs === before.atMs)
  )
    return undefined;
  const apart = last.atMs - before.atMs;
  const least = WRITTEN_EVERY_MS - (last.node === before.node ? 1 : CLOCKS_APART_MS);
  return apart >= least ? undefined : `heartbeats written ${apart} ms apart`;
}
