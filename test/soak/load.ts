// Steady load with all that a service does on an ordinary day: most requests are answered, some twice, some with heartbeats
// before, some fail the first time, and between them come records that are nobody's. Every path that takes memory is
// walked all the time.
import type { ServiceRequest } from '../support/service.ts';
import { ANSWER, partsOf } from '../support/service.ts';
import type { Trial } from '../support/trial.ts';

export const EVERY = { twice: 20, heartbeat: 30, failure: 40, nobodys: 50, noJson: 60 } as const;

/** What a service does with a request; `trial` is there once it is started. */
export function ordinaryDay(trial: () => Trial): (request: ServiceRequest, number: number) => string | undefined {
  return (request, number) => {
    const { service } = trial();
    const is = (every: number) => number % every === 0;
    const first = partsOf(request.correlationId).attempt === 1;
    const answer = ANSWER(request, number);
    if (is(EVERY.nobodys)) service.send({ topic: request.replyTopic, correlationId: `nobody-${number}`, value: '{}' });
    if (is(EVERY.heartbeat)) service.reply(request, '0.5', { 'reply-status': 'heartbeat' });
    if (is(EVERY.noJson) && first) {
      service.reply(request, 'no JSON');
      return undefined;
    }
    if (is(EVERY.failure) && first) {
      service.reply(request, '{}', { 'reply-status': 'failure', 'error-message': 'not today' });
      return undefined;
    }
    if (is(EVERY.twice) && answer !== undefined) service.reply(request, answer);
    return answer;
  };
}
