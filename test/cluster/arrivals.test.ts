// What a wave makes small as it is delivered: jobs that only wait and owe nothing, and no other; and from then on they are
// like any job that this node held itself.
import { expect, test } from 'vitest';
import type { Incarnation, Revision } from '../../src/actors/ids.ts';
import { LIMITS } from '../../src/actors/limits.ts';
import type { Snapshot } from '../../src/actors/snapshot.ts';
import { encodeSnapshot } from '../../src/actors/snapshot-codec.ts';
import { Arrivals } from '../../src/cluster/arrivals.ts';
import { sentKey, toJson } from '../../src/cluster/names.ts';
import type { PendingJob } from '../../src/cluster/pending-job.ts';
import type { KvEntry } from '../../src/cluster/ports.ts';
import { JOB } from '../actors/pending-job-world.ts';
import { HELD, REPLIED } from '../actors/snapshot-samples.ts';
import { storeOver } from './memory.ts';
import { Host, KEY, SHARD } from './shard-host.ts';

const DEAD = 'dead-1' as Incarnation;
const MONTH_MS = 30 * 24 * 3_600_000;

class Takeover {
  readonly host: Host;
  readonly outlived: number[] = [];
  readonly arrivals: Arrivals;

  constructor(upTo = 1_000, host = new Host()) {
    this.host = host;
    this.arrivals = new Arrivals({
      context: host.context,
      control: storeOver(host.kv, host.clock),
      watermark: { outlive: (replyTimeoutMs) => void this.outlived.push(replyTimeoutMs) },
      cold: host.cold,
      resting: (shard, jobKey, resting) => host.jobs.resting(shard, jobKey, resting),
    });
    this.host.kv.write(sentKey(DEAD), toJson({ upTo, except: [[JOB, 2]] }));
  }

  /** A held job of the dead. */
  held(changes: Partial<Snapshot> = {}): Snapshot {
    const heldAtMs = this.host.clock.wallMs();
    return { ...HELD, incarnation: DEAD, heldAtMs, replyDeadlineMs: heldAtMs + MONTH_MS, ...changes };
  }

  /** How it is kept, once its writer's record is known. */
  async arrived(snapshot: Snapshot, revision = 10) {
    const entry = this.entry(snapshot, revision);
    const first = this.arrivals.arrived(SHARD, JOB, entry);
    await this.host.clock.advance(0);
    return { first, entry, kept: this.arrivals.arrived(SHARD, JOB, entry) };
  }

  entry(snapshot: Snapshot, revision: number): KvEntry {
    return { key: KEY, value: encodeSnapshot(snapshot), revision: revision as Revision, writtenMs: 0 };
  }
}

test('a hold is made small once its writer is known to have sent it', async () => {
  const takeover = new Takeover();
  const { first, entry, kept } = await takeover.arrived(takeover.held());
  expect(first).toBe(entry);
  expect(kept).toMatchObject({ revision: 10, packed: true, lane: HELD.lane });
  expect([...takeover.arrivals.writers]).toEqual([DEAD]);
  expect(takeover.host.lanes.total).toBe(0); // it is not here yet
  expect(takeover.outlived).toEqual([MONTH_MS]); // longer than its settings say: somebody has extended it
});

test('one that was not sent, or may not have been, stays as it is', async () => {
  const late = new Takeover(9);
  const excepted = new Takeover();
  for (const { entry, kept } of [
    await late.arrived(late.held()),
    await excepted.arrived(excepted.held({ attempt: 2 })),
    await excepted.arrived(excepted.held({ incarnation: 'unknown-1' as Incarnation })),
    await excepted.arrived({ ...REPLIED, incarnation: DEAD }),
  ])
    expect(kept).toBe(entry);
});

test('one that says itself that it was sent needs no record', () => {
  const takeover = new Takeover();
  const entry = takeover.entry(takeover.held({ sentAttempt: 1 }), 10);
  expect(takeover.arrivals.arrived(SHARD, JOB, entry)).toMatchObject({ packed: true, lane: HELD.lane });
  expect([...takeover.arrivals.writers]).toEqual([]);
});

async function resting(changes: Partial<Snapshot> = {}) {
  const takeover = new Takeover();
  const { host } = takeover;
  host.kv.write(KEY, encodeSnapshot(takeover.held(changes)));
  const { revision } = host.kv.entries.get(KEY)!;
  const { kept } = await takeover.arrived(takeover.held(changes), revision);
  host.jobs.rest(kept as PendingJob);
  return host;
}

test('taken in it counts in its lane, is asked for within the first lock, and sends nothing', async () => {
  const host = await resting();
  expect([host.jobs.size, host.lanes.total]).toEqual([1, 1]);
  expect(host.engineCalls).toEqual([]);
  await host.clock.advance(LIMITS.activationLockMs + 1_000);
  expect(host.engineCalls.map(({ what }) => what)).toEqual(['updateTimeout']);
  expect([...host.requests]).toEqual([]);
});

test('a reply completes it, and an activation attaches to it', async () => {
  const host = await resting();
  expect(await host.told(host.activate())).toBe('attached');
  expect(await host.told(host.result(0))).toBe('applied');
  expect([host.jobs.size, host.lanes.total, host.standing.outcome]).toEqual([0, 0, 'completed']);
});

test('after a long time before it was taken in, a service that owes signs of life has the whole time again', async () => {
  const heartbeatTimeoutMs = 60_000;
  const takeover = new Takeover();
  const { host } = takeover;
  const settings = { ...HELD.settings, heartbeatTimeoutMs };
  const held = takeover.held({ settings, heartbeatDeadlineMs: host.clock.wallMs() + heartbeatTimeoutMs });
  const { kept } = await takeover.arrived(held);
  await host.clock.advance(50_000);
  host.replyProgressMs = Number.POSITIVE_INFINITY;
  host.jobs.rest(kept as PendingJob);
  await host.clock.advance(heartbeatTimeoutMs - 1_000);
  expect(host.engineCalls.filter(({ what }) => what === 'fail')).toEqual([]);
  expect(host.jobs.size).toBe(1);
});

test('taken in beside one that is there already, the newer of the two counts', async () => {
  const host = await resting();
  const takeover = new Takeover(1_000, host);
  const { kept } = await takeover.arrived(takeover.held({ retries: 7 }), 99);
  host.jobs.rest(kept as PendingJob);
  await host.clock.advance(0);
  expect([host.jobs.size, host.lanes.total]).toEqual([1, 1]);
  expect(host.jobs.highestRevision(SHARD)).toBe(99);
  expect(host.cold.count).toBe(0); // it is unpacked, and the one that came is no longer needed
});
