// What a service is told of its replies, one record for each on the cluster's topic of acknowledgements: what became of it,
// and why. (What is late, and how, is in late-replies.ts.)
import { expect, test } from 'vitest';
import type { Plan, Stage } from './stage.ts';

export const ACKNOWLEDGEMENTS: Plan = { routes: { told_of: { retries: 1 } } };

export function acknowledgements(stage: Stage): void {
  test('applied, then duplicate; a heartbeat is not answered', async () => {
    const [journey, request] = await stage.call('told_of');
    stage.answer(request, '1', { 'reply-status': 'heartbeat' });
    stage.answer(request, '{"answer":1}');
    await stage.passed(journey);
    stage.answer(request, '{"answer":2}');
    const { correlationId } = request;
    const records = await stage.acknowledged(correlationId, 2);
    expect(records).toEqual(
      (['applied', 'duplicate'] as const).map((answer) => ({
        key: correlationId,
        value: JSON.stringify({ answer, reason: answer }),
        headers: { kafka_correlationId: correlationId, 'holdfast-answer': answer, 'holdfast-reason': answer },
      })),
    );
    expect(stage.deadLettersOf(correlationId)).toEqual([]);
  });

  test.each([
    ['not-json', 'charged', {}, /^Malformed reply \(not-json\): the reply is not JSON/],
    ['not-object', '[1]', {}, /^Malformed reply \(not-object\): the reply is JSON, but not an object/],
    [
      'malformed',
      '{}',
      { 'reply-status': 'done' },
      /^Malformed reply \(malformed\): reply-status is "done"; allowed is/,
    ],
    ['malformed', '{}', { 'reply-status': 'error' }, /^Malformed reply \(malformed\): .*needs an error code$/],
  ])('rejected, %s: %s with %o fails the job, is a dead letter, and says why', async (reason, value, headers, why) => {
    const [, request] = await stage.call('told_of');
    stage.answer(request, value, headers);
    const [record] = await stage.acknowledged(request.correlationId, 1);
    expect(record?.value).toBe(JSON.stringify({ answer: 'rejected', reason }));
    expect(await stage.deadLetter(request.correlationId)).toMatchObject({
      value,
      headers: { 'holdfast-reason': reason },
    });
    expect(stage.failsOf(request)).toMatchObject([{ retries: 0, errorMessage: expect.stringMatching(why) }]);
  });

  test('rejected, forged: and the job goes on waiting', async () => {
    const [journey, request] = await stage.call('told_of');
    const { correlationId: id, replyTopic: topic } = request;
    const correlationId = `${id.slice(0, -1)}${id.endsWith('a') ? 'b' : 'a'}`;
    stage.trial.service.send({ topic, correlationId, value: '{}' });
    const [record] = await stage.acknowledged(correlationId, 1);
    expect(record?.value).toBe('{"answer":"rejected","reason":"forged"}');
    expect((await stage.deadLetter(correlationId)).headers['holdfast-reason']).toBe('forged');
    stage.answer(request, '{"answer":1}');
    expect((await stage.passed(journey)).get('answer')).toBe('1');
  });
}
