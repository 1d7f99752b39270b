// One job as the API shows it: what is not set is not shown as if it were.
import { expect, test } from 'vitest';
import type { JobKey, Revision, ShardId } from '../../../src/actors/ids.ts';
import { jobViewOf } from '../../../src/gateway/operations/views.ts';
import { HELD } from '../../actors/snapshot-samples.ts';

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
