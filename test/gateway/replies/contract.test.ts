// What a service may answer, in the words of each framework, down to the bytes; and what is said of an answer that is none.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ReplyContent } from '../../../src/actors/messages.ts';
import { DEFAULT_HEADER_NAMES } from '../../../src/gateway/header-names.ts';
import type { IncomingRecord } from '../../../src/gateway/ports.ts';
import { correlationOf, MAX_ERROR_CODE_CHARS, readReply } from '../../../src/gateway/replies/contract.ts';
import { MAX_BUSINESS_HEADERS_BYTES } from '../../../src/gateway/replies/headers.ts';

const ID = 'hf1-k1-3yz-2-abcdefghijklmnopqrstuvwxyz';
const STRUCTURED = ['content-type', 'application/cloudevents+json; charset=utf-8'] as const;
const MAX_BYTES = 1000;

type Header = readonly [name: string, value: string | Uint8Array];

function record(value: string | Uint8Array | null, ...headers: Header[]): IncomingRecord {
  return {
    offset: '0',
    key: null,
    value: typeof value === 'string' ? Buffer.from(value) : value,
    headers: headers.map(([name, text]) => ({ name, value: typeof text === 'string' ? Buffer.from(text) : text })),
    timestampMs: 0,
  };
}

const idOf = (value: string | Uint8Array | null, ...headers: Header[]) =>
  correlationOf(record(value, ...headers), DEFAULT_HEADER_NAMES);
const read = (value: string | Uint8Array | null, ...headers: Header[]): ReplyContent =>
  readReply(record(value, ...headers), DEFAULT_HEADER_NAMES, MAX_BYTES);
const event = (attributes: object, data: string) =>
  `{"specversion":"1.0",${JSON.stringify(attributes).slice(1, -1)}${data === '' ? '' : `,"data":${data}`}}`;

const RESULT = {
  kind: 'reply',
  status: 'result',
  body: '{}',
  code: '',
  message: '',
  retries: undefined,
  backoffMs: undefined,
  headers: [],
};

describe('the correlation id of a reply', () => {
  it.each(['kafka_correlationId', 'REPLY_CORRELATION_ID', 'ce_correlationid'])('is found in the header %s', (name) => {
    expect(idOf('{}', [name, ID])).toEqual({ id: ID, from: 'header' });
    expect(idOf(null, [name, Buffer.from(ID)])).toEqual({ id: ID, from: 'header' });
  });

  it('is the last header of a name, and an empty one is none', () => {
    expect(idOf('{}', ['kafka_correlationId', 'a'], ['kafka_correlationId', 'b'])).toEqual({ id: 'b', from: 'header' });
    expect(idOf('{}', ['kafka_correlationId', ''], ['ce_correlationid', 'c'])).toEqual({ id: 'c', from: 'header' });
    expect(idOf('{}', ['kafka_correlationId', ''])).toEqual({ id: undefined, from: undefined });
  });

  it('is ours, when a call that the service made itself has left one too', () => {
    expect(idOf('{}', ['kafka_correlationId', 'theirs'], ['REPLY_CORRELATION_ID', ID]).id).toBe(ID);
    expect(idOf('{}', ['kafka_correlationId', 'first'], ['REPLY_CORRELATION_ID', 'second']).id).toBe('first');
  });

  it('is an attribute of a structured CloudEvent, and never the id of the event', () => {
    expect(idOf(event({ id: 'e1', correlationid: ID }, '1'), STRUCTURED)).toEqual({ id: ID, from: 'envelope' });
    expect(idOf(event({ id: ID }, `{"correlationId":"${ID}"}`), STRUCTURED).id).toBeUndefined();
    expect(idOf('{}', ['ce_id', ID]).id).toBeUndefined();
  });

  it('is a field of the body, when no header says it', () => {
    expect(idOf(`{"a":1,"correlationId":"${ID}"}`)).toEqual({ id: ID, from: 'body' });
    expect(idOf(`{"correlationId":"x"}`, ['kafka_correlationId', ID]).id).toBe(ID);
    for (const value of [
      '{"correlationId":7}',
      `[{"correlationId":"${ID}"}]`,
      `{"a":{"correlationId":"${ID}"}}`,
      'x',
      '',
    ]) {
      expect(idOf(value).id).toBeUndefined();
    }
  });

  it('is found under the names that are configured, and no other', () => {
    const names = { ...DEFAULT_HEADER_NAMES, correlationId: 'x-corr', bodyField: 'ref' };
    expect(correlationOf(record('{}', ['x-corr', ID]), names).id).toBe(ID);
    expect(correlationOf(record('{}', ['kafka_correlationId', ID]), names).id).toBeUndefined();
    expect(correlationOf(record(`{"ref":"${ID}"}`), names).id).toBe(ID);
  });
});

describe('a result', () => {
  it('is passed on byte for byte', () => {
    const body = ' { "z":12345678901234567890, "a" : 1.10,"n":null,"s":"\\ud800 ü","10":1,"2":{"z":1,"z":2}} ';
    expect(read(body)).toEqual({ ...RESULT, body });
  });

  it.each(['[1]', '"text"', '1e400', 'null'])('may be any JSON value: %s', (body) => {
    expect(read(body, ['reply-status', 'result'])).toEqual({ ...RESULT, body });
  });

  it.each([
    ['no value', null],
    ['no value', ''],
    ['not JSON in UTF-8', 'undefined'],
    ['not JSON in UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    // What NestJS makes of a handler that returns a string, and of one that returns an instance of a class.
    ['not JSON in UTF-8', 'done'],
    ['not JSON in UTF-8', '[object Object]'],
  ])('cannot be read: %s, %o', (message, value) => {
    expect(read(value)).toEqual({ kind: 'malformed', reason: 'not-json', message: expect.stringContaining(message) });
  });

  it('that a NestJS handler did not return says what to return', () => {
    expect(read(null, ['kafka_nest-is-disposed', '\0'])).toEqual({
      kind: 'malformed',
      reason: 'not-json',
      message: expect.stringMatching(
        /^the reply has no value: the NestJS handler returned nothing; let it return an object/,
      ),
    });
    expect(read(null)).toMatchObject({ message: 'the reply has no value' });
  });

  it('has at most so many bytes', () => {
    expect(read(`"${'x'.repeat(MAX_BYTES - 2)}"`)).toMatchObject({ kind: 'reply' });
    expect(read(`"${'x'.repeat(MAX_BYTES - 1)}"`)).toEqual({
      kind: 'malformed',
      reason: 'too-large',
      message: 'the reply has 1001 bytes, at most 1000 are taken',
    });
  });

  it('is not lost for a header that says nothing about it', () => {
    expect(read('{}', ['error-retries', 'many'], ['error-backoff', 'soon'], ['error-code', 'x'])).toEqual(RESULT);
  });
});

describe('the value of a structured CloudEvent', () => {
  const attributes = { id: 'e1', type: 'order.charged', source: '/s', correlationid: ID };

  it('is the text of its data', () => {
    const data = '{ "id":12345678901234567890,"x" : 1.10 }';
    expect(read(event(attributes, data), STRUCTURED)).toMatchObject({ body: data });
    expect(read(event(attributes, '"text"'), STRUCTURED)).toMatchObject({ body: '"text"' });
  });

  it('may be JSON in data_base64', () => {
    const of = (bytes: unknown) => read(event({ ...attributes, data_base64: bytes }, ''), STRUCTURED);
    expect(of(Buffer.from('{"a":1.10}').toString('base64'))).toMatchObject({ body: '{"a":1.10}' });
    expect(of(Buffer.from('text').toString('base64'))).toMatchObject({ kind: 'malformed', reason: 'not-json' });
    expect(of(7)).toMatchObject({ kind: 'malformed', reason: 'malformed' });
  });

  it('is absent when it has no data', () => {
    expect(read(event(attributes, ''), STRUCTURED)).toMatchObject({
      reason: 'not-json',
      message: 'the reply has no value',
    });
    expect(read(event(attributes, ''), STRUCTURED, ['reply-status', 'failure'])).toMatchObject({ body: '' });
  });

  it('is the record itself when that only has the content type of the request', () => {
    expect(read('{"data":1}', STRUCTURED)).toMatchObject({ body: '{"data":1}' });
    expect(read(event(attributes, '1'), ['content-type', 'application/json'])).toMatchObject({
      body: event(attributes, '1'),
    });
  });

  it('comes with its attributes as headers, named as in binary mode', () => {
    const binary = read(
      '1',
      ['ce_type', 'order.charged'],
      ['ce_source', '/s'],
      ['ce_id', 'e1'],
      ['ce_specversion', '1.0'],
    );
    expect(binary).toMatchObject({
      headers: [
        ['ce_type', 'order.charged'],
        ['ce_source', '/s'],
      ],
    });
    expect(read(event(attributes, '1'), STRUCTURED)).toMatchObject({
      headers: [
        ['ce_type', 'order.charged'],
        ['ce_source', '/s'],
      ],
    });
  });
});

describe('an id in the body', () => {
  it('is taken out again when we made it', () => {
    expect(read(`{"ok":1.10,"correlationId":"${ID}"}`)).toEqual({ ...RESULT, body: '{"ok":1.10}' });
  });

  it('stays when it is a business key, or when a header was the id', () => {
    const key = '{"correlationId":"order-7"}';
    expect(read(key)).toMatchObject({ body: key });
    const ours = `{"correlationId":"${ID}"}`;
    expect(read(ours, ['kafka_correlationId', ID])).toMatchObject({ body: ours });
  });
});

describe('an error', () => {
  it('says what it is in headers', () => {
    const headers: Header[] = [
      ['reply-status', 'failure'],
      ['error-code', 'E1'],
      ['error-message', 'no money'],
      ['error-retries', '3'],
      ['error-backoff', 'PT1M30S'],
    ];
    const said = { code: 'E1', message: 'no money', retries: 3, backoffMs: 90_000 };
    expect(read('{"a":1}', ...headers)).toEqual({ ...RESULT, ...said, status: 'failure', body: '{"a":1}' });
    expect(read(null, ...headers)).toEqual({ ...RESULT, ...said, status: 'failure', body: '' });
    expect(read(null, ...headers, ['reply-status', 'error'])).toMatchObject({ status: 'error', ...said });
  });

  it('is technical when NestJS says that its handler threw', () => {
    const text = '{"status":"error","message":"Internal server error"}';
    expect(read(null, ['kafka_nest-err', text], ['kafka_nest-is-disposed', '\0'])).toEqual({
      ...RESULT,
      status: 'failure',
      body: '',
      message: 'Internal server error',
    });
    const both: Header[] = [
      ['kafka_nest-err', text],
      ['reply-status', 'error'],
      ['error-code', 'E'],
    ];
    expect(read(null, ...both)).toMatchObject({ status: 'error', code: 'E', message: 'Internal server error' });
    expect(read(null, ...both, ['error-message', 'said'])).toMatchObject({ message: 'said' });
  });

  it.each(['the bank is down', '{"message":["a","b"]}', '{"message":""}', '{"code":7}', '["message"]', '{broken'])(
    'of NestJS without a message in it is its text: %s',
    (text) => {
      expect(read(null, ['kafka_nest-err', text])).toMatchObject({ status: 'failure', message: text });
    },
  );

  it.each([
    ['reply-status', 'RESULT', 'reply-status is "RESULT"; allowed is result, error, failure, heartbeat'],
    ['error-retries', '-1', 'error-retries is "-1"; allowed is a whole number from 0 to 2147483647'],
    ['error-retries', '1.5', 'error-retries is "1.5"'],
    ['error-retries', '2147483648', 'error-retries is "2147483648"'],
    ['error-retries', '٣', 'error-retries is "٣"'],
    ['error-backoff', '30s', 'error-backoff is "30s"; allowed is an ISO 8601 duration'],
    ['error-backoff', 'P1M', 'error-backoff is "P1M"'],
    ['error-backoff', 'P366D', 'error-backoff is "P366D"; allowed is an ISO 8601 duration'],
    ['error-backoff', 'P9999999999999D', 'error-backoff is "P9999999999999D"'],
    ['error-code', 'x'.repeat(MAX_ERROR_CODE_CHARS + 1), 'error-code has 257 characters; allowed is 256'],
  ])('with the header %s %s is malformed, and says so', (name, value, message) => {
    expect(read(null, ['reply-status', 'failure'], [name, value])).toEqual({
      kind: 'malformed',
      reason: 'malformed',
      message: expect.stringContaining(message),
    });
  });

  it('has a message that fits, however long it came', () => {
    const { message } = read(null, ['reply-status', 'failure'], ['error-message', '😀'.repeat(50_000)]) as {
      message: string;
    };
    expect(message.length).toBe(4000);
    expect(message.isWellFormed()).toBe(true);
    expect(message.endsWith('…')).toBe(true);
  });
});

describe('a heartbeat', () => {
  it('needs no value', () => {
    expect(read(null, ['reply-status', 'heartbeat'])).toEqual({ ...RESULT, status: 'heartbeat', body: '' });
    expect(read('0.5', ['reply-status', 'heartbeat'])).toMatchObject({ status: 'heartbeat', body: '0.5' });
  });
});

describe('the headers for expressions', () => {
  it('are those that are not technical, in their order, each name once by its last', () => {
    const headers: Header[] = [
      ['tenant', 'a'],
      ['kafka_correlationId', ID],
      ['traceparent', '00'],
      ['attempt', '1'],
      ['region', 'ü'],
      ['__TypeId__', 'java.lang.Object'],
      ['tenant', 'b'],
      ['__proto__', 'x'],
      ['bytes', Buffer.from([0xff])],
      ['empty', ''],
    ];
    expect(read('{}', ...headers)).toMatchObject({
      headers: [
        ['region', 'ü'],
        ['tenant', 'b'],
        ['empty', ''],
      ],
    });
  });

  it('have at most 16 KB together; what does not fit is left out', () => {
    const half = 'x'.repeat(MAX_BUSINESS_HEADERS_BYTES / 2 - 1);
    const { headers } = read('{}', ['a', half], ['b', `${half}y`], ['c', 'z'], ['d', half.slice(2)]) as ReplyContent & {
      kind: 'reply';
    };
    expect(headers.map(([name]) => name)).toEqual(['a', 'c', 'd']);
  });
});

it('whatever the bytes are, there is an answer', () => {
  const names = Object.values(DEFAULT_HEADER_NAMES).concat('ce_correlationid', 'content-type', 'x');
  const value = fc.oneof(
    fc.uint8Array(),
    fc.json().map((text) => Buffer.from(text)),
    fc.json().map((data) => Buffer.from(event({ correlationid: ID }, data))),
    fc.constant(null),
  );
  const text = fc.oneof(
    fc.uint8Array(),
    fc
      .constantFrom('result', 'error', 'failure', 'heartbeat', '3', 'PT1S', ID, STRUCTURED[1])
      .map((known) => Buffer.from(known)),
  );
  fc.assert(
    fc.property(value, fc.array(fc.tuple(fc.constantFrom(...names), text)), (bytes, headers) => {
      const found = correlationOf(record(bytes, ...headers), DEFAULT_HEADER_NAMES);
      expect(found.id === undefined).toBe(found.from === undefined);
      const content = read(bytes, ...headers);
      if (content.kind === 'malformed') {
        expect(content.message).not.toBe('');
        return;
      }
      if (content.body !== '') JSON.parse(content.body);
      else expect(content.status).not.toBe('result');
    }),
    { numRuns: 2_000 },
  );
});
