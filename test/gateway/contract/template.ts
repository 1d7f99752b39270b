// Tasks made from the element template: the bridge knows nothing of their calls but what the model says. The first model is
// the example of docs/migration.md, as it stands there; the others are no more than the template's inputs and headers.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { GIVE_BACK_MESSAGE } from '../../../src/gateway/intake/intake.ts';
import { catchingProcess } from '../../support/bpmn.ts';
import { EXACT } from './journeys.ts';
import { type Plan, STOPPED, type Stage, type Surroundings } from './stage.ts';

const JOB_TYPE = 'io.holdfast:kafka-request:1';
/** More than the other tests of this file have waiting on one topic. */
const MAX_PENDING = 8;
const OVER = 3;

type Fields = Readonly<Record<string, string>>;

/** A task with these inputs and headers; its topic unless they say otherwise: `called`. */
function task(inputs: Fields, headers: Fields = {}): (around: Surroundings) => string {
  return ({ cluster, processId, thenJobType }) => {
    const all = Object.entries({ topic: `${cluster}.called.requests`, body: '=order', ...inputs });
    return catchingProcess({
      processId,
      jobType: JOB_TYPE,
      retries: 2,
      inputs: Object.fromEntries(all.map(([name, value]) => [`holdfast.${name}`, value.replace('<cluster>', cluster)])),
      headers,
      errorCode: STOPPED,
      outputs: ['reason'],
      thenJobType,
    });
  };
}

export const TEMPLATE: Plan = {
  settings: (cluster) => ({ template: { topics: [`${cluster}.*`], maxPending: MAX_PENDING } }),
  topics: ['called', 'deaf', 'lively'],
  processes: {
    example,
    whole: task({}, { resultExpression: '={paid: response.sum, bank: headers.bank}' }),
    list: task({ body: '=[order.id]' }, { resultVariable: 'answer' }),
    declined: task(
      {},
      { errorExpression: `=if response.declined then bpmnError("${STOPPED}", "no", {reason: response.why}) else null` },
    ),
    mute: task({ replyTimeout: 'PT2S' }),
    patient: task({ replyTimeout: '="PT2S"' }, { onReplyTimeout: 'error', timeoutErrorCode: STOPPED }),
    elsewhere: task({ topic: '=order.id' }),
    nowhere: task({ topic: '="<cluster>." + order.id' }),
    deaf: task({ topic: '<cluster>.deaf.requests' }, { resultVariable: 'answer' }),
    lively: task({ topic: '<cluster>.lively.requests' }, { resultVariable: 'answer' }),
  },
};

export function template(stage: Stage): void {
  test('the example of the migration page: the mapped body, the key, and the headers of its profile', async () => {
    const orderId = `o-${stage.cluster}`;
    const [journey, request] = await stage.call('example', { orderId, amount: 12.5 }, orderId);
    expect(request.topic).toBe(stage.topic('called'));
    expect(request.body).toBe(`{"orderId":"${orderId}","amount":12.5}`);
    expect(request.key).toBe(orderId);
    expect(request.headers).toEqual({
      kafka_correlationId: request.correlationId,
      kafka_replyTopic: `holdfast.${stage.cluster}.replies`,
      'job-id': expect.stringMatching(/^\d+$/),
      attempt: '1',
      process: stage.named('example'),
      element: 'charge-card',
      'reply-deadline': expect.any(String),
      traceparent: expect.any(String),
    });
    const waitsMs = Date.parse(request.headers['reply-deadline'] ?? '') - Date.now();
    expect(waitsMs).toBeGreaterThan(540_000);
    expect(waitsMs).toBeLessThanOrEqual(600_000);
    stage.answer(request, `{${EXACT}}`);
    const passed = await stage.passed(journey);
    expect(passed.get('payment')).toBe(`{${EXACT}}`);
    expect([...passed.keys()].sort()).toEqual(['amount', 'order', 'orderId', 'payment']);
  });

  test('a whole variable as it is; what the result expression takes of the reply, as it is too', async () => {
    const [journey, request] = await stage.call('whole');
    expect(request.body).toBe(journey.order);
    expect(request.key).toBe(request.correlationId);
    stage.answer(request, '{"sum":18446744073709551615,"rest":1}', { bank: 'Größe 漢' });
    const passed = await stage.passed(journey);
    expect(passed.get('paid')).toBe('18446744073709551615');
    expect(passed.get('bank')).toBe('"Größe 漢"');
    expect([...passed.keys()].sort()).toEqual(['bank', 'order', 'paid']);
  });

  test('any JSON is a body, and any JSON a result, under the name that the model gives', async () => {
    const [journey, request] = await stage.call('list');
    expect(request.body).toBe(`["${journey.id}"]`);
    stage.answer(request, '[9007199254740993,null]');
    expect((await stage.passed(journey)).get('answer')).toBe('[9007199254740993,null]');
  });

  test('an error expression makes a BPMN error of a reply, with variables, and no retry is spent', async () => {
    const [journey, request] = await stage.call('declined');
    stage.answer(request, '{"declined":true,"why":"limit"}');
    const passed = await stage.passed(journey);
    expect([passed.get('caught'), passed.get('reason')]).toEqual([`"${STOPPED}"`, '"limit"']);
    expect(stage.failsOf(request)).toEqual([]);
  });

  test('the reply timeout of the task, and what it says then', async () => {
    const [[, mute], [patient, request]] = await Promise.all([stage.call('mute'), stage.call('patient')]);
    expect(await stage.fails(mute, 1)).toMatchObject([{ retries: 0, errorMessage: 'No reply within 2 s.' }]);
    expect((await stage.passed(patient)).get('caught')).toBe(`"${STOPPED}"`);
    expect(stage.failsOf(request)).toEqual([]);
  });

  test('a topic that models may not name is an incident that says which they may', async () => {
    const { id } = await stage.start('elsewhere');
    expect(await failAbout(id)).toMatchObject({
      retries: 0,
      errorMessage:
        'The request was not sent: The request of this task cannot be sent, its model has to be mended:\n' +
        `Topic (holdfast.topic): found "${id}"; allowed: ${stage.cluster}.*, as the bridge is configured (template.topics)`,
    });
  });

  test('a topic that does not exist is an incident that names it', async () => {
    const { id } = await stage.start('nowhere');
    const fail = await failAbout(`${stage.cluster}.${id}`);
    expect(fail).toMatchObject({
      retries: 0,
      errorMessage: expect.stringMatching(/^The request was not sent: .*exist/),
    });
  });

  test('a topic that nobody answers keeps its own jobs waiting, with all their retries, and no other topic', async () => {
    const asked = (lane: string) => stage.trial.service.requests.filter(({ topic }) => topic === stage.topic(lane));
    const deaf = await Promise.all(Array.from({ length: MAX_PENDING + OVER }, () => stage.start('deaf')));
    await stage.until('the lane to be full', () => asked('deaf').length === MAX_PENDING);
    const givenBack = () => stage.witness.fails.filter(({ errorMessage }) => errorMessage === GIVE_BACK_MESSAGE);
    await stage.until(
      'the others to be given back',
      () => new Set(givenBack().map(({ jobKey }) => jobKey)).size === OVER,
    );
    for (let calls = 0; calls < 5; calls++) {
      const [journey, request] = await stage.call('lively');
      stage.answer(request, String(calls));
      expect((await stage.passed(journey)).get('answer')).toBe(String(calls));
    }
    expect(asked('deaf')).toHaveLength(MAX_PENDING);
    expect(new Set(givenBack().map(({ retries }) => retries))).toEqual(new Set([2]));

    const answered = new Set<string>();
    await stage.until('all of them to be answered', () => {
      for (const request of asked('deaf')) {
        if (!answered.has(request.record)) stage.answer(request, '0');
        answered.add(request.record);
      }
      return deaf.every((journey) => stage.journeys.passed(journey) !== undefined);
    });
    expect(asked('deaf').map(({ headers }) => headers.attempt)).toEqual(deaf.map(() => '1'));
  });

  /** FailJob whose message has this text. */
  function failAbout(text: string) {
    const said = ({ errorMessage }: { readonly errorMessage: string }) => errorMessage.includes(text);
    return stage.until(`an incident about ${text}`, () => stage.witness.fails.find(said));
  }
}

/** With a topic and a process id of this test's own, and a task behind. */
function example({ cluster, processId, thenJobType }: Surroundings): string {
  const file = join(import.meta.dirname, '../../../deploy/examples/migration/after.bpmn');
  const behind = `<bpmn:serviceTask id="behind"><bpmn:extensionElements><zeebe:taskDefinition type="${thenJobType}" /></bpmn:extensionElements></bpmn:serviceTask>
    <bpmn:sequenceFlow id="to-behind" sourceRef="charge-card" targetRef="behind" />
    <bpmn:sequenceFlow id="to-paid"`;
  return readFileSync(file, 'utf8')
    .replace('<bpmn:process id="pay-order"', `<bpmn:process id="${processId}"`)
    .replace('bpmnElement="pay-order"', `bpmnElement="${processId}"`)
    .replace('source="payments.requests"', `source="${cluster}.called.requests"`)
    .replace('<bpmn:outgoing>to-paid</bpmn:outgoing>', '<bpmn:outgoing>to-behind</bpmn:outgoing>')
    .replace('<bpmn:sequenceFlow id="to-paid" sourceRef="charge-card"', `${behind} sourceRef="behind"`);
}
