import { expect, test } from 'vitest';
import { PLAIN_CONTRACT } from '../../src/actors/messages.ts';
import { type Config, loadConfig, type Route } from '../../src/gateway/config.ts';
import type { ActivatedJob } from '../../src/gateway/ports.ts';
import { activationOf, RECORD_OVERHEAD_BYTES, SNAPSHOT_OVERHEAD_BYTES } from '../../src/gateway/routes.ts';

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
    request: { topic: 'payments', key: '', body: variables, headers: [] },
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
