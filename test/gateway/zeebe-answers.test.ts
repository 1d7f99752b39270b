import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import {
  answerTo,
  MAX_VARIABLES_BYTES,
  refuseVariables,
  type SentCommand,
  shortenMessage,
  ZeebeCallError,
} from '../../src/gateway/zeebe/answers.ts';
import { loadGatewayService } from '../../src/gateway/zeebe/protocol.ts';

/** The texts are those that real engines and grpc-js sent. */
const SEEN: readonly [command: SentCommand, code: number, details: string, answer: string][] = [
  ['complete', status.NOT_FOUND, "Command 'COMPLETE' rejected with code 'NOT_FOUND'", 'notFound'],
  [
    'complete',
    status.FAILED_PRECONDITION,
    "Command 'COMPLETE' rejected with code 'INVALID_STATE'",
    'failedPrecondition',
  ],
  ['complete', status.INVALID_ARGUMENT, "Property 'variables' is invalid", 'never'],
  [
    'complete',
    status.RESOURCE_EXHAUSTED,
    "Failed to write client request to partition '1', because the request limit is exhausted.",
    'transient, backpressure',
  ],
  ['complete', status.RESOURCE_EXHAUSTED, 'gRPC message exceeds maximum size 4194304: 4200021', 'never'],
  ['complete', status.RESOURCE_EXHAUSTED, 'Bandwidth exhausted or memory limit exceeded', 'transient, unseen'],
  ['complete', status.UNKNOWN, '', 'never'],
  ['throwError', status.UNKNOWN, '', 'never'],
  ['fail', status.UNKNOWN, '', 'transient, unseen'],
  ['failWithVariables', status.UNKNOWN, '', 'never'],
  ['updateTimeout', status.UNKNOWN, '', 'transient, unseen'],
  ['complete', status.UNKNOWN, 'Received HTTP status code 520', 'transient, unseen'],
  [
    'complete',
    status.UNAVAILABLE,
    'No connection established. Last error: connect ECONNREFUSED 127.0.0.1:26500. Resolution note: ',
    'transient',
  ],
  ['complete', status.UNAVAILABLE, 'Name resolution failed for target dns:nowhere:26500', 'transient'],
  ['complete', status.UNAVAILABLE, 'Connection dropped', 'transient, unseen'],
  ['complete', status.UNAVAILABLE, 'read ECONNRESET', 'transient, unseen'],
  ['complete', status.INTERNAL, "Processing paused for partition '1'", 'transient'],
  [
    'complete',
    status.INTERNAL,
    'Unexpected error occurred during the request processing: Failed to convert JSON to MessagePack',
    'never',
  ],
  ['complete', status.INTERNAL, 'Received RST_STREAM with code 2 (Internal server error)', 'transient, unseen'],
  ['complete', status.CANCELLED, 'Call cancelled', 'transient, unseen'],
  ['complete', status.DEADLINE_EXCEEDED, 'Deadline exceeded after 0.015s', 'transient, unseen'],
  ['complete', status.ABORTED, 'connection cut', 'transient, unseen'],
  ['complete', status.UNAUTHENTICATED, 'Expected bearer token', 'transient'],
  ['complete', status.PERMISSION_DENIED, 'not allowed', 'transient'],
  ['updateTimeout', status.UNIMPLEMENTED, 'Method not found', 'transient'],
  ['complete', status.DATA_LOSS, 'anything that is not listed', 'transient, unseen'],
];

describe('answers of the engine', () => {
  test.each(SEEN)('%s, code %i %j: %s', (command, code, details, expected) => {
    const answer = answerTo(command, new ZeebeCallError('Call', code, details, true));
    const more = `${answer.unseen ? ', unseen' : ''}${answer.backpressure ? ', backpressure' : ''}`;
    expect(`${answer.code}${more}`).toBe(expected);
    expect(answer.message).toContain(details);
  });

  test('a call that never left is not unseen, whatever its code', () => {
    const error = new ZeebeCallError('CompleteJob', status.DEADLINE_EXCEEDED, 'no time left', false);
    expect(answerTo('complete', error)).toMatchObject({ code: 'transient', unseen: false });
  });
});

describe('what is not sent', () => {
  test('variables are measured in bytes of UTF-8', () => {
    expect(refuseVariables('x'.repeat(MAX_VARIABLES_BYTES))).toBeUndefined();
    expect(refuseVariables('x'.repeat(MAX_VARIABLES_BYTES + 1))).toMatchObject({ code: 'never', unseen: false });
    const umlauts = 'ü'.repeat(MAX_VARIABLES_BYTES / 2);
    expect(refuseVariables(umlauts)).toBeUndefined();
    expect(refuseVariables(`${umlauts}ü`)?.message).toContain(String(MAX_VARIABLES_BYTES + 2));
  });

  test('a message is shortened to what the engine keeps', () => {
    expect(shortenMessage('x'.repeat(10_000))).toHaveLength(10_000);
    expect(shortenMessage('x'.repeat(10_001))).toBe(`${'x'.repeat(9_999)}…`);
  });
});

test('keys beyond 2^53 and variables pass the protocol as they are', () => {
  const { CompleteJob, StreamActivatedJobs } = loadGatewayService();
  const request = { jobKey: '9007199254740993', variables: '{"n":9007199254740993.0,"s":"\u00e9\u{1f600}\u2028"}' };
  expect(CompleteJob.requestDeserialize(CompleteJob.requestSerialize(request))).toEqual(request);

  const job = {
    key: '9223372036854775807',
    type: 'charge-card',
    processInstanceKey: '9007199254740993',
    bpmnProcessId: 'order',
    processDefinitionVersion: 3,
    processDefinitionKey: '2251799813685249',
    elementId: 'charge',
    elementInstanceKey: '9007199254740995',
    customHeaders: '{"a":"b"}',
    worker: 'node-a',
    retries: 3,
    deadline: '1767225600000',
    variables: '{"n": 18446744073709551615}',
    tenantId: '<default>',
  };
  expect(StreamActivatedJobs.responseDeserialize(StreamActivatedJobs.responseSerialize(job))).toEqual(job);
});
