// What is known of jobs that left memory: late writes of theirs are no news, and they may come back.
import { expect, test } from 'vitest';
import type { JobKey, Revision, ShardId } from '../../src/actors/ids.ts';
import { emptyState, type JobState } from '../../src/actors/pending-job/state.ts';
import type { Outcome, Snapshot } from '../../src/actors/snapshot.ts';
import { Departed } from '../../src/cluster/departed.ts';
import { CLUSTER_LIMITS } from '../../src/cluster/limits.ts';

const SHARD = 3 as ShardId;
const JOB = '1' as JobKey;

function at(revision: number): Revision {
  return revision as Revision;
}

function leaving(jobKey: string, revision: number, outcome: Outcome, of: Partial<JobState> = {}) {
  const snapshot = { kind: 'ended', outcome } as Snapshot;
  const state = { ...emptyState(jobKey as JobKey), snapshot, revision: at(revision), ...of };
  return { shard: SHARD, jobKey: jobKey as JobKey, revision: at(revision), state };
}

test('writes up to the one with which a job left are no news, whatever comes later is, and it is forgotten then', () => {
  const departed = new Departed();
  departed.delivered(SHARD, at(5));
  departed.leaves(leaving('1', 8, 'completed'));
  expect(departed.wasForgotten(SHARD, JOB, at(6))).toBe(true);
  expect(departed.wasForgotten(2 as ShardId, JOB, at(6))).toBe(false);
  expect(departed.wasForgotten(SHARD, '2' as JobKey, at(6))).toBe(false);
  expect(departed.wasForgotten(SHARD, JOB, at(8))).toBe(true);
  expect(departed.wasForgotten(SHARD, JOB, at(8))).toBe(false); // the watch has passed it
  departed.leaves(leaving('1', 8, 'completed'));
  expect(departed.wasForgotten(SHARD, JOB, at(9))).toBe(false);
  expect(departed.wasForgotten(SHARD, JOB, at(8))).toBe(false);
});

test('nothing is kept of a job whose last write the watch has passed already, nor of a shard that went', () => {
  const departed = new Departed();
  departed.delivered(SHARD, at(8));
  departed.leaves(leaving('1', 8, 'completed'));
  expect(departed.wasForgotten(SHARD, JOB, at(8))).toBe(false);
  departed.leaves(leaving('1', 9, 'failed'));
  departed.drop(SHARD);
  expect(departed.wasForgotten(SHARD, JOB, at(9))).toBe(false);
  expect(departed.endedOf(SHARD, JOB)).toBeUndefined();
});

test.each(['failed', 'timedOut', 'bpmnError'] as const)('a job that %s may come back, and is known then', (outcome) => {
  const departed = new Departed();
  departed.leaves(leaving('1', 8, outcome, { unbroken: true, handedOutMs: 77 }));
  departed.leaves(leaving('2', 9, outcome, { unbroken: false, handedOutMs: 78 }));
  expect(departed.endedOf(SHARD, JOB)).toEqual({ unbrokenAt: 8, handedOutMs: 77 });
  expect(departed.endedOf(SHARD, '2' as JobKey)).toEqual({ unbrokenAt: 0, handedOutMs: 78 });
});

test.each(['completed', 'cancelled', 'gone'] as const)(
  'nothing is known of a job any more once it is %s',
  (outcome) => {
    const departed = new Departed();
    departed.leaves(leaving('1', 8, 'failed', { unbroken: true }));
    departed.leaves(leaving('1', 10, outcome));
    expect(departed.endedOf(SHARD, JOB)).toBeUndefined();
  },
);

test('of each shard the latest are remembered', () => {
  const departed = new Departed();
  const most = CLUSTER_LIMITS.endedPerShard;
  for (let job = 0; job < most; job++) departed.leaves(leaving(String(job), job + 1, 'failed'));
  departed.leaves(leaving('0', most + 1, 'failed')); // not the oldest any more
  departed.leaves(leaving('new', most + 2, 'failed'));
  const known = ['0', '1', '2', 'new'].map((job) => departed.endedOf(SHARD, job as JobKey) !== undefined);
  expect(known).toEqual([true, false, true, true]);
});
