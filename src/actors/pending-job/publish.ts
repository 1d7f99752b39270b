// How the request of a held job goes out, and under which id its service knows it.
import type { CorrelationId } from '../ids.ts';
import { LIMITS } from '../limits.ts';
import type { CallSettings } from '../messages.ts';
import type { Failing, Snapshot } from '../snapshot.ts';
import type { Decision, JobContext } from './effects.ts';
import type { JobState } from './state.ts';

/** Where the stored request keeps the correlation id it was signed with. */
export const CORRELATION = 'kafka_correlationId';

/** Hands the request of a held job to the publisher; again after a takeover, under the same correlation id. */
export function* publish(state: JobState, context: JobContext, held: Snapshot): Decision<void> {
  const request = held.request;
  if (request === undefined) return;
  // Only the first is ours: where technical headers have other names, a service may want one of this name for itself.
  const marked = request.headers.findIndex(([name]) => name === CORRELATION);
  yield {
    do: 'publish',
    request: {
      jobKey: state.jobKey,
      attempt: held.attempt,
      // As signed at the hold: a secret that rotates meanwhile must not change the id of the same attempt.
      correlationId: (request.headers[marked]?.[1] ??
        context.correlationId(state.jobKey, held.attempt)) as CorrelationId,
      lane: held.lane,
      content: { ...request, headers: request.headers.filter((_, index) => index !== marked) },
      profile: held.settings.profile,
      origin: held.origin,
      replyDeadlineMs: held.replyDeadlineMs,
      trace: held.trace,
    },
  };
}

/** What can never be sent needs a person: an incident, with the reason as its text. */
export function refused(reason: string): Failing {
  return {
    cause: `The request was not sent: ${reason}`,
    why: 'refused',
    retries: 0,
    backoffMs: 0,
    outcome: 'failed',
    errorCode: '',
    variables: '',
  };
}

/** An alias outlives its call: who finds one whose job has neither snapshot nor tombstone may take it over anyway. */
export function aliasMs(settings: CallSettings): number {
  const longestMs = settings.replyTimeoutMs + Math.max(settings.lateWindowMs, settings.incidentWindowMs);
  return Math.max(LIMITS.aliasMinMs, 2 * longestMs);
}
