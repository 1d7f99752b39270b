// What an error reply, or one that means nothing, does to its job: the stored cause that it becomes. One such reply costs
// at most one retry, unless it says itself how many are left.
import { LIMITS } from '../limits.ts';
import type { Verdict } from '../messages.ts';
import type { Failing, Snapshot } from '../snapshot.ts';

export function failingBy(snapshot: Snapshot, told: Exclude<Verdict, { kind: 'result' | 'heartbeat' }>): Failing {
  const verdict = fitting(told);
  const { retries, settings } = snapshot;
  const oneLess = Math.max(0, retries - 1);
  const failed = { retries: oneLess, backoffMs: settings.retryBackoffMs, outcome: 'failed', errorCode: '' } as const;
  switch (verdict.kind) {
    case 'error':
      return {
        cause: verdict.message,
        why: 'businessError',
        retries,
        backoffMs: 0,
        outcome: 'bpmnError',
        errorCode: verdict.code,
        variables: verdict.variables,
      };
    case 'failure':
      return {
        ...failed,
        cause: verdict.message === '' ? 'The service failed and gave no reason.' : verdict.message,
        why: 'technicalError',
        retries: verdict.retries ?? oneLess,
        backoffMs: verdict.backoffMs ?? settings.retryBackoffMs,
        variables: verdict.variables,
      };
    case 'malformed':
      return {
        ...failed,
        cause: `Malformed reply (${verdict.reason}): ${verdict.message}`,
        why: 'malformed',
        variables: '',
      };
  }
}

/** An error is told even when what came with it is more than the engine takes with an error: the message is what counts. */
function fitting<V extends Exclude<Verdict, { kind: 'result' | 'heartbeat' }>>(verdict: V): V {
  if (verdict.kind === 'malformed' || verdict.variables.length <= LIMITS.errorVariablesChars) return verdict;
  const why = `they have ${verdict.variables.length} characters; the most is ${LIMITS.errorVariablesChars}`;
  return { ...verdict, message: withoutVariables(verdict.message, why), variables: '' };
}

/** The message of an error whose variables the engine would not take. */
export function withoutVariables(message: string, why: string): string {
  return `${message}${message === '' ? '' : ' '}(Its variables were left out: ${why}.)`;
}
