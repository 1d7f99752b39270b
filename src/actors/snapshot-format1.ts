// Version 1 of a stored snapshot: one flat record. Nested things are arrays whose positions carry the meaning, so that a
// single structure serves all kinds and no key is ever in the bytes; words of a fixed set are stored as their number.
//
// Nothing in this file may change once a bucket holds snapshots of version 1, and the lists of words may not even grow:
// a word that older readers do not know is a new version.
import type { Incarnation, Lane } from './ids.ts';
import type { CallSettings, JobOrigin, Profile, RequestContent } from './messages.ts';
import type { Failing, Outcome, Snapshot, SnapshotKind, StoredReply, TimelineEntry } from './snapshot.ts';

const FIELDS = [
  ...['kind', 'attempt', 'incarnation', 'sentAttempt', 'lane', 'origin', 'settings', 'retries'],
  ...['heldAtMs', 'replyDeadlineMs', 'heartbeatDeadlineMs', 'progress', 'trace', 'alias'],
  ...['request', 'applied', 'reply', 'failing', 'outcome', 'endedAtMs', 'timeline'],
];
export const STRUCTURES_1: readonly (readonly string[])[] = [FIELDS];

const KINDS: readonly SnapshotKind[] = ['held', 'replied', 'failing', 'parked', 'ended'];
/** `kind` is the record's first field, and a small number is one byte of msgpack. */
export const ENDED_1 = KINDS.indexOf('ended');
const OUTCOMES: readonly Outcome[] = ['completed', 'failed', 'timedOut', 'bpmnError', 'cancelled', 'gone'];
export const WHYS_1: readonly Failing['why'][] = [
  ...(['malformed', 'replyTimeout', 'notSent', 'refused', 'heartbeatTimeout'] as const),
  ...(['businessError', 'technicalError', 'businessKeyTaken'] as const),
];
const FAILED: readonly Failing['outcome'][] = ['failed', 'timedOut', 'bpmnError'];
const FAILING_1 = failingWith(WHYS_1);
const ON_TIMEOUT: readonly CallSettings['onReplyTimeout'][] = ['incident', 'fail', 'error'];
const ON_LATE: readonly CallSettings['onLate'][] = ['dlq', 'publishMessage', 'drop'];
const PROFILES: readonly Profile[] = ['spring', 'nest', 'smallrye', 'cloudevents', 'cloudevents-structured', 'body'];
const STATUSES: readonly StoredReply['status'][] = ['result', 'error', 'failure', 'heartbeat'];

/** What later versions add stands behind these. */
export type Record1 = Readonly<Record<Exclude<keyof Snapshot, 'resend'>, unknown>>;

/**
 * The record to pack; its keys stand in the order of FIELDS, whatever the order in `snapshot`.
 * @throws TypeError, RangeError rather than write what no reader would take
 */
export function toRecord1(snapshot: Snapshot, writeFailing = FAILING_1.write): Record1 {
  const { request, reply, failing, outcome } = snapshot;
  return {
    kind: numberOf(KINDS, snapshot.kind),
    attempt: number(snapshot.attempt),
    incarnation: text(snapshot.incarnation),
    sentAttempt: number(snapshot.sentAttempt),
    lane: text(snapshot.lane),
    origin: writeOrigin(snapshot.origin),
    settings: writeSettings(snapshot.settings),
    retries: number(snapshot.retries),
    heldAtMs: number(snapshot.heldAtMs),
    replyDeadlineMs: number(snapshot.replyDeadlineMs),
    heartbeatDeadlineMs: number(snapshot.heartbeatDeadlineMs),
    progress: text(snapshot.progress),
    trace: text(snapshot.trace),
    alias: text(snapshot.alias),
    request: request ? writeRequest(request) : null,
    applied: snapshot.applied.map(([partition, offset]) => [number(partition), text(offset)]),
    reply: reply ? writeReply(reply) : null,
    failing: failing ? writeFailing(failing) : null,
    outcome: outcome ? numberOf(OUTCOMES, outcome) : null,
    endedAtMs: number(snapshot.endedAtMs),
    timeline: snapshot.timeline.map((entry) => [number(entry.atMs), text(entry.what), text(entry.node)]),
  };
}

/** @throws TypeError that says what is wrong with the record */
export function readRecord1(unpacked: unknown, readFailing = FAILING_1.read): Snapshot {
  if (typeof unpacked !== 'object' || unpacked === null) throw new TypeError('no record');
  const record = unpacked as Record1;
  return {
    kind: wordOf(KINDS, record.kind),
    attempt: number(record.attempt),
    incarnation: text(record.incarnation) as Incarnation,
    sentAttempt: number(record.sentAttempt),
    lane: text(record.lane) as Lane,
    origin: readOrigin(list(record.origin, 7)),
    settings: readSettings(list(record.settings, 14)),
    retries: number(record.retries),
    heldAtMs: number(record.heldAtMs),
    replyDeadlineMs: number(record.replyDeadlineMs),
    heartbeatDeadlineMs: number(record.heartbeatDeadlineMs),
    progress: text(record.progress),
    trace: text(record.trace),
    alias: text(record.alias),
    request: record.request === null ? undefined : readRequest(list(record.request, 6)),
    applied: list(record.applied).map((entry) => readApplied(list(entry, 2))),
    reply: record.reply === null ? undefined : readReply(list(record.reply, 10)),
    failing: record.failing === null ? undefined : readFailing(list(record.failing, 7)),
    outcome: record.outcome === null ? undefined : wordOf(OUTCOMES, record.outcome),
    endedAtMs: number(record.endedAtMs),
    timeline: list(record.timeline).map((entry) => readEntry(list(entry, 3))),
    resend: false,
  };
}

function writeOrigin(origin: JobOrigin): Values {
  const { jobType, processId, processVersion, elementId, instanceKey, elementInstanceKey, tenantId } = origin;
  const where = [text(elementId), text(instanceKey), text(elementInstanceKey), text(tenantId)];
  return [text(jobType), text(processId), number(processVersion), ...where];
}

function readOrigin([jobType, processId, version, elementId, instanceKey, elementKey, tenantId]: Values): JobOrigin {
  return {
    jobType: text(jobType),
    processId: text(processId),
    processVersion: number(version),
    elementId: text(elementId),
    instanceKey: text(instanceKey),
    elementInstanceKey: text(elementKey),
    tenantId: text(tenantId),
  };
}

function writeSettings(settings: CallSettings): Values {
  return [
    ...[
      number(settings.replyTimeoutMs),
      numberOf(ON_TIMEOUT, settings.onReplyTimeout),
      text(settings.timeoutErrorCode),
    ],
    ...[number(settings.retryBackoffMs), number(settings.lateWindowMs), number(settings.incidentWindowMs)],
    ...[number(settings.heartbeatTimeoutMs), numberOf(ON_LATE, settings.onLate), text(settings.lateMessageName)],
    ...[text(settings.cancelTopic), numberOf(PROFILES, settings.profile)],
    ...[text(settings.resultVariable), text(settings.resultExpression), text(settings.errorExpression)],
  ];
}

function readSettings(values: Values): CallSettings {
  const [replyTimeoutMs, onTimeout, errorCode, backoffMs, lateMs, incidentMs, heartbeatMs, ...contract] = values;
  const [onLate, messageName, cancelTopic, profile, variable, result, error] = contract;
  return {
    replyTimeoutMs: number(replyTimeoutMs),
    onReplyTimeout: wordOf(ON_TIMEOUT, onTimeout),
    timeoutErrorCode: text(errorCode),
    retryBackoffMs: number(backoffMs),
    lateWindowMs: number(lateMs),
    incidentWindowMs: number(incidentMs),
    heartbeatTimeoutMs: number(heartbeatMs),
    onLate: wordOf(ON_LATE, onLate),
    lateMessageName: text(messageName),
    cancelTopic: text(cancelTopic),
    profile: wordOf(PROFILES, profile),
    resultVariable: text(variable),
    resultExpression: text(result),
    errorExpression: text(error),
  };
}

function writeRequest({ topic, key, body, schema, headers }: RequestContent): Values {
  const written = headers.map(([name, value]) => [text(name), text(value)]);
  return [text(topic), text(key), text(body), written, number(schema?.id ?? 0), text(schema?.message ?? '')];
}

function readRequest([topic, key, body, headers, schemaId, message]: Values): RequestContent {
  const id = number(schemaId);
  const schema = id === 0 ? undefined : { id, message: text(message) };
  return { topic: text(topic), key: text(key), body: text(body), schema, headers: readHeaders(headers) };
}

function readHeaders(headers: unknown): RequestContent['headers'] {
  return list(headers).map((entry) => readHeader(list(entry, 2)));
}

function readHeader([name, value]: Values): readonly [string, string] {
  return [text(name), text(value)];
}

function readApplied([partition, offset]: Values): readonly [number, string] {
  return [number(partition), text(offset)];
}

function writeReply(reply: StoredReply): Values {
  return [
    ...[text(reply.body), number(reply.partition), text(reply.offset), number(reply.attempt)],
    ...[numberOf(STATUSES, reply.status), text(reply.code), text(reply.message)],
    ...[numberOrNull(reply.retries), numberOrNull(reply.backoffMs)],
    reply.headers.map(([name, value]) => [text(name), text(value)]),
  ];
}

function readReply([body, partition, offset, attempt, ...sent]: Values): StoredReply {
  const [status, code, message, retries, backoffMs, headers] = sent;
  return {
    kind: 'reply',
    status: wordOf(STATUSES, status),
    body: text(body),
    code: text(code),
    message: text(message),
    retries: retries === null ? undefined : number(retries),
    backoffMs: backoffMs === null ? undefined : number(backoffMs),
    headers: readHeaders(headers),
    partition: number(partition),
    offset: text(offset),
    attempt: number(attempt),
  };
}

/** A failure, with these words for its reason. */
export function failingWith(whys: readonly Failing['why'][]) {
  return {
    write({ cause, why, retries, backoffMs, outcome, errorCode, variables }: Failing): Values {
      const how = [numberOf(FAILED, outcome), text(errorCode), text(variables)];
      return [text(cause), numberOf(whys, why), number(retries), number(backoffMs), ...how];
    },
    read([cause, why, retries, backoffMs, outcome, errorCode, variables]: Values): Failing {
      return {
        cause: text(cause),
        why: wordOf(whys, why),
        retries: number(retries),
        backoffMs: number(backoffMs),
        outcome: wordOf(FAILED, outcome),
        errorCode: text(errorCode),
        variables: text(variables),
      };
    },
  };
}

function readEntry([atMs, what, node]: Values): TimelineEntry {
  return { atMs: number(atMs), what: text(what), node: text(node) };
}

type Values = readonly unknown[];

function text(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('text expected');
  return value;
}

function number(value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new TypeError('number expected');
  return value;
}

function numberOrNull(value: number | undefined): number | null {
  return value === undefined ? null : number(value);
}

function list(value: unknown, length?: number): Values {
  if (!Array.isArray(value)) throw new TypeError('list expected');
  if (length !== undefined && value.length !== length) throw new TypeError(`list of ${length} expected`);
  return value;
}

function numberOf<W extends string>(words: readonly W[], word: W): number {
  const index = words.indexOf(word);
  if (index < 0) throw new RangeError(`"${word}" is not one of ${words.join(', ')}`);
  return index;
}

function wordOf<W extends string>(words: readonly W[], value: unknown): W {
  const word = words[number(value)];
  if (word === undefined) throw new TypeError(`no word has number ${value}`);
  return word;
}
