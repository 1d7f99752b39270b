// Snapshots as they occur, and any snapshot at all, for the tests of whatever stores or reads them.
import fc from 'fast-check';
import type { Incarnation, Lane } from '../../src/actors/ids.ts';
import { PLAIN_CONTRACT } from '../../src/actors/messages.ts';
import type { Snapshot } from '../../src/actors/snapshot.ts';

/** A held job of an order process, its request still with it. The fixtures hold these; do not change them. */
export const HELD: Snapshot = {
  kind: 'held',
  attempt: 1,
  incarnation: 'node-1-4k2j9f0a' as Incarnation,
  sentAttempt: 0,
  lane: 'charge-card' as Lane,
  origin: {
    jobType: 'charge-card',
    processId: 'order-process',
    processVersion: 3,
    elementId: 'Activity_charge',
    instanceKey: '2251799813685251',
    elementInstanceKey: '2251799813685270',
    tenantId: '<default>',
  },
  settings: {
    ...PLAIN_CONTRACT,
    replyTimeoutMs: 3_600_000,
    onReplyTimeout: 'incident',
    retryBackoffMs: 30_000,
    lateWindowMs: 600_000,
    incidentWindowMs: 604_800_000,
  },
  retries: 3,
  heldAtMs: 1_760_000_000_123,
  replyDeadlineMs: 1_760_003_600_123,
  heartbeatDeadlineMs: 0,
  progress: '',
  trace: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  alias: '',
  request: {
    topic: 'payments.requests',
    key: '',
    schema: { id: 7, message: 'shop.Order' },
    body: JSON.stringify({ note: 'ä€😀'.padEnd(300, 'x') }),
    headers: [['a', 'b']],
  },
  applied: [],
  reply: undefined,
  failing: undefined,
  outcome: undefined,
  endedAtMs: 0,
  timeline: [{ atMs: 1_760_000_000_123, what: 'held', node: 'node-1' }],
  resend: false,
};

export const REPLIED: Snapshot = {
  ...HELD,
  kind: 'replied',
  sentAttempt: 1,
  request: undefined,
  applied: [
    [0, '17'],
    [11, '9007199254740993'],
  ],
  reply: {
    kind: 'reply',
    status: 'result',
    body: '{"paid":12345678901234567890}',
    code: '',
    message: '',
    retries: undefined,
    backoffMs: undefined,
    headers: [],
    partition: 11,
    offset: '9007199254740993',
    attempt: 1,
  },
};

export const FAILING: Snapshot = {
  ...HELD,
  kind: 'failing',
  request: undefined,
  settings: { ...HELD.settings, onReplyTimeout: 'fail' },
  failing: {
    cause: 'no reply',
    why: 'replyTimeout',
    retries: 2,
    backoffMs: 30_000,
    outcome: 'timedOut',
    errorCode: '',
    variables: '',
  },
};

export const TOMBSTONE: Snapshot = {
  ...HELD,
  kind: 'ended',
  sentAttempt: 1,
  request: undefined,
  applied: [[11, '4711']],
  outcome: 'completed',
  endedAtMs: 1_760_000_004_567,
  timeline: [...HELD.timeline, { atMs: 1_760_000_004_567, what: 'completed', node: 'node-1' }],
};

const PARKED: Snapshot = {
  ...REPLIED,
  kind: 'parked',
  reply: {
    ...(REPLIED.reply as NonNullable<Snapshot['reply']>),
    code: 'DECLINED',
    message: 'no money',
    retries: 2,
    backoffMs: 30_000,
    headers: [['tenant', 'ä']],
  },
};

/** Every word of a fixed set that version 1 stores as a number, each in a snapshot of its own. Pinned as bytes too. */
export const WORDS: Readonly<Record<string, Snapshot>> = Object.fromEntries([
  ...(['completed', 'failed', 'timedOut', 'bpmnError', 'cancelled', 'gone'] as const).map(
    (outcome) => [`outcome ${outcome}`, { ...TOMBSTONE, outcome }] as const,
  ),
  ...(
    [
      ...(['malformed', 'replyTimeout', 'notSent', 'refused', 'heartbeatTimeout'] as const),
      ...(['businessError', 'technicalError', 'businessKeyTaken'] as const),
    ] as const
  ).map((why) => [`why ${why}`, failingWith({ why })] as const),
  ...(['failed', 'timedOut', 'bpmnError'] as const).map(
    (outcome) => [`failing ${outcome}`, failingWith({ outcome, errorCode: 'E', variables: '{"a":1.10}' })] as const,
  ),
  ...(['result', 'error', 'failure', 'heartbeat'] as const).map(
    (status) => [`status ${status}`, { ...PARKED, reply: { ...PARKED.reply!, status } }] as const,
  ),
  ...(['incident', 'fail', 'error'] as const).map(
    (onReplyTimeout) => [`onReplyTimeout ${onReplyTimeout}`, heldWith({ onReplyTimeout })] as const,
  ),
  ...(['dlq', 'publishMessage', 'drop'] as const).map((onLate) => [`onLate ${onLate}`, heldWith({ onLate })] as const),
  ...(['spring', 'nest', 'smallrye', 'cloudevents', 'cloudevents-structured', 'body'] as const).map(
    (profile) => [`profile ${profile}`, heldWith({ profile })] as const,
  ),
]);

/** What version 2 adds. */
export const WORDS_2: Readonly<Record<string, Snapshot>> = {
  'why byHand': failingWith({ why: 'byHand' }),
  resend: { ...HELD, resend: true },
};

function failingWith(failing: Partial<NonNullable<Snapshot['failing']>>): Snapshot {
  return { ...FAILING, failing: { ...(FAILING.failing as NonNullable<Snapshot['failing']>), ...failing } };
}

function heldWith(settings: Partial<Snapshot['settings']>): Snapshot {
  return { ...HELD, alias: 'order-7', request: undefined, settings: { ...HELD.settings, ...settings } };
}

/** Any Unicode text; fc.string has this too, but takes a second to be made. */
const codePoint = fc.oneof(fc.nat(0x7f), fc.nat(0xd7ff), fc.integer({ min: 0xe000, max: 0x10ffff }));
const text = fc.array(codePoint, { maxLength: 80 }).map((points) => String.fromCodePoint(...points));
const ms = fc.nat({ max: 2 ** 43 });
const offset = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }).map(String);

/** Any snapshot that the types allow. */
export const anySnapshot: fc.Arbitrary<Snapshot> = fc.record({
  kind: fc.constantFrom('held', 'replied', 'failing', 'parked', 'ended'),
  attempt: fc.nat(999_999),
  incarnation: text as fc.Arbitrary<Incarnation>,
  sentAttempt: fc.nat(999_999),
  lane: text as fc.Arbitrary<Lane>,
  origin: fc.record({
    jobType: text,
    processId: text,
    processVersion: fc.nat(),
    elementId: text,
    instanceKey: text,
    elementInstanceKey: text,
    tenantId: text,
  }),
  settings: fc.record({
    replyTimeoutMs: ms,
    onReplyTimeout: fc.constantFrom('incident', 'fail', 'error'),
    timeoutErrorCode: text,
    heartbeatTimeoutMs: ms,
    onLate: fc.constantFrom('dlq', 'publishMessage', 'drop'),
    lateMessageName: text,
    cancelTopic: text,
    profile: fc.constantFrom('spring', 'nest', 'smallrye', 'cloudevents', 'cloudevents-structured', 'body'),
    resultVariable: text,
    resultExpression: text,
    errorExpression: text,
    retryBackoffMs: ms,
    lateWindowMs: ms,
    incidentWindowMs: ms,
  }),
  retries: fc.integer(),
  heldAtMs: ms,
  replyDeadlineMs: ms,
  heartbeatDeadlineMs: ms,
  progress: text,
  trace: text,
  alias: text,
  request: fc.option(
    fc.record({
      topic: text,
      key: text,
      body: text,
      schema: fc.option(fc.record({ id: fc.integer({ min: 1 }), message: text }), { nil: undefined }),
      headers: fc.array(fc.tuple(text, text), { maxLength: 3 }),
    }),
    {
      nil: undefined,
    },
  ),
  applied: fc.array(fc.tuple(fc.nat(200), offset), { maxLength: 12 }),
  reply: fc.option(
    fc.record({
      kind: fc.constant('reply' as const),
      status: fc.constantFrom('result', 'error', 'failure', 'heartbeat'),
      body: text,
      code: text,
      message: text,
      retries: fc.option(fc.nat(99), { nil: undefined }),
      backoffMs: fc.option(ms, { nil: undefined }),
      headers: fc.array(fc.tuple(text, text), { maxLength: 3 }),
      partition: fc.nat(200),
      offset,
      attempt: fc.nat(999_999),
    }),
    { nil: undefined },
  ),
  failing: fc.option(
    fc.record({
      cause: text,
      why: fc.constantFrom(
        ...(['malformed', 'replyTimeout', 'notSent', 'refused', 'heartbeatTimeout'] as const),
        ...(['businessError', 'technicalError', 'businessKeyTaken', 'byHand'] as const),
      ),
      retries: fc.nat(),
      backoffMs: ms,
      outcome: fc.constantFrom('failed', 'timedOut', 'bpmnError'),
      errorCode: text,
      variables: text,
    }),
    { nil: undefined },
  ),
  outcome: fc.option(fc.constantFrom('completed', 'failed', 'timedOut', 'bpmnError', 'cancelled', 'gone'), {
    nil: undefined,
  }),
  endedAtMs: ms,
  timeline: fc.array(fc.record({ atMs: ms, what: text, node: text }), { maxLength: 16 }),
  resend: fc.boolean(),
});
