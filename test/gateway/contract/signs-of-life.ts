// Heartbeats keep a call alive beyond its heartbeat timeout, and people see how far the service is; silence ends it as a
// reply timeout does. And what the service hears of a call that nobody waits for any more.
import { expect, test } from 'vitest';
import type { ServiceRequest } from '../../support/service.ts';
import type { Plan, Stage } from './stage.ts';

const HEARTBEAT = { 'reply-status': 'heartbeat' };
const TIMEOUT_MS = 5_000;

export const SIGNS_OF_LIFE: Plan = {
  routes: {
    beating: { heartbeatTimeout: 'PT5S', onReplyTimeout: 'fail' },
    told: { cancelRecord: true },
    'told-late': { cancelRecord: true, replyTimeout: 'PT2S', key: '=order.id' },
  },
};

export function signsOfLife(stage: Stage): void {
  test('heartbeats hold a call beyond its heartbeat timeout and show progress, then silence ends it', async () => {
    const [journey, request] = await stage.call('beating');
    let beats = 0;
    const beat = () => stage.answer(request, `{"step":${++beats}}`, HEARTBEAT);
    beat();
    const shown = ({ progress }: { readonly progress: string }) => progress !== '';
    expect(await stage.stored(journey, shown)).toMatchObject({ kind: 'held', progress: '{"step":1}' });
    await stage.until(
      'three times the half of its heartbeat timeout to pass',
      () => {
        beat();
        return Date.now() - request.atMs > 1.5 * TIMEOUT_MS;
      },
      { everyMs: 1_000 },
    );
    const lastMs = Date.now();
    expect(stage.failsOf(request)).toEqual([]);
    const { progress } = await stage.stored(journey, (it) => shown(it) && it.progress !== '{"step":1}');
    expect(JSON.parse(progress).step).toBeGreaterThan(1);

    const fails = await stage.fails(request, 1);
    expect(fails).toMatchObject([{ retries: 2, errorMessage: 'No heartbeat and no reply within 5 s.' }]);
    expect(Date.now() - lastMs).toBeGreaterThan(TIMEOUT_MS - 500);
    expect(await stage.stored(journey, ({ kind }) => kind === 'ended')).toMatchObject({ outcome: 'timedOut' });
    expect(stage.requests(journey)).toHaveLength(1);
    expect(stage.deadLettersOf(request.correlationId)).toEqual([]);
  });

  test('a service that never beats is silent from the request on', async () => {
    const startedMs = Date.now();
    const [, request] = await stage.call('beating');
    await stage.fails(request, 1);
    expect(Date.now() - startedMs).toBeGreaterThan(TIMEOUT_MS);
  });

  test('timed out: the service is told with the same correlation id, no value, and the reason', async () => {
    const [journey, request] = await stage.call('told-late');
    await stage.fails(request, 1);
    const told = await stage.until('the cancel record', () => cancelRecordsOf(request)[0]);
    expect(told.topic).toBe(request.topic);
    expect(told.headers).toEqual(cancelHeaders(request, 'timedOut'));
    // Not the route's key: the request is not kept once Kafka has it.
    expect([request.key, told.key]).toEqual([journey.id, request.correlationId]);
  });

  test('cancelled: the service is told so, and a service that has answered is told nothing', async () => {
    const [[journey, request], [answered, other]] = await Promise.all([stage.call('told'), stage.call('told')]);
    stage.answer(other, '{}');
    await stage.journeys.cancel(journey);
    const told = await stage.until('the cancel record', () => cancelRecordsOf(request)[0]);
    expect(told.topic).toBe(request.topic);
    expect(told.headers).toEqual(cancelHeaders(request, 'cancelled'));
    expect(told.key).toBe(request.key);
    await stage.passed(answered);
    expect(cancelRecordsOf(other)).toEqual([]);
  });

  function cancelRecordsOf({ correlationId }: ServiceRequest): readonly ServiceRequest[] {
    const { requests } = stage.trial.service;
    return requests.filter((record) => record.correlationId === correlationId && record.value === null);
  }
}

/** All of them. */
function cancelHeaders({ headers }: ServiceRequest, reason: string): Readonly<Record<string, string>> {
  const { kafka_replyTopic: _, 'reply-deadline': __, traceparent: ___, ...same } = headers;
  return { ...same, 'holdfast-cancel': reason };
}
