// What the page knows of a run over dead letters: by its acts (preview, drive, stop), and by asking every second how far it is.
//
// The two are kept apart. What became of an act stands until the next act, however often the run is asked for meanwhile; and an act
// that is under way stays so until it is answered. Asking ends when nobody can answer any more: its node is no member, or has
// forgotten the run. That is said, and what was heard last stays.
import type { RedriveView } from '../../../operations/model/dead-letters.ts';
import type { Answer, Failure } from './api.ts';

export interface Run {
  readonly seen: RedriveView | undefined;
  /** Of the last act. */
  readonly failure: Failure | undefined;
  /** The last act that was to change something was answered by nobody, which is `failure`: it may have been done. */
  readonly unsure: boolean;
  /** An act is under way. */
  readonly busy: boolean;
  /** Why nobody can say any more how far it is. */
  readonly lost: Failure | undefined;
}

export const NOT_BEGUN: Run = { seen: undefined, failure: undefined, unsure: false, busy: false, lost: undefined };

const NOBODY_KNOWS: readonly string[] = ['NO_SUCH_NODE', 'NOT_FOUND'];

export function acting(run: Run): Run {
  return { ...run, busy: true };
}

/** @param changes it was no preview */
export function acted(run: Run, answer: Answer<RedriveView>, changes: boolean): Run {
  const unsure = run.unsure && !changes && { failure: run.failure, unsure: true };
  if (answer.ok) return { ...NOT_BEGUN, seen: answer.value, ...unsure };
  const { failure } = answer;
  return { ...run, busy: false, failure, unsure: changes && failure.kind === 'away', ...unsure };
}

/** Asked before an act was answered it may come after that: what has ended does not run again. */
export function heard(run: Run, answer: Answer<RedriveView>): Run {
  if (run.seen?.state !== 'running') return run;
  if (answer.ok) return { ...run, seen: answer.value, lost: undefined };
  // Anything else may pass, and is asked again.
  return NOBODY_KNOWS.includes(answer.failure.code) ? { ...run, lost: answer.failure } : run;
}

/** What was counted is not what would be driven any more. */
export function edited(run: Run): Run {
  return { ...run, seen: undefined };
}

export function isWatched({ seen, lost }: Run): boolean {
  return seen?.state === 'running' && lost === undefined;
}
