// The bytes that a service sees, profile by profile: the payload and nothing else in the value, the rest in headers.
import { describe, expect, it } from 'vitest';
import type { Profile } from '../../../src/actors/messages.ts';
import { DEFAULT_HEADER_NAMES, type HeaderNames, isTechnical } from '../../../src/gateway/header-names.ts';
import type { OutgoingRecord } from '../../../src/gateway/ports.ts';
import { cancelRecord, profileFault, requestRecord } from '../../../src/gateway/requests/profiles.ts';
import type { RequestCall } from '../../../src/gateway/requests/service-call.ts';

const ID = 'hf1-k1-3yz-2-abcdefghijklmnopqrstuvwxyz';
/** Nothing of it would survive being parsed and written again. */
const BODY = '{ "z":12345678901234567890, "a" : 1.10,"n":null,"s":"\\u00e9 ü \\ud83d","10":1,"2":{"z":1,"z":2}}';

function call(profile: Profile, more: Partial<RequestCall> = {}): RequestCall {
  return {
    profile,
    key: '',
    body: BODY,
    correlationId: ID,
    replyTopic: 'replies',
    jobId: '2251799813685249',
    attempt: 2,
    cluster: 'prod',
    processId: 'order process',
    elementId: 'charge',
    replyDeadlineMs: Date.UTC(2026, 0, 2, 3, 4, 5, 6),
    trace: '',
    headers: [],
    ...more,
  };
}

/** As it stands in Kafka: every header in its order, bytes in hex where they are no text. */
function seen({ key, value, headers }: OutgoingRecord): unknown {
  const text = (part: string | Uint8Array | null) => (typeof part === 'string' || part === null ? part : [...part]);
  return { key: text(key), value: text(value), headers: headers.map(({ name, value }) => `${name}: ${text(value)}`) };
}

const JOB = ['job-id: 2251799813685249', 'attempt: 2', 'process: order process', 'element: charge'];
const DEADLINE = 'reply-deadline: 2026-01-02T03:04:05.006Z';
const CE = [
  'ce_specversion: 1.0',
  `ce_id: ${ID}`,
  'ce_source: /holdfast/prod/order%20process/charge',
  'ce_type: io.holdfast.request',
];

describe('a request', () => {
  it.each<[Profile, string[]]>([
    ['spring', [`kafka_correlationId: ${ID}`, 'kafka_replyTopic: replies']],
    ['nest', [`kafka_correlationId: ${ID}`, 'kafka_replyTopic: replies']],
    ['smallrye', [`REPLY_CORRELATION_ID: ${ID}`, 'REPLY_TOPIC: replies']],
    ['cloudevents', [`ce_correlationid: ${ID}`, 'ce_replytopic: replies', ...CE, 'content-type: application/json']],
  ])('in the profile %s has the payload for its value, byte for byte', (profile, headers) => {
    expect(seen(requestRecord(call(profile), DEFAULT_HEADER_NAMES))).toEqual({
      key: ID,
      value: BODY,
      headers: [...headers, ...JOB, DEADLINE],
    });
  });

  it('as a structured CloudEvent has the payload for its data, byte for byte', () => {
    expect(seen(requestRecord(call('cloudevents-structured'), DEFAULT_HEADER_NAMES))).toEqual({
      key: ID,
      value:
        `{"specversion":"1.0","id":"${ID}","source":"/holdfast/prod/order%20process/charge",` +
        `"type":"io.holdfast.request","datacontenttype":"application/json","correlationid":"${ID}",` +
        `"replytopic":"replies","data":${BODY}}`,
      headers: [
        `ce_correlationid: ${ID}`,
        'ce_replytopic: replies',
        'content-type: application/cloudevents+json; charset=utf-8',
        ...JOB,
        DEADLINE,
      ],
    });
  });

  it('with its id in the body has one field more and changes nothing else', () => {
    expect(seen(requestRecord(call('body'), DEFAULT_HEADER_NAMES))).toEqual({
      key: ID,
      value: `${BODY.slice(0, -1)},"correlationId":"${ID}"}`,
      headers: [`kafka_correlationId: ${ID}`, 'kafka_replyTopic: replies', ...JOB, DEADLINE],
    });
  });

  it('cannot carry its id in a body that is no object, and says so', () => {
    expect(profileFault('body', '[1]', DEFAULT_HEADER_NAMES)).toMatch(/"correlationId".*not a JSON object/);
    expect(profileFault('body', ' {}', DEFAULT_HEADER_NAMES)).toBeUndefined();
    expect(profileFault('spring', '[1]', DEFAULT_HEADER_NAMES)).toBeUndefined();
  });

  it('names a reply partition only when one is set, in the encoding that the framework reads', () => {
    const headerOf = (profile: Profile) =>
      requestRecord(call(profile, { replyPartition: 3 }), DEFAULT_HEADER_NAMES).headers.find(
        ({ name }) => name === 'kafka_replyPartition',
      )?.value;
    expect(headerOf('nest')).toBe('3');
    expect(headerOf('spring')).toEqual(Buffer.from([0, 0, 0, 3]));
    expect(headerOf('cloudevents')).toBeUndefined();
  });

  it('has the key that the call names, and a trace when there is one', () => {
    const record = requestRecord(call('spring', { key: 'customer-7', trace: '00-ab-cd-01' }), DEFAULT_HEADER_NAMES);
    expect(record.key).toBe('customer-7');
    expect(record.headers.at(-1)).toEqual({ name: 'traceparent', value: '00-ab-cd-01' });
  });

  it('has static and mapped headers behind the technical ones, which they cannot replace', () => {
    const headers = [
      ['tenant', 'ü'],
      ['kafka_correlationId', 'mine'],
      ['attempt', '9'],
      ['tenant', 'b'],
    ] as const;
    expect(seen(requestRecord(call('spring', { headers }), DEFAULT_HEADER_NAMES))).toMatchObject({
      headers: [`kafka_correlationId: ${ID}`, 'kafka_replyTopic: replies', ...JOB, DEADLINE, 'tenant: ü', 'tenant: b'],
    });
  });

  it('has the names that the configuration gives them', () => {
    const names: HeaderNames = Object.fromEntries(
      Object.keys(DEFAULT_HEADER_NAMES).map((key) => [key, `x${key.toLowerCase()}`]),
    ) as unknown as HeaderNames;
    const profiles: Profile[] = ['spring', 'nest', 'smallrye', 'cloudevents', 'cloudevents-structured', 'body'];
    const text = JSON.stringify(
      profiles.map((profile) => seen(requestRecord(call(profile, { replyPartition: 1 }), names))),
    );
    for (const name of ['CorrelationId', 'replyTopic', 'REPLY_', 'correlationid":', 'job-id', 'reply-deadline']) {
      expect(text.replaceAll(/x[a-z]+/g, '')).not.toContain(name);
    }
    for (const name of [
      'xcorrelationid',
      'xsmallryereplytopic',
      'ce_xcecorrelationid',
      'xbodyfield',
      'xreplydeadline',
    ]) {
      expect(text).toContain(name);
    }
  });
});

describe('a cancel record', () => {
  it.each<[Profile, string[]]>([
    ['spring', [`kafka_correlationId: ${ID}`]],
    ['nest', [`kafka_correlationId: ${ID}`]],
    ['body', [`kafka_correlationId: ${ID}`]],
    ['smallrye', [`REPLY_CORRELATION_ID: ${ID}`]],
  ])('in the profile %s has the key and correlation headers of its request, and no value', (profile, headers) => {
    expect(seen(cancelRecord(call(profile, { key: 'k', trace: '00-1' }), 'timedOut', DEFAULT_HEADER_NAMES))).toEqual({
      key: 'k',
      value: null,
      headers: [...headers, ...JOB, 'holdfast-cancel: timedOut', 'traceparent: 00-1'],
    });
  });

  it.each<Profile>(['cloudevents', 'cloudevents-structured'])('in the profile %s is another event', (profile) => {
    const [specversion, , source] = CE;
    expect(seen(cancelRecord(call(profile), 'cancelled', DEFAULT_HEADER_NAMES))).toEqual({
      key: ID,
      value: null,
      headers: [
        `ce_correlationid: ${ID}`,
        specversion,
        `ce_id: ${ID}-cancel`,
        source,
        'ce_type: io.holdfast.cancel',
        ...JOB,
        'holdfast-cancel: cancelled',
      ],
    });
  });
});

describe('a technical header', () => {
  it.each([
    'kafka_correlationId',
    'REPLY_TOPIC',
    'ce_correlationid',
    'job-id',
    'traceparent',
    'content-type',
    '__TypeId__',
  ])('is %s', (name) => expect(isTechnical(name, DEFAULT_HEADER_NAMES)).toBe(true));

  it.each(['tenant', 'ce_type', 'correlationId', 'my-job-id', 'constructor'])('is not %s', (name) => {
    expect(isTechnical(name, DEFAULT_HEADER_NAMES)).toBe(false);
  });
});
