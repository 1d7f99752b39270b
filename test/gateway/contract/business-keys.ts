// Calls whose service sees a key of the business instead of a correlation id of the bridge: the key is all that the service
// knows, and no two calls have it at a time. That it is free again later takes minutes: test/cluster/aliases.test.ts.
import { expect, test } from 'vitest';
import type { Plan, Stage } from './stage.ts';

export const BUSINESS_KEYS: Plan = {
  routes: { 'by-order': { correlationKey: '=order.id', retryBackoff: 'PT1S', lateWindow: 'PT1M', retries: 2 } },
};

export function businessKeys(stage: Stage): void {
  test('the service sees the key and answers under it; under the same key it is a duplicate then', async () => {
    const [journey, request] = await stage.call('by-order');
    expect(request.correlationId).toBe(journey.id);
    expect(request.key).toBe(journey.id);
    expect(Object.values(request.headers).filter((text) => text.startsWith('hf1-'))).toEqual([]);
    stage.answer(request, '{"answer":1}');
    expect((await stage.passed(journey)).get('answer')).toBe('1');
    stage.answer(request, '{"answer":2}');
    const answers = await stage.acknowledged(journey.id, 2);
    expect(answers.map(({ headers }) => headers['holdfast-answer'])).toEqual(['applied', 'duplicate']);
    expect(stage.deadLettersOf(journey.id)).toEqual([]);
  });

  test('an error under the key is one of the attempt that stands', async () => {
    const [journey, request] = await stage.call('by-order');
    stage.answer(request, null, { 'reply-status': 'failure', 'error-message': 'closed for lunch' });
    const second = await stage.request(journey, 2);
    expect(second.correlationId).toBe(journey.id);
    expect(stage.failsOf(request)).toMatchObject([{ retries: 1, errorMessage: 'closed for lunch' }]);
    stage.answer(second, '{"answer":2}');
    expect((await stage.passed(journey)).get('answer')).toBe('2');
  });

  test('a second call under a key that is taken fails with its name, and is an incident when no retry is left', async () => {
    const [first, request] = await stage.call('by-order');
    const second = await stage.start('by-order', {}, first.id);
    const fails = () => stage.witness.fails.filter(({ errorMessage }) => errorMessage.includes(first.id));
    await stage.until('its two failures', () => fails().length >= 2);
    const message = `Another call that has not ended, or ended lately, has the business key "${first.id}".`;
    expect(fails().map(({ retries, errorMessage }) => [retries, errorMessage])).toEqual([
      [1, message],
      [0, message],
    ]);
    const [jobKey] = new Set(fails().map((fail) => fail.jobKey));
    expect(jobKey).not.toBe(request.headers['job-id']);
    // The one that has the key does not notice.
    stage.answer(request, '{"answer":1}');
    expect((await stage.passed(first)).get('answer')).toBe('1');
    expect(stage.trial.service.about(first.id)).toHaveLength(1);
    expect(stage.journeys.passed(second)).toBeUndefined();
  });

  test('a reply under a key that nobody has is a dead letter', async () => {
    const businessKey = `${stage.cluster}-nobody`;
    const topic = `holdfast.${stage.cluster}.replies`;
    stage.trial.service.send({ topic, correlationId: businessKey, value: '{}' });
    const letter = await stage.deadLetter(businessKey);
    expect(letter.headers['holdfast-reason']).toBe('unknown');
  });
}
