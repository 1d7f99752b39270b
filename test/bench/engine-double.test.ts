// The engine double's parts that decide: its jobs answer as an engine's would, and its bytes are those of the protocol.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { activateResponse, jobBytesOf, jobKeyIn } from '../../bench/alone/job-bytes.ts';
import { FIRST_KEY, JobTable } from '../../bench/alone/job-table.ts';
import { LoadSource } from '../../bench/alone/load-source.ts';
import { loadGatewayService, type WireJob } from '../../src/gateway/zeebe/protocol.ts';

const LOCK_MS = 20_000;
const service = loadGatewayService();

const JOB: WireJob = {
  key: '1',
  type: 'charge',
  processInstanceKey: '2251799813685251',
  bpmnProcessId: 'orders',
  processDefinitionVersion: 3,
  processDefinitionKey: '7',
  elementId: 'task',
  elementInstanceKey: '9',
  customHeaders: '{}',
  worker: 'w',
  retries: 3,
  deadline: '5',
  variables: '{"a":1}',
  tenantId: '<default>',
};

test('a job that has ended is NOT_FOUND to every command', () => {
  const table = new JobTable();
  const key = table.create('a', 0);
  expect(table.activate('a', 0, LOCK_MS)).toBe(key);
  expect(table.complete(key)).toMatchObject({ code: 'ok', ended: { type: 'a', createdMs: 0 } });
  expect(table.complete(key)).toEqual({ code: 'notFound' });
  expect(table.fail(key, 1, 0, 0)).toBe('notFound');
  expect(table.throwError(key)).toBe('notFound');
  expect(table.updateTimeout(key, 1, 0)).toBe('notFound');
  expect(table.size).toBe(0);
});

test('each job is handed out once, oldest first, and again when its lock is over', () => {
  const table = new JobTable();
  const [first, second] = [table.create('a', 0), table.create('a', 0)];
  expect([table.activate('a', 0, LOCK_MS), table.activate('a', 0, 2 * LOCK_MS)]).toEqual([first, second]);
  expect(table.activate('a', 0, LOCK_MS)).toBeUndefined();
  expect([...table.lapse(LOCK_MS - 1)]).toEqual([]);
  expect([...table.lapse(LOCK_MS)]).toEqual(['a']);
  expect(table.updateTimeout(first, 1, LOCK_MS)).toBe('failedPrecondition');
  expect(table.activate('a', LOCK_MS, LOCK_MS)).toBe(first);
  expect(table.activate('a', LOCK_MS, LOCK_MS)).toBeUndefined();
});

test('backoff and incident take nothing; a failed job without backoff comes again with its new retries', () => {
  const table = new JobTable();
  const [backoff, incident, again] = [table.create('a', 0), table.create('a', 0), table.create('a', 0)];
  for (let i = 0; i < 3; i++) table.activate('a', 0, LOCK_MS);
  expect(table.fail(backoff, 1, 500, 0)).toBe('ok');
  expect(table.throwError(incident)).toBe('ok');
  for (const key of [backoff, incident]) {
    expect(table.complete(key)).toEqual({ code: 'failedPrecondition' });
    expect(table.updateTimeout(key, 1, 0)).toBe('failedPrecondition');
  }
  expect(table.fail(again, 7, 0, 0)).toBe('ok');
  expect([table.activate('a', 0, LOCK_MS), table.retriesOf(again)]).toEqual([again, 7]);
  table.lapse(500);
  expect(table.activate('a', 500, LOCK_MS)).toBe(backoff);
});

test('of the seeded keys each lives until it ends, and no other is known', () => {
  const table = new JobTable({ first: FIRST_KEY + 3, step: 4, count: 2 });
  const known = Array.from({ length: 16 }, (_, i) => FIRST_KEY + i).filter(
    (key) => table.updateTimeout(key, 1, 0) === 'ok',
  );
  expect(known).toEqual([FIRST_KEY + 3, FIRST_KEY + 7]);
  expect(table.complete(FIRST_KEY + 3)).toEqual({ code: 'ok' });
  expect(table.complete(FIRST_KEY + 3)).toEqual({ code: 'notFound' });
});

test('the bytes of a job are read as that job, with its own key and deadline', () => {
  const bytes = jobBytesOf(service, JOB);
  const whole = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
  fc.assert(
    fc.property(whole, whole, (key, deadline) => {
      const read = service.StreamActivatedJobs.responseDeserialize(bytes(key, deadline));
      expect(read).toEqual({ ...JOB, key: String(key), deadline: String(deadline) });
    }),
  );
  const jobs = [bytes(1, 2), bytes(3, 4)];
  const read = service.ActivateJobs.responseDeserialize(activateResponse(jobs));
  expect(read.jobs.map(({ key }) => key)).toEqual(['1', '3']);
});

test('the job key of a command is found wherever it stands', () => {
  const { CompleteJob, FailJob, UpdateJobTimeout } = service;
  const key = String(FIRST_KEY + 5);
  expect(jobKeyIn(CompleteJob.requestSerialize({ jobKey: key, variables: '{"a":1}' }))).toBe(FIRST_KEY + 5);
  const fail = { jobKey: key, retries: 2, errorMessage: 'x', retryBackOff: '300' };
  expect(jobKeyIn(FailJob.requestSerialize(fail))).toBe(FIRST_KEY + 5);
  expect(jobKeyIn(UpdateJobTimeout.requestSerialize({ jobKey: key, timeout: '60000' }))).toBe(FIRST_KEY + 5);
  expect(jobKeyIn(Buffer.from([0x12, 2, 0x08, 9, 0x08, 7]))).toBe(7);
  expect(() => jobKeyIn(Buffer.from([0x08, 0x80]))).toThrow(RangeError);
});

test('a closed loop makes a job for each that ends, and no more than it may', () => {
  let made = 0;
  const loop = new LoadSource(() => {
    made += 1;
  });
  loop.set({ inFlight: 3 });
  expect(made).toBe(3);
  loop.completed(4);
  loop.completed(6);
  expect(made).toBe(5);
  loop.set({ inFlight: 0 });
  loop.completed(8);
  expect(loop.lap()).toMatchObject({ created: 5, completed: 3 });
  expect(loop.figures()).toMatchObject({ completed: 3, maxMs: 0 });
});
