// Jobs read by hand are what the proto library reads from the same bytes.
import { describe, expect, test } from 'vitest';
import { decodeJob, decodeJobs } from '../../src/gateway/zeebe/job-decoding.ts';
import { loadGatewayService, type WireJob } from '../../src/gateway/zeebe/protocol.ts';

const { StreamActivatedJobs, ActivateJobs } = loadGatewayService();

const JOB: WireJob = {
  key: '2251799813685249',
  type: 'charge card',
  processInstanceKey: '4503599627370497',
  bpmnProcessId: 'order',
  processDefinitionVersion: 3,
  processDefinitionKey: '9007199254740993',
  elementId: 'charge',
  elementInstanceKey: '9223372036854775807',
  customHeaders: '{"a":"ü"}',
  worker: 'n1',
  retries: 3,
  deadline: '1795931871000',
  variables: '{"amount":9007199254740993,"name":"Zoë 🙂"}',
  tenantId: '<default>',
};

const bytesOf = (job: WireJob) => StreamActivatedJobs.responseSerialize(job);

/** What the library reads, as the port has it. */
function byLibrary(bytes: Buffer) {
  const { deadline, ...rest } = StreamActivatedJobs.responseDeserialize(bytes) as WireJob;
  return { ...rest, deadlineMs: Number(deadline) };
}

describe('a job', () => {
  test('every field', () => {
    const { deadline: _, ...rest } = JOB;
    expect(decodeJob(bytesOf(JOB))).toEqual({ ...rest, deadlineMs: 1_795_931_871_000 });
  });

  test('as the library reads it, whatever the numbers are', () => {
    const keys = ['0', '1', '127', '128', '268435455', '268435456', '9007199254740991', '9007199254740992', '-1'];
    const more = ['72057594037927935', '72057594037927936', '-9223372036854775808', '9223372036854775807'];
    for (const key of [...keys, ...more]) {
      for (const retries of [0, 1, 2 ** 31 - 1, -1, -(2 ** 31)]) {
        const bytes = bytesOf({ ...JOB, key, elementInstanceKey: key, retries, variables: '', type: '' });
        expect(decodeJob(bytes)).toEqual(byLibrary(bytes));
      }
    }
  });

  test('what is not there has the default', () => {
    expect(decodeJob(Buffer.alloc(0))).toEqual(byLibrary(Buffer.alloc(0)));
  });

  test('fields of a later version are skipped, of whatever kind', () => {
    const unknown = [
      [0x80, 0x01, 0x96, 0x01], // 16, varint
      [0x89, 0x01, 1, 2, 3, 4, 5, 6, 7, 8], // 17, 64 bits
      [0x92, 0x01, 2, 0xff, 0xff], // 18, two bytes
      [0x9d, 0x01, 1, 2, 3, 4], // 19, 32 bits
      [0x88, 0x80, 0x80, 0x80, 0x01, 5], // 2^25 + 1, varint: its lowest bits are those of the key
    ];
    const bytes = Buffer.concat([Buffer.from(unknown.flat()), bytesOf(JOB)]);
    expect(decodeJob(bytes)).toEqual(byLibrary(bytesOf(JOB)));
  });

  test('bytes that break off anywhere within a field are refused', () => {
    const bytes = bytesOf(JOB);
    let whole = 0;
    for (let end = 1; end < bytes.length; end++) {
      try {
        decodeJob(bytes.subarray(0, end));
        whole += 1; // it ends where a field does
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }
    expect(whole).toBe(13);
  });

  test('a field of another kind, a number without end', () => {
    expect(() => decodeJob(Buffer.from([0x0a, 1, 65]))).toThrow('field 1 of a job has the wire type 2, not 0');
    expect(() => decodeJob(Buffer.from([0x0b]))).toThrow('field 1 of a job has the wire type 3, not 0');
    expect(() => decodeJob(Buffer.from([0x7b]))).toThrow('field 15 of a job has the wire type 3, which is none');
    expect(() => decodeJob(Buffer.from([0x08, ...Array(11).fill(0xff)]))).toThrow('longer than ten bytes');
  });
});

test('jobs of a poll', () => {
  const jobs = [JOB, { ...JOB, key: '17', variables: `"${'x'.repeat(70_000)}"` }, { ...JOB, key: '18' }];
  const decoded = decodeJobs(ActivateJobs.responseSerialize({ jobs }));
  expect(decoded).toEqual(jobs.map((job) => byLibrary(bytesOf(job))));
  expect(decodeJobs(Buffer.alloc(0))).toEqual([]);
});
