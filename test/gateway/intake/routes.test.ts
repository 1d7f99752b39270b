import { describe, expect, test } from 'vitest';
import { PLAIN_CONTRACT } from '../../../src/actors/messages.ts';
import { type Config, loadConfig, type Route } from '../../../src/gateway/config/config.ts';
import { mappedBy } from '../../../src/gateway/intake/request-mapping.ts';
import {
  activationOf,
  inSchema,
  RECORD_OVERHEAD_BYTES,
  SNAPSHOT_OVERHEAD_BYTES,
} from '../../../src/gateway/intake/routes.ts';
import type { ActivatedJob } from '../../../src/gateway/ports.ts';
import { Misfit, RegistryUnavailable, SchemaMismatch, SchemaUnknown } from '../../../src/gateway/schema/errors.ts';

const config: Config = loadConfig(
  { NATS_URL: 'a', KAFKA_BOOTSTRAP_SERVERS: 'a:1' },
  () =>
    'cluster: c\nroutes: [{jobType: charge, requestTopic: payments, replyTimeout: PT10M, onReplyTimeout: fail, maxPending: 7}]',
);
const route = config.routes[0] as Route;
const MIB = 1024 * 1024;
const LIMITS = { maxRecordBytes: MIB, maxPayloadBytes: MIB };

function job(variables: string): ActivatedJob {
  return {
    key: '2251799813685252',
    type: 'charge',
    processInstanceKey: '2251799813685249',
    bpmnProcessId: 'order',
    processDefinitionVersion: 3,
    processDefinitionKey: '2251799813685248',
    elementId: 'charge-card',
    elementInstanceKey: '2251799813685251',
    customHeaders: '{}',
    worker: 'w',
    retries: 2,
    deadlineMs: 1_700_000_000_000,
    variables,
    tenantId: '<default>',
  };
}

test('the owner is told everything it needs, and the variables pass as they are', () => {
  const variables = '{"n": 9007199254740993,  "d":1.10,"s":"\\u00e9"}';
  expect(activationOf(route, job(variables), LIMITS)).toEqual({
    jobKey: '2251799813685252',
    lane: 'charge',
    maxPending: 7,
    retries: 2,
    lockDeadlineMs: 1_700_000_000_000,
    origin: {
      jobType: 'charge',
      processId: 'order',
      processVersion: 3,
      elementId: 'charge-card',
      instanceKey: '2251799813685249',
      elementInstanceKey: '2251799813685251',
      tenantId: '<default>',
    },
    request: { topic: 'payments', key: '', body: variables, schema: undefined, headers: [] },
    businessKey: '',
    settings: {
      replyTimeoutMs: 600_000,
      ...PLAIN_CONTRACT,
      onReplyTimeout: 'fail',
      retryBackoffMs: 30_000,
      lateWindowMs: 600_000,
      incidentWindowMs: 604_800_000,
    },
    trace: '',
    fault: undefined,
    faultPasses: false,
  });
});

describe('what travels with a trace context', () => {
  const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const sent = (variables: Readonly<Record<string, unknown>>) => {
    const { request, fault } = activationOf(route, job(JSON.stringify(variables)), LIMITS);
    expect(fault).toBeUndefined();
    return [Object.fromEntries(request.headers), JSON.parse(request.body)];
  };

  test('goes into headers as it is, out of the body', () => {
    const tracestate = 'vendor=a:b/c,, 1tenant@sys=t61rcWkgMzE';
    const baggage = 'userId=alice, serverNode=DF%2028 ; internal ; ttl=5,isProduction=false';
    expect(sent({ order: 1, traceparent: TRACEPARENT, tracestate, baggage })).toEqual([
      { tracestate, baggage },
      { order: 1 },
    ]);
  });

  test('without a valid trace context it is what any variable is', () => {
    for (const traceparent of [undefined, 'no', 7]) {
      const variables = { traceparent, tracestate: 'a=b', baggage: 'two=suitcases' };
      expect(sent(variables)).toEqual([{}, JSON.parse(JSON.stringify(variables))]);
    }
  });

  const many = (count: number) => Array.from({ length: count }, (_, i) => `k${i}=v`).join();
  test.each([
    ['tracestate', 'A=b'],
    ['tracestate', 'a=b=c'],
    ['tracestate', 'a'],
    ['tracestate', ' , '],
    ['tracestate', 'a=\u00e4'],
    ['tracestate', 'a=b\nc=d'],
    ['tracestate', many(33)],
    ['tracestate', `a=${'x'.repeat(257)}`],
    ['tracestate', `${'a=b,'.repeat(2)}c=${' '.repeat(510)}d`],
    ['baggage', 'two suitcases'],
    ['baggage', 'a="quoted"'],
    ['baggage', 'a=b;'],
    ['baggage', 'a=b\r\n,c=d'],
    ['baggage', 'a=b\u2028'],
    // Looked through in one pass: with a pattern that tries again and again these would take days.
    ['baggage', `a=1${';b= '.repeat(60)};"`],
    ['baggage', `a=${' '.repeat(8_000)}"`],
    ['tracestate', `a=${' '.repeat(400)}`],
    ['baggage', many(65)],
    ['baggage', `a=${'x'.repeat(8_191)}`],
    ['baggage', 12],
    ['baggage', { a: 1 }],
  ])('a malformed or oversized %s is left where it is: %j', (name, value) => {
    expect(sent({ traceparent: TRACEPARENT, [name]: value })).toEqual([{}, { [name]: value }]);
  });

  test('as much as the standards say is carried', () => {
    const tracestate = many(32);
    const baggage = `a=${'x'.repeat(8_190)}`;
    expect(sent({ traceparent: TRACEPARENT, tracestate, baggage })[0]).toEqual({ tracestate, baggage });
  });
});

test('the limit is counted in bytes of UTF-8, to the byte', () => {
  const most = MIB - RECORD_OVERHEAD_BYTES;
  const roomy = { maxRecordBytes: MIB, maxPayloadBytes: 8 * MIB };
  const fits = `{"x":"${'é'.repeat((most - 8) / 2)}"}`;
  expect(Buffer.byteLength(fits)).toBe(most);
  expect(activationOf(route, job(fits), roomy).fault).toBeUndefined();
  const over = activationOf(route, job(`${fits} `), roomy);
  expect(over.request.body).toBe('');
  expect(over.fault).toMatch(
    new RegExp(`payments has ${most + 1} bytes .*Kafka takes ${most}\\..*fetchVariables.*max\\.message\\.bytes`),
  );
});

test('what NATS cannot hold is refused with its own remedy', () => {
  const small = { maxRecordBytes: 8 * MIB, maxPayloadBytes: MIB };
  const { fault } = activationOf(route, job(`{"x":"${'a'.repeat(MIB)}"}`), small);
  expect(fault).toMatch(new RegExp(`a pending job holds ${MIB - SNAPSHOT_OVERHEAD_BYTES}\\..*max_payload`));
});

test('a topic that takes little makes no incident of the requests to another one', () => {
  const limits = { ...LIMITS, recordBytesOfTopic: new Map([['tiny', 4096]]) };
  const variables = `{"x":"${'a'.repeat(8192)}"}`;
  expect(activationOf(route, job(variables), limits).fault).toBeUndefined();
  expect(activationOf({ ...route, requestTopic: 'tiny' }, job(variables), limits).fault).toMatch(/Kafka takes 2048\./);
});

describe('a request with a schema', () => {
  const SCHEMA = { subject: 'payments-value', message: '' };
  const plain = activationOf(route, job('{"n":1}'), LIMITS);
  const encoded = (bytes: readonly number[]) => ({ encode: async () => Uint8Array.from(bytes) });

  test('keeps its text and pins the schema that was the latest', async () => {
    const pinned = await inSchema(plain, SCHEMA, encoded([0, 0, 0, 1, 2, 99]));
    expect(pinned).toEqual({ ...plain, request: { ...plain.request, schema: { id: 258, message: '' } } });
  });

  test.each([
    [new SchemaUnknown('subject payments-value'), false],
    [new SchemaMismatch('schema 7', new Misfit('n', 'the number 1', 'a text')), false],
    [new RegistryUnavailable('http://registry', 'does not answer'), true],
  ])('is at fault when it cannot be written in it, for good or for now: %s', async (error, faultPasses) => {
    const fails = { encode: () => Promise.reject(error) };
    const request = { ...plain.request, body: '', headers: [] };
    expect(await inSchema(plain, SCHEMA, fails)).toEqual({ ...plain, request, fault: error.message, faultPasses });
  });
});

describe('what a route computes', () => {
  const mapped = (settings: object, variables: string) =>
    mappedBy({ key: '', correlationKey: '', headers: [], ...settings }, variables);

  test('comes from the variables, integers of any size exactly; what is absent is left out', () => {
    const settings = {
      key: 'customer.id',
      correlationKey: '"o-" + order',
      headers: [
        ['p', '= prio'],
        ['s', 'as it is'],
        ['n', '=nothing'],
      ],
    };
    expect(mapped(settings, '{"customer":{"id":9007199254740993},"order":"7","prio":true}')).toEqual({
      key: '9007199254740993',
      businessKey: 'o-7',
      headers: [
        ['p', 'true'],
        ['s', 'as it is'],
      ],
      fault: undefined,
    });
  });

  test.each([
    [{ correlationKey: 'order' }, '{}', /correlationKey yields nothing/],
    [{ correlationKey: 'order' }, '{"order":"hf1-x"}', /begins with "hf1-"/],
    [{ key: 'order' }, '{"order":[1]}', /key yields no text, number or boolean/],
    [{ key: 'order' }, JSON.stringify({ order: 'x'.repeat(513) }), /key yields 513 characters; allowed is 512/],
    [{ key: 'order + 1' }, '{"order":9007199254740993}', /key cannot be evaluated: [^9]*$/],
    [{ key: 'order(1)' }, '{"order":"9007"}', /key cannot be evaluated: [^9]*, at character 1: order\(1\)\.$/],
  ])('or is a fault in words: %j over %s', (settings, variables, fault) => {
    expect(mapped(settings, variables)).toMatchObject({
      key: '',
      businessKey: '',
      headers: [],
      fault: expect.stringMatching(fault),
    });
  });
});
