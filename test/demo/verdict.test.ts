// The verdict: a run in which all holds succeeds, and each promise alone, broken, makes it fail and says so.
import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import type { CompleteCall } from '../../deploy/demo/complete-calls.ts';
import type { InstanceFacts } from '../../deploy/demo/instances.ts';
import { makeOrder } from '../../deploy/demo/orders.ts';
import type { RequestFacts } from '../../deploy/demo/service-ledger.ts';
import { type Facts, judge, type KillFacts } from '../../deploy/demo/verdict.ts';
import type { JobKey } from '../../src/actors/ids.ts';

const KILL_MS = 100_000;
const WANTED = 300;

const order = makeOrder(0);
const others = Array.from({ length: WANTED - 1 }, (_, i) => makeOrder(i + 1));

/** The first instance is the one that goes wrong in the samples. */
const instances: readonly InstanceFacts[] = [order, ...others].map((own, i) => ({
  order: own,
  startedMs: KILL_MS - 5_000,
  completedMs: KILL_MS + 3_000,
  answer: { token: own.token, number: i + 1, account: own.customer.account, charged: own.order.total },
}));

/** Each third job is the victim's; all were requested 3 s before the kill and answered 1 s after it. */
const requests: readonly RequestFacts[] = instances.map((instance, i) => ({
  correlationId: `id-${i}`,
  jobKey: String(1_000 + i) as JobKey,
  token: instance.order.token,
  firstRecordMs: KILL_MS - 3_000,
  records: 1,
  answers: [i + 1],
  answeredMs: KILL_MS + 1_000,
}));

const kill: KillFacts = {
  victim: 'bridge-2',
  atMs: KILL_MS,
  ofVictim: ({ jobKey }) => Number(jobKey) % 3 === 0,
  takenOverMs: KILL_MS + 1_900,
  waitedMs: 60_000,
};

const call = ({ sentMs = KILL_MS, ...more }: Partial<CompleteCall>): CompleteCall => ({
  node: 'bridge-1',
  connection: 1,
  jobKey: '1000',
  sentMs,
  timeoutMs: 3_000,
  status: status.OK,
  answeredMs: sentMs + 10,
  ...more,
});

const good: Facts = {
  wanted: WANTED,
  instances,
  requests,
  completeCalls: [call({}), call({ jobKey: '1001' })],
  closedMs: () => undefined,
  kill,
  killWanted: true,
};

const withFirst = (more: Partial<InstanceFacts>): Facts => ({
  ...good,
  instances: [{ ...(instances[0] as InstanceFacts), ...more }, ...instances.slice(1)],
});
const withFirstRequest = (more: Partial<RequestFacts>, further: readonly RequestFacts[] = []): Facts => ({
  ...good,
  requests: [{ ...(requests[0] as RequestFacts), ...more }, ...requests.slice(1), ...further],
});
const answered = (count: number, atMs: number): readonly RequestFacts[] => {
  let left = count;
  return requests.map((request) =>
    kill.ofVictim(request) && left-- <= 0 ? { ...request, answeredMs: atMs } : request,
  );
};

test('all as promised', () => {
  const { line, faults, exitCode, figures } = judge(good);
  expect(faults).toEqual([]);
  expect(exitCode).toBe(0);
  expect(line).toBe(
    'demo: started=300 completed=300 lost=0 mismatched=0 completedTwice=0 requestsRepeated=0 takeoverMs=1900',
  );
  expect(figures).toMatchObject({ heldByVictim: 100, repliesBeforeTakeover: 100 });
});

test('without a kill nothing of the victim is asked', () => {
  const calm = judge({ ...good, kill: undefined, killWanted: false });
  expect([calm.exitCode, calm.figures.takeoverMs]).toEqual([0, 0]);
});

const { completedMs: _, ...open } = instances[0] as InstanceFacts;
const again = (more: Partial<RequestFacts>): RequestFacts => ({ ...(requests[0] as RequestFacts), ...more });

describe('it fails when', () => {
  test.each<[string, Facts, RegExp, string]>([
    [
      'an instance did not start',
      { ...good, instances: instances.slice(1) },
      /only 299 of 300 instances were started/,
      'started=299 completed=299 lost=0',
    ],
    [
      'an instance did not complete',
      { ...good, instances: [{ ...open, failure: 'DEADLINE_EXCEEDED' }, ...instances.slice(1)] },
      /1 instances did not complete, the first one: DEADLINE_EXCEEDED/,
      'completed=299 lost=1',
    ],
    [
      'a result bears the token of another',
      withFirst({ answer: { ...instances[0]?.answer, token: others[0]?.token } as never }),
      /something else than the answer/,
      'mismatched=1',
    ],
    [
      'a result bears a number that the service gave to another',
      withFirst({ answer: { ...instances[0]?.answer, number: 2 } as never }),
      /something else than the answer/,
      'mismatched=1',
    ],
    [
      'a 64-bit integer was rounded on the way',
      withFirst({ answer: { ...instances[0]?.answer, account: Number(order.customer.account) } as never }),
      /something else than the answer/,
      'mismatched=1',
    ],
    ['there is no answer', withFirst({ answer: undefined }), /something else than the answer/, 'mismatched=1'],
    [
      'a job is completed after its node was told and lived',
      { ...good, completeCalls: [call({}), call({ node: 'bridge-3', connection: 3, sentMs: KILL_MS + 500 })] },
      /1 jobs were completed again/,
      'completedTwice=1',
    ],
    [
      'so it is when the node was told NOT_FOUND, and counts once however often',
      {
        ...good,
        completeCalls: [
          call({ status: status.NOT_FOUND }),
          call({ sentMs: KILL_MS + 20 }),
          call({ sentMs: KILL_MS + 30 }),
        ],
        closedMs: () => KILL_MS + 1_011,
      },
      /1 jobs were completed again/,
      'completedTwice=1',
    ],
    [
      'so it is when the node was told late, but in good time',
      { ...good, completeCalls: [call({ answeredMs: KILL_MS + 2_499 }), call({ sentMs: KILL_MS + 3_001 })] },
      /1 jobs were completed again/,
      'completedTwice=1',
    ],
    [
      'so it is when the answer may have crossed with its node giving up, and the doubt is told',
      { ...good, completeCalls: [call({ answeredMs: KILL_MS + 2_500 }), call({ sentMs: KILL_MS + 3_001 })] },
      /1 jobs were completed again .*\(1 of them perhaps not: answered within 500 ms of the call's deadline, or after it\)/,
      'completedTwice=1',
    ],
    [
      'of two such jobs the doubt is told of one',
      {
        ...good,
        completeCalls: [
          call({ answeredMs: KILL_MS + 3_000 }),
          call({ sentMs: KILL_MS + 3_001 }),
          call({ jobKey: '1001' }),
          call({ jobKey: '1001', sentMs: KILL_MS + 3_001 }),
        ],
      },
      /2 jobs were completed again .*\(1 of them perhaps not/,
      'completedTwice=2',
    ],
    [
      'an old request was sent again',
      withFirstRequest({ records: 2 }),
      /1 requests were sent again that had been sent a second before the kill/,
      'requestsRepeated=1',
    ],
    [
      'so it is under another correlation id',
      withFirstRequest({}, [again({ correlationId: 'another', firstRecordMs: KILL_MS + 2_000 })]),
      /1 requests were sent again/,
      'requestsRepeated=1',
    ],
    [
      'any request was sent again without a kill',
      { ...withFirstRequest({ records: 2, firstRecordMs: KILL_MS }), kill: undefined, killWanted: false },
      /1 requests were sent again though no node was killed/,
      'requestsRepeated=1',
    ],
    [
      'the takeover took too long',
      { ...good, kill: { ...kill, takenOverMs: KILL_MS + 5_001 } },
      /took 5001 ms/,
      'takeoverMs=5001',
    ],
    [
      'it never ended',
      { ...good, kill: { ...kill, takenOverMs: undefined } },
      /not all that bridge-2 did was taken over within 60000 ms/,
      'takeoverMs=60000',
    ],
    ['nobody was killed', { ...good, kill: undefined }, /no node was killed/, 'takeoverMs=0'],
    [
      'the victim held little',
      { ...good, kill: { ...kill, ofVictim: ({ jobKey }) => Number(jobKey) % 11 === 0 } },
      /held only 28 jobs/,
      'takeoverMs=1900',
    ],
    [
      'what it held had been answered already',
      { ...good, requests: answered(29, KILL_MS - 1) },
      /held only 29 jobs/,
      'takeoverMs=1900',
    ],
    [
      'few replies came before the takeover',
      { ...good, requests: answered(19, KILL_MS + 1_900) },
      /only 19 replies to the victim's jobs/,
      'takeoverMs=1900',
    ],
  ])('%s', (_name, facts, fault, figure) => {
    const verdict = judge(facts);
    expect(verdict.exitCode).toBe(1);
    expect(verdict.faults).toEqual([expect.stringMatching(fault)]);
    expect(verdict.line).toContain(figure);
  });
});

describe('it is no fault that', () => {
  test.each<[string, Facts]>([
    [
      'a request younger than a second at the kill was repeated',
      withFirstRequest({ records: 2, firstRecordMs: KILL_MS - 1_000 }),
    ],
    [
      'a job is completed again that a node was told of which then died',
      {
        ...good,
        completeCalls: [call({ connection: 2 }), call({ sentMs: KILL_MS + 2_000 })],
        closedMs: (connection) => (connection === 2 ? KILL_MS + 1_010 : undefined),
      },
    ],
    [
      'a job is completed again whose first try was not answered',
      { ...good, completeCalls: [{ ...call({}), status: status.UNAVAILABLE }, call({ sentMs: KILL_MS + 2_000 })] },
    ],
    [
      'both tries were under way at once',
      { ...good, completeCalls: [call({}), call({ sentMs: KILL_MS + 10, status: status.NOT_FOUND })] },
    ],
    ['exactly a fifteenth came in time', { ...good, requests: answered(20, KILL_MS + 1_900) }],
  ])('%s', (_name, facts) => {
    expect(judge(facts).faults).toEqual([]);
  });
});
