// What an error reply, or one that means nothing, does to its job: the stored cause that it becomes. One such reply costs
// at most one retry, unless it says itself how many are left.
import { LIMITS } from '../limits.ts';
import type { Verdict } from '../messages.ts';
import type { Failing, Snapshot } from '../snapshot.ts';

export function failingBy(snapshot: Snapshot, verdict: Exclude<Verdict, { kind: 'result' | 'heartbeat' }>): Failing {
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
        variables: fitting(verdict.variables),
      };
    case 'failure':
      return {
        ...failed,
        cause: verdict.message === '' ? 'The service failed and gave no reason.' : verdict.message,
        why: 'technicalError',
        retries: verdict.retries ?? oneLess,
        backoffMs: verdict.backoffMs ?? settings.retryBackoffMs,
        variables: fitting(verdict.variables),
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
function fitting(variables: string): string {
  return variables.length > LIMITS.errorVariablesChars ? '' : variables;
}
