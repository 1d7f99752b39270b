import { describe, expect, test } from 'vitest';
import type { CallRules } from '../../../src/gateway/config/routes.ts';
import { settingsOf } from '../../../src/gateway/intake/routes.ts';
import { callOf, type TemplateCall, type TemplateDefaults } from '../../../src/gateway/intake/template-call.ts';

const rules: CallRules = {
  replyTimeoutMs: 3_600_000,
  onReplyTimeout: 'incident',
  timeoutErrorCode: '',
  retryBackoffMs: 30_000,
  lateWindowMs: 600_000,
  incidentWindowMs: 604_800_000,
  heartbeatTimeoutMs: 0,
  onLate: 'dlq',
  lateMessageName: '',
  cancelRecord: false,
  profile: 'spring',
  resultVariable: '',
  resultExpression: '',
  errorExpression: '',
};
const settings = settingsOf(rules, 'payments.requests');
const defaults: TemplateDefaults = {
  rules,
  maxReplyTimeoutMs: 30 * 86_400_000,
  topics: { patterns: ['payments.*', 'orders'], ownTopics: ['payments.replies'] },
  checkExpression: (expression) => (expression.includes('(((') ? 'no end of the parentheses' : undefined),
  isTechnicalHeader: (name) => name === 'attempt',
};

/** `inputs`: JSON text of the variable's members, after the topic. */
function call(inputs = '', headers: Record<string, string> = {}, given = defaults): TemplateCall {
  const variables = `{"holdfast":{"topic":"payments.requests"${inputs}}}`;
  return callOf({ variables, customHeaders: JSON.stringify(headers) }, given);
}

/** The lines of the complaint about a call with these inputs or headers. */
function faults(inputs: string, headers: Record<string, string> = {}): string[] {
  const { fault, request } = call(inputs, headers);
  if (fault === undefined) return [];
  expect(request).toMatchObject({ body: '', headers: [] });
  const [head, ...lines] = fault.split('\n');
  expect(head).toMatch(/model has to be mended/);
  return lines;
}

describe('a good call', () => {
  test('a topic is enough: everything else is as the bridge has it', () => {
    expect(call()).toEqual({
      request: { topic: 'payments.requests', key: '', body: '{}', headers: [] },
      settings,
      correlationKey: '',
      fault: undefined,
    });
  });

  test('every field goes where it belongs', () => {
    const inputs =
      ',"key":"customer-7","body":{"amount":12},"headers":{"priority":"high"},"correlationKey":"order-4711"' +
      ',"replyTimeout":"PT26H","heartbeatTimeout":"PT1M"';
    const headers = {
      profile: 'cloudevents',
      onReplyTimeout: 'error',
      timeoutErrorCode: 'NO_REPLY',
      retryBackoff: 'PT1M',
      cancelRecord: 'true',
      resultVariable: 'payment',
      resultExpression: '={paid: response.amount}',
      errorExpression: ' = if response.ok then null else bpmnError("E", "m")',
      elementTemplateId: 'io.holdfast.kafka-request.v1',
      elementTemplateVersion: '1',
      'somebody-elses': '=(((',
    };
    expect(call(inputs, headers)).toEqual({
      request: {
        topic: 'payments.requests',
        key: 'customer-7',
        body: '{"amount":12}',
        headers: [['priority', 'high']],
      },
      settings: {
        ...settings,
        replyTimeoutMs: 93_600_000,
        heartbeatTimeoutMs: 60_000,
        onReplyTimeout: 'error',
        timeoutErrorCode: 'NO_REPLY',
        retryBackoffMs: 60_000,
        cancelTopic: 'payments.requests',
        profile: 'cloudevents',
        resultVariable: 'payment',
        resultExpression: '{paid: response.amount}',
        errorExpression: 'if response.ok then null else bpmnError("E", "m")',
      },
      correlationKey: 'order-4711',
      fault: undefined,
    });
  });

  test.each([
    '{"z":9007199254740993,"a":18446744073709551615,"d":1.50,"n":null,"t":"\\u00e9\\uD83D\\uDE00","x":{"a":1,"a":2}}',
    '{ "spaced" : [ 1 ] }',
    '[1,2]',
    '"text"',
    '1.0',
    'false',
    'null',
  ])('the body is passed on as the engine wrote it: %s', (body) => {
    expect(call(`, "body" : ${body} , "key":"k"`).request.body).toBe(body);
    expect(call(`,"body":${body}`).request.body).toBe(body);
  });

  test('null and an empty text are absent', () => {
    const nothing = (value: string) =>
      `,"key":${value},"correlationKey":${value},"replyTimeout":${value},"heartbeatTimeout":${value}`;
    const headers = { profile: '', onReplyTimeout: '', timeoutErrorCode: '', retryBackoff: '', resultExpression: '=' };
    expect(call(nothing('null'), headers)).toEqual(call());
    expect(call(`${nothing('""')},"headers":null`, headers)).toEqual(call());
  });

  test('a number is a key too, in the spelling of the engine', () => {
    const { request, correlationKey } = call(',"key":9007199254740993,"correlationKey":4711');
    expect([request.key, correlationKey]).toEqual(['9007199254740993', '4711']);
  });

  test('headers are texts, numbers and booleans; null leaves one out', () => {
    const { request } = call(',"headers":{"a":"","b":1.50,"c":true,"d":null,"e.1":"\\u00fc","a":"again"}');
    expect(request.headers).toEqual([
      ['a', 'again'],
      ['b', '1.50'],
      ['c', 'true'],
      ['e.1', 'ü'],
    ]);
  });

  test('an error of the bridge itself stays as a whole, and one of the model replaces it as a whole', () => {
    const given = {
      ...defaults,
      rules: { ...rules, onReplyTimeout: 'error', timeoutErrorCode: 'LATE' } as const,
    };
    expect(call('', {}, given).settings).toMatchObject({ onReplyTimeout: 'error', timeoutErrorCode: 'LATE' });
    const own = call('', { onReplyTimeout: 'fail', timeoutErrorCode: 'unused' }, given).settings;
    expect(own).toMatchObject({ onReplyTimeout: 'fail', timeoutErrorCode: '' });
  });

  test('a cancel record is the default where the bridge says so, and not where the model says no', () => {
    const given = { ...defaults, rules: { ...rules, cancelRecord: true } };
    expect(call('', {}, given).settings.cancelTopic).toBe('payments.requests');
    expect(call('', { cancelRecord: 'false' }, given).settings.cancelTopic).toBe('');
  });

  test('a job that rests for long is known for as long', () => {
    expect(call('', { retryBackoff: 'P30D' }).settings.incidentWindowMs).toBe(30 * 86_400_000);
  });

  test('other variables and the same names elsewhere do not matter', () => {
    const variables = '{"topic":"__x","order":{"holdfast":{"topic":"y"}},"holdfast":{"topic":"orders"}}';
    expect(callOf({ variables, customHeaders: '{}' }, defaults)).toMatchObject({
      request: { topic: 'orders' },
      fault: undefined,
    });
  });
});

describe('a fault', () => {
  test.each<[input: string, headers: Record<string, string>, line: RegExp]>([
    [',"topic":"a b"', {}, /^Topic \(holdfast\.topic\): found "a b"; allowed: a Kafka topic name/],
    [',"topic":null', {}, /^Topic \(holdfast\.topic\): found nothing; allowed: a Kafka topic name/],
    [',"topic":["payments.requests"]', {}, /^Topic \(holdfast\.topic\): found a list;/],
    [',"topic":{"name":1}', {}, /^Topic \(holdfast\.topic\): found a context;/],
    [
      ',"topic":"shipping"',
      {},
      /^Topic .*: found "shipping"; allowed: payments\.\*, orders, as the bridge .*template\.topics/,
    ],
    [',"topic":"payments.replies"', {}, /^Topic .*: found "payments\.replies"/],
    [',"key":{"id":1}', {}, /^Key \(holdfast\.key\): found a context; allowed: a text/],
    [',"key":"a\\u0000b"', {}, /^Key /],
    [',"correlationKey":[]', {}, /^Business key \(holdfast\.correlationKey\): found a list/],
    [',"correlationKey":"hf1-k1-abc-1-xyz"', {}, /^Business key .*does not begin with "hf1-"/],
    [',"headers":"a=b"', {}, /^Headers \(holdfast\.headers\): found "a=b"; allowed: a context/],
    [',"headers":[]', {}, /^Headers \(holdfast\.headers\): found a list; allowed: a context/],
    [
      ',"headers":{"kafka_replyTopic":"x","ok":"y"}',
      {},
      /^Headers .*: found "kafka_replyTopic"; allowed: header names .* none that begins with kafka_/,
    ],
    [',"headers":{"attempt":"7"}', {}, /^Headers .*: found "attempt"; allowed: names that are not technical/],
    [',"headers":{"":"x","a b":"x"}', {}, /^Headers .*: found "", "a b"; allowed: header names of letters, digits/],
    [',"headers":{"a":{"b":1},"c":[]}', {}, /^Headers .*: found "a", "c"; allowed: a text, a number or a boolean/],
    [
      ',"replyTimeout":"10m"',
      {},
      /^Reply timeout \(holdfast\.replyTimeout\): found "10m"; allowed: an ISO 8601 duration from PT1S to P30D/,
    ],
    [',"replyTimeout":"P1Y"', {}, /^Reply timeout /],
    [',"replyTimeout":"P31D"', {}, /^Reply timeout /],
    [',"replyTimeout":600', {}, /^Reply timeout .*: found "600"/],
    [',"heartbeatTimeout":"PT"', {}, /^Heartbeat timeout \(holdfast\.heartbeatTimeout\)/],
    [
      '',
      { retryBackoff: 'P31D' },
      /^Retry backoff \(header retryBackoff\): found "P31D"; allowed: .* from PT0S to P30D/,
    ],
    [
      '',
      { onReplyTimeout: 'explode' },
      /^When no reply came in time \(header onReplyTimeout\): found "explode"; allowed: incident, fail, error/,
    ],
    [
      '',
      { onReplyTimeout: 'error' },
      /^Error code \(header timeoutErrorCode\): found nothing; allowed: the code of a BPMN error/,
    ],
    ['', { cancelRecord: 'yes' }, /^Tell the service .*\(header cancelRecord\): found "yes"; allowed: true or false/],
    ['', { profile: 'Spring' }, /^Header profile \(header profile\): found "Spring"; allowed: spring, nest, smallrye/],
    [
      '',
      { resultVariable: 'a b' },
      /^Result variable \(header resultVariable\): found "a b"; allowed: names of process variables/,
    ],
    [
      '',
      { resultExpression: '=(((' },
      /^Result expression \(header resultExpression\): found "\(\(\(" \(no end of the parentheses\); allowed: a FEEL expression/,
    ],
    ['', { errorExpression: '(((' }, /^Error expression \(header errorExpression\): /],
    [',"topc":"x"', {}, /^holdfast\.topc: found an input that is not known; allowed: topic \(did you mean that\?\)/],
  ])('%s %j', (inputs, headers, line) => {
    expect(faults(inputs, headers)).toEqual([expect.stringMatching(line)]);
  });

  test('all are told at once', () => {
    const lines = faults(',"topic":"__x","key":[],"replyTimeout":"1h","headers":{"attempt":"1","x":[]}', {
      profile: 'x',
    });
    expect(lines.map((line) => line.split(' (')[0])).toEqual([
      'Topic',
      'Key',
      'Headers',
      'Headers',
      'Reply timeout',
      'Header profile',
    ]);
  });

  test('of the topic leaves none to make a lane of', () => {
    expect(call(',"topic":"shipping"').request.topic).toBe('');
    expect(call(',"key":[]').request.topic).toBe('payments.requests');
  });

  test.each(['{}', '{"holdfast":null}', '{"holdfast":"text"}', '{"holdfast":[1]}'])(
    '%s is a task without inputs',
    (variables) => {
      const { fault, request } = callOf({ variables, customHeaders: '{}' }, defaults);
      expect(fault).toMatch(/\nTopic \(holdfast\.topic\): found nothing;/);
      expect(request.topic).toBe('');
    },
  );

  test('headers have a limit in bytes of UTF-8', () => {
    const oneHeader = (value: string) => faults(`,"headers":{"a":"${value}"}`);
    expect(oneHeader(`${'é'.repeat(4095)}x`)).toEqual([]);
    expect(oneHeader('é'.repeat(4096))).toEqual([
      expect.stringContaining('found 8193 bytes of headers; allowed: at most 8192'),
    ]);
  });

  test('a crowd of headers is one line', () => {
    const many = (count: number, name: string) =>
      JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, n) => [`${name}${n}`, '1'])));
    expect(faults(`,"headers":${many(65, 'h')}`)).toEqual([
      expect.stringContaining('found 65 headers; allowed: at most 64'),
    ]);
    expect(faults(`,"headers":${many(64, 'h')}`)).toEqual([]);
    expect(faults(`,"headers":${many(8, 'ce_')}`)).toEqual([
      expect.stringContaining('found "ce_0", "ce_1", "ce_2", "ce_3", "ce_4", 3 more; allowed'),
    ]);
  });
});
