// A reply whose job was cancelled: what becomes of it, policy by policy. The completion that the engine refuses is enough
// to notice. Each policy leaves a mark of its own, and none of the others'.
import { expect, test } from 'vitest';
import { messageProcess } from '../../support/bpmn.ts';
import type { ServiceRequest } from '../../support/service.ts';
import type { Journey } from './journeys.ts';
import type { Plan, Stage } from './stage.ts';

const MESSAGE = 'holdfast-late-reply';

export const LATE_REPLIES: Plan = {
  routes: {
    'late-dlq': {},
    'late-drop': { onLate: 'drop' },
    'late-message': { onLate: `publishMessage:${MESSAGE}` },
    'late-key': { onLate: `publishMessage:${MESSAGE}`, correlationKey: '=order.id' },
  },
  processes: {
    'catch-late': ({ processId, thenJobType }) =>
      messageProcess({ processId, messageName: MESSAGE, correlationKey: '=expected', thenJobType }),
  },
};

export function lateReplies(stage: Stage): void {
  test('late, dlq: a dead letter with its reason and its whole record', async () => {
    const { request, reasons } = await answeredLate('late-dlq');
    expect(reasons).toEqual(['late late']);
    await counted('late');
    const letter = await stage.deadLetter(request.correlationId);
    expect(letter).toMatchObject({ key: request.correlationId, value: answerTo(request) });
    expect(letter.headers).toMatchObject({
      'holdfast-reason': 'late',
      'kafka_dlt-original-topic': request.replyTopic,
      'kafka_dlt-original-consumer-group': `holdfast.${stage.cluster}`,
      'kafka_dlt-exception-message': expect.stringContaining('its job had ended'),
    });
  });

  test('late, drop: nothing is left of it but the acknowledgement', async () => {
    const { request, reasons } = await answeredLate('late-drop');
    expect(reasons).toEqual(['late lateDropped']);
    await counted('lateDropped');
    expect(stage.deadLettersOf(request.correlationId)).toEqual([]);
  });

  test('late, publishMessage: caught under the instance that was cancelled, with the variables of the reply', async () => {
    const { journey, request, reasons } = await answeredLate('late-message');
    expect(reasons).toEqual(['late latePublished']);
    await counted('latePublished');
    const catcher = await stage.start('catch-late', { expected: journey.instance });
    expect((await stage.passed(catcher)).get('payment')).toBe(paymentFor(request));
    expect(stage.deadLettersOf(request.correlationId)).toEqual([]);
  });

  test('late, publishMessage with a business key: caught under that key', async () => {
    const { journey, request, reasons } = await answeredLate('late-key');
    expect(request.correlationId).toBe(journey.id);
    expect(reasons).toEqual(['late latePublished']);
    const catcher = await stage.start('catch-late', { expected: journey.id });
    expect((await stage.passed(catcher)).get('payment')).toBe(paymentFor(request));
    expect(stage.deadLettersOf(request.correlationId)).toEqual([]);
  });

  async function counted(answer: string): Promise<void> {
    const count = () => stage.trial.nodes.metric('holdfast_replies_total', { answer });
    await stage.until(`${answer} to be counted`, async () => (await count()) > 0);
  }

  async function answeredLate(
    route: string,
  ): Promise<{ journey: Journey; request: ServiceRequest; reasons: readonly string[] }> {
    const [journey, request] = await stage.call(route);
    await stage.journeys.cancel(journey);
    stage.answer(request, answerTo(request));
    const records = await stage.acknowledged(request.correlationId, 1);
    const reasons = records.map(({ headers }) => `${headers['holdfast-answer']} ${headers['holdfast-reason']}`);
    return { journey, request, reasons };
  }
}

function answerTo(request: ServiceRequest): string {
  return `{"payment":${paymentFor(request)}}`;
}

function paymentFor({ headers }: ServiceRequest): string {
  return `{"of":${headers['job-id']},"sum":9007199254740993}`;
}
