// Requests byte for byte, in the profiles that no framework of test/contract stands for; and replies in the words of every
// profile, whichever the request was in. The body is what the engine hands out, to the last digit, and what comes back is
// what the engine holds.
import { expect, test } from 'vitest';
import type { ServiceRequest } from '../../support/service.ts';
import { EXACT, type Journey } from './journeys.ts';
import type { Plan, Stage } from './stage.ts';

export const PROFILES: Plan = {
  routes: {
    spring: {},
    keyed: { key: '=order.id', headers: { channel: 'web', sum: '=order.z', nothing: '=order.n' } },
    cloudevents: { profile: 'cloudevents' },
    structured: { profile: 'cloudevents-structured' },
    body: { profile: 'body' },
  },
};

const PAID = `{${EXACT}}`;
const ANSWER = `{"payment":${PAID}}`;

/** In every profile. */
const JOB_HEADERS = ['attempt', 'element', 'job-id', 'process', 'reply-deadline', 'traceparent'];
const CE_HEADERS = ['ce_correlationid', 'ce_id', 'ce_replytopic', 'ce_source', 'ce_specversion', 'ce_type'];

export function profiles(stage: Stage): void {
  test('spring: body, key and headers are these and no others', async () => {
    const startedMs = Date.now();
    const [journey, request] = await stage.call('spring');
    expect(request.body).toBe(`{"order":${journey.order}}`);
    const { correlationId, headers } = request;
    expect(request.key).toBe(correlationId);
    expect(headers).toEqual({
      kafka_correlationId: expect.stringMatching(/^hf1-[a-z0-9]{1,8}-[0-9a-z]+-1-[a-z2-7]{26}$/),
      kafka_replyTopic: `holdfast.${stage.cluster}.replies`,
      'job-id': expect.stringMatching(/^\d+$/),
      attempt: '1',
      process: stage.named('spring'),
      element: 'task',
      'reply-deadline': expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/),
    });
    const waitsMs = Date.parse(headers['reply-deadline'] ?? '') - startedMs;
    expect(waitsMs).toBeGreaterThanOrEqual(3_600_000);
    expect(waitsMs).toBeLessThan(3_600_000 + Date.now() - startedMs);
    await completes(journey, () => stage.answer(request, ANSWER));
  });

  test('key and headers of a route: computed from the variables, and nothing where there is nothing', async () => {
    const [journey, request] = await stage.call('keyed');
    expect(request.key).toBe(journey.id);
    expect(request.headers).toMatchObject({ channel: 'web', sum: '9007199254740993' });
    expect(names(request)).toEqual(
      [...JOB_HEADERS, 'channel', 'kafka_correlationId', 'kafka_replyTopic', 'sum'].sort(),
    );
    expect(request.body).toBe(`{"order":${journey.order}}`);
    await completes(journey, () => stage.answer(request, ANSWER));
  });

  test('cloudevents: the bare body, and attributes in headers, both ways', async () => {
    const [journey, request] = await stage.call('cloudevents');
    expect(request.body).toBe(`{"order":${journey.order}}`);
    expect(names(request)).toEqual([...JOB_HEADERS, ...CE_HEADERS, 'content-type'].sort());
    const id = request.headers.ce_correlationid ?? '';
    expect(request.headers).toMatchObject({
      ...attributesOf('ce_', id, 'cloudevents'),
      'content-type': 'application/json',
    });
    expect(request.key).toBe(id);
    await completes(journey, () => send(ANSWER, ceReply(id)));
  });

  test('cloudevents-structured: an envelope around the body as it is, both ways', async () => {
    const [journey, request] = await stage.call('structured');
    const id = request.headers.ce_correlationid ?? '';
    const { correlationid, replytopic, ...event } = attributesOf('', id, 'structured');
    const first = JSON.stringify({ ...event, datacontenttype: 'application/json', correlationid, replytopic });
    expect(request.body).toBe(`${first.slice(0, -1)},"data":{"order":${journey.order}}}`);
    const expected = [...JOB_HEADERS, 'ce_correlationid', 'ce_replytopic', 'content-type'].sort();
    expect(names(request)).toEqual(expected);
    expect(request.headers['content-type']).toBe('application/cloudevents+json; charset=utf-8');
    await completes(journey, () => send(envelope(id), STRUCTURED));
  });

  test('body: one field more, which the reply echoes and the process does not see', async () => {
    const [journey, request] = await stage.call('body');
    const id = request.headers.kafka_correlationId ?? '';
    expect(request.body).toBe(`{"order":${journey.order},"correlationId":"${id}"}`);
    expect(names(request)).toEqual([...JOB_HEADERS, 'kafka_correlationId', 'kafka_replyTopic'].sort());
    await completes(journey, () => send(`{"correlationId":"${id}","payment":${PAID}}`, {}));
  });

  test.each<[string, (id: string) => [value: string, headers: Record<string, string>]]>([
    ['smallrye', (id) => [ANSWER, { REPLY_CORRELATION_ID: id }]],
    ['cloudevents', (id) => [ANSWER, ceReply(id)]],
    ['cloudevents-structured', (id) => [envelope(id), STRUCTURED]],
    ['body', (id) => [`{"payment":${PAID},"correlationId":"${id}"}`, {}]],
  ])('a reply in the words of %s answers a request in those of spring', async (_, make) => {
    const [journey, request] = await stage.call('spring');
    await completes(journey, () => send(...make(request.correlationId)));
  });

  /** The reply's variable arrives as it was written, and nothing comes with it. */
  async function completes(journey: Journey, reply: () => void): Promise<void> {
    reply();
    const passed = await stage.passed(journey);
    expect(passed.get('payment')).toBe(PAID);
    expect([...passed.keys()].sort()).toEqual(['order', 'payment']);
  }

  function send(value: string, headers: Readonly<Record<string, string>>): void {
    stage.trial.service.send({ topic: `holdfast.${stage.cluster}.replies`, value, headers });
  }

  /** What a request says of itself as an event. */
  function attributesOf(prefix: string, id: string, route: string): Readonly<Record<string, string>> {
    const attributes = {
      specversion: '1.0',
      id,
      source: `/holdfast/${stage.cluster}/${stage.named(route)}/task`,
      type: 'io.holdfast.request',
      correlationid: id,
      replytopic: `holdfast.${stage.cluster}.replies`,
    };
    return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [prefix + name, value]));
  }
}

const STRUCTURED = { 'content-type': 'application/cloudevents+json; charset=utf-8' };

function ceReply(id: string): Record<string, string> {
  const event = { ce_specversion: '1.0', ce_id: 'r-1', ce_source: '/cards', ce_type: 'charged', ce_correlationid: id };
  return { ...event, 'content-type': 'application/json' };
}

function envelope(id: string): string {
  return `{"specversion":"1.0","id":"r-1","source":"/cards","type":"charged","data":${ANSWER},"correlationid":"${id}"}`;
}

function names({ headers }: ServiceRequest): string[] {
  return Object.keys(headers).sort();
}
