// One job as the API shows it: what is not set is not shown as if it were.
import { expect, test } from 'vitest';
import type { JobKey, Revision, ShardId } from '../../../src/actors/ids.ts';
import { jobViewOf } from '../../../src/gateway/operations/views.ts';
import { HELD, TOMBSTONE } from '../../actors/snapshot-samples.ts';

test('settings without a heartbeat timeout, or a cancel topic, name none', () => {
  const around = {
    ...{ jobKey: '1' as JobKey, shard: 0 as ShardId, revision: 1 as Revision, correlationId: 'id', node: 'n1' },
    ...{ memory: undefined, withPayload: false },
  };
  const settingsOf = (more: object) => jobViewOf({ ...HELD, settings: { ...HELD.settings, ...more } }, around).settings;
  const plain = settingsOf({ heartbeatTimeoutMs: 0, cancelTopic: '', retryBackoffMs: 0 });
  expect(plain).not.toHaveProperty('heartbeatTimeoutMs');
  expect(plain).not.toHaveProperty('cancelTopic');
  expect(plain).toMatchObject({ replyTimeoutMs: 3_600_000, retryBackoffMs: 0 });
  const set = { heartbeatTimeoutMs: 5_000, cancelTopic: 'charges' };
  expect(settingsOf(set)).toMatchObject(set);
});

test('each step says with which revision it was written: noted, the one that stands, or none yet', () => {
  const entry = (what: string, node: string) => ({ atMs: 1, what, node });
  const written = [
    entry('held, attempt 1', 'n1'), // by a version that noted none
    entry('sent', 'n1@12'),
    entry('failing: x', 'n1@12'),
    entry('sent', 'n2'),
    entry('attached', 'n2'),
    entry('taken over', 'n2'),
  ];
  const memory = {
    ...{ sent: true, lockDeadlineMs: 0, nextLookMs: 0, heartbeatDeadlineMs: 0 },
    timeline: [entry('attached', 'n2')],
  };
  const around = { jobKey: '1', shard: 0, revision: 15, correlationId: 'id', node: 'n2', memory, withPayload: false };
  expect(
    jobViewOf({ ...HELD, timeline: written }, around).timeline.map(({ node, revision }) => [node, revision]),
  ).toEqual([
    ['n1', null],
    ['n1', 12],
    ['n1', 12],
    ['n2', 15],
    ['n2', 15],
    ['n2', 15],
    ['n2', null],
  ]);
  const ended = jobViewOf(TOMBSTONE, { ...around, memory: undefined }).timeline;
  expect(ended.at(-1)).toMatchObject({ what: 'completed', node: 'node-1', revision: 15 });
});
