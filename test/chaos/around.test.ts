// What is printed beside a breach: the job's own story whenever it was, and of all else what happened shortly before.
import { expect, test } from 'vitest';
import { linesAround } from './around.ts';
import { story, withOpenJob } from './judge/told.ts';
import { judge } from './judge.ts';

test('all of the job and what was done around it, nothing of other jobs', () => {
  let shard = 0;
  const events = story((told) => {
    const { job, owner, other } = withOpenJob(told);
    shard = job.shard;
    told.fault('stopFour', other);
    told.fault('stopFour', other, 'end');
    told.nowMs += 100_000;
    told.fault('slow', other, 'begin', 'zeebe');
    told.handOver(job.shard, other);
    told.nowMs += 1_500;
    told.call(job, owner, { command: 'ThrowError', code: 14 });
    told.reply(job, 7);
    told.complete(job);
  });
  const [breach] = judge(events).breaches;
  expect(breach?.what).toBe('actedWithoutClaim');
  const lines = linesAround(breach!, events);
  const kinds = lines.map((line) => line.split(' ')[2]);
  expect(kinds).toEqual(
    expect.arrayContaining(['creating', 'started', 'held', 'requested', 'call', 'replied', 'ended']),
  );
  expect(lines.filter((line) => line.includes('"ThrowError"'))).toEqual([expect.stringMatching(/^0 ms call /)]);
  expect(lines.filter((line) => line.includes('claimed'))).toHaveLength(2);
  for (const line of lines.filter((text) => text.includes('claimed'))) expect(line).toContain(`"shard":${shard}`);
  expect(lines.filter((line) => line.includes('"slow"'))).toHaveLength(1);
  expect(lines.filter((line) => line.includes('"stopFour"'))).toHaveLength(0);
});
