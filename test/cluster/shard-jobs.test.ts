// The jobs of a shard in memory: what is forgotten, what is reloaded, and that no job is ever decided twice at once.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import type { Incarnation, JobKey, Lane, Revision } from '../../src/actors/ids.ts';
import { LIMITS } from '../../src/actors/limits.ts';
import { encodeSnapshot } from '../../src/actors/snapshot-codec.ts';
import { LEGS } from '../../src/cluster/legs.ts';
import { CLUSTER_LIMITS } from '../../src/cluster/limits.ts';
import { sentKey, toJson } from '../../src/cluster/names.ts';
import { JOB, World as Job, LOCK_MS, SETTINGS } from '../actors/pending-job-world.ts';
import { VIRTUAL_EPOCH_MS } from '../support/manual-clock.ts';
import { Host, KEY, OK, SELF, SHARD } from './shard-host.ts';

test('a job is in memory while it waits and counts against its lane, and is forgotten when it has ended', async () => {
  const host = new Host();
  await host.held();
  expect([host.jobs.size, host.lanes.total]).toEqual([1, 1]);
  host.kafkaAcks();
  const said = host.result(0);
  await host.clock.advance(0);
  expect(await said).toBe('applied');
  expect([host.jobs.size, host.lanes.total, host.standing.outcome]).toEqual([0, 0, 'completed']);
});

test('the engine is called with what tells the trace of the call, for the log', async () => {
  const host = new Host();
  await host.held();
  host.kafkaAcks();
  const said = host.result(0);
  await host.clock.advance(0);
  expect(await said).toBe('applied');
  expect(host.engineCalls.map(({ what, of }) => [what, of?.origin.instanceKey])).toEqual([
    ['complete', host.standing.origin.instanceKey],
  ]);
  expect(host.standing.origin.instanceKey).not.toBe('');
});

test('how long the parts of a call took is told once it is completed, and of no call that waited for long', async () => {
  const host = new Host();
  const { clock } = host;
  const direct = host.kv.put;
  host.kv.put = async (...write) => {
    await new Promise<void>((resolve) => clock.setTimer(3, resolve));
    return direct(...write);
  };
  host.engineAnswers = false;
  void host.activate();
  await clock.advance(3);
  await clock.advance(5);
  host.kafkaAcks();
  await clock.advance(7);
  void host.result(0);
  await clock.advance(11);
  expect(host.legs).toEqual([]);
  host.engineCalls[0]?.answer(OK);
  await clock.advance(3);
  expect(Object.fromEntries(host.legs)).toEqual({ hold: 3, publish: 5, service: 7, complete: 11, call: 15, whole: 26 });
  expect(host.legs).toHaveLength(LEGS.length);

  const slow = new Host();
  await slow.held();
  slow.kafkaAcks();
  await slow.clock.advance(3 * LIMITS.coolAfterMs);
  const said = slow.result(0);
  await slow.clock.advance(0);
  expect([await said, slow.standing.outcome, slow.legs]).toEqual(['applied', 'completed', []]);
});

test('a result stored for a job in an incident waits without taking room from the jobs of its lane', async () => {
  const host = new Host();
  await host.held();
  host.kafkaAcks();
  host.answer = { code: 'failedPrecondition', unseen: false, message: 'incident' };
  const said = host.result(0);
  await host.clock.advance(0);
  expect(await said).toBe('applied');
  expect([host.standing.kind, host.jobs.size, host.lanes.total]).toEqual(['replied', 1, 0]);
  // An engine that is away is another matter: such results come back by themselves, and are limited meanwhile.
  host.answer = { code: 'transient', unseen: true, message: 'away' };
  const again = host.activate();
  await host.clock.advance(0);
  expect(await again).toBe('attached');
  expect(host.lanes.total).toBe(1);
});

test('the same record delivered again while it is decided joins the pending answer, however slow the engine', async () => {
  const host = new Host();
  await host.held();
  host.kafkaAcks();
  host.engineAnswers = false;
  const said: unknown[] = [];
  for (let again = 0; again < 20; again++) {
    void host.result(0).then((answer) => said.push(answer));
    await host.clock.advance(5_000);
  }
  expect(said).toEqual([]);
  expect(host.engineCalls.map(({ what }) => what)).toEqual(['complete']);
  expect(host.jobs.commands(SHARD)).toBeGreaterThan(0);
  host.engineAnswers = true;
  host.engineCalls[0]?.answer(OK);
  await host.clock.advance(0);
  expect(said).toEqual(new Array(20).fill('applied'));
  expect(host.engineCalls.filter(({ what }) => what === 'complete')).toHaveLength(1);
});

test('a foreign write reloads the job: one that ended elsewhere is forgotten, and its request taken back', async () => {
  const host = new Host();
  await host.held();
  host.foreign({ kind: 'ended', outcome: 'completed', request: undefined, endedAtMs: VIRTUAL_EPOCH_MS });
  expect(host.deliver()).toBe(false);
  await host.clock.advance(0);
  expect([host.jobs.size, host.lanes.total, host.watermark.unacked()]).toEqual([0, 0, 0]);
  expect(host.givenUp).toEqual([`${JOB}/1`]);
  expect(host.deliver()).toBe(false);
});

test('of what is delivered while a write is under way our own changes nothing, and a foreign one reloads the job', async () => {
  for (const foreign of [false, true]) {
    const host = new Host();
    host.kv.onWrite = () => {
      host.kv.onWrite = () => {};
      expect(host.deliver()).toBe(false);
      if (!foreign) return;
      host.foreign({ kind: 'ended', outcome: 'completed', request: undefined, endedAtMs: VIRTUAL_EPOCH_MS });
      expect(host.deliver()).toBe(false);
    };
    await host.held();
    await host.clock.advance(0);
    expect(host.jobs.size).toBe(foreign ? 0 : 1);
    expect(host.requests.size).toBe(1);
  }
});

test('a foreign write that opens the next attempt takes the request of the former one back', async () => {
  const host = new Host();
  await host.held();
  host.foreign({ attempt: 2, sentAttempt: 2, request: undefined });
  host.deliver();
  await host.clock.advance(0);
  expect(host.givenUp).toEqual([`${JOB}/1`]);
  expect(host.watermark.unacked()).toBe(0);
});

test('a job whose reply is stored owes no request any more: it is given up, and not named as not sent', async () => {
  const host = new Host();
  await host.watermark.start();
  await host.held();
  await host.watermark.flush();
  expect(host.sent.except).toEqual([[JOB, 1]]);
  host.engineHealthy = false;
  expect(await host.told(host.result(0))).toBe('applied');
  expect(host.standing.kind).toBe('replied');
  expect(host.givenUp).toEqual([`${JOB}/1`]);
  await host.watermark.flush();
  expect(host.sent.except).toEqual([]);
  expect(host.sent.upTo).toBeGreaterThan(0);
});

test('once the engine has completed a job its request need not go, though its tombstone is still in doubt', async () => {
  const host = new Host();
  await host.held();
  host.kv.up = false;
  void host.result(1);
  await host.clock.advance(0);
  expect(host.engineCalls.map(({ what }) => what)).toEqual(['complete']);
  expect(host.givenUp).toEqual([`${JOB}/1`]);
});

test('a job that is failing owes no request any more, though the engine has not heard of it yet', async () => {
  const host = new Host();
  await host.held();
  host.engineAnswers = false;
  void host.jobs.replied(SHARD, new Job().reply(0, { kind: 'malformed' }));
  await host.clock.advance(0);
  expect(host.standing.kind).toBe('failing');
  expect(host.givenUp).toEqual([`${JOB}/1`]);
  expect(host.watermark.unacked()).toBe(0);
});

describe('a call that waits because its node is cut off', () => {
  async function waiting(reply: Parameters<Job['reply']>[1]) {
    const host = new Host();
    await host.held();
    host.kafkaAcks();
    host.bus.up = false;
    const said = host.jobs.replied(SHARD, new Job().reply(0, reply));
    await host.clock.advance(0);
    const calls = () => host.engineCalls.map(({ what }) => what);
    expect(calls()).toEqual([]);
    return { host, said, calls };
  }
  const ended = { kind: 'ended', outcome: 'failed', failing: undefined } as const;

  test('is not made when the owner before has ended the attempt, and the watch has told so', async () => {
    const { host, calls } = await waiting({ kind: 'malformed' });
    expect(host.standing.kind).toBe('failing');
    host.foreign(ended);
    host.deliver();
    host.bus.up = true;
    await host.clock.advance(60_000);
    expect([calls(), host.standing.incarnation, host.jobs.size]).toEqual([[], 'other-1', 0]);
  });

  test('nor when it was completed by another', async () => {
    const { host, said, calls } = await waiting({});
    host.foreign({ kind: 'ended', outcome: 'completed', endedAtMs: VIRTUAL_EPOCH_MS });
    host.deliver();
    host.bus.up = true;
    await host.clock.advance(60_000);
    expect([await said, calls(), host.jobs.size]).toEqual(['duplicate', [], 0]);
  });

  test('is not made after an interruption, whatever the watch tells, before a write has shown that its cause stands', async () => {
    const { host, calls } = await waiting({ kind: 'malformed' });
    host.foreign(ended);
    await host.gate.holdWhile(async () => {});
    host.bus.up = true;
    await host.clock.advance(60_000);
    expect([calls(), host.standing.incarnation, host.jobs.size]).toEqual([[], 'other-1', 0]);
  });

  test('is made then, once, if it does', async () => {
    const { host, calls } = await waiting({ kind: 'malformed' });
    await host.gate.holdWhile(async () => {});
    host.bus.up = true;
    await host.clock.advance(60_000);
    expect([calls(), host.standing.outcome]).toEqual([['fail'], 'failed']);
    expect(host.standing.timeline.map(({ what }) => what)).toContain('taken over');
  });
});

test('a request in flight when its shard goes is given up, and named as not sent unless Kafka takes it all the same', async () => {
  const host = new Host();
  await host.watermark.start();
  await host.held();
  const { settled } = host.requests.values().next().value!;
  host.jobs.drop(SHARD);
  expect(host.givenUp).toEqual([`${JOB}/1`]);
  await host.watermark.flush();
  expect(host.sent.except).toEqual([[JOB, 1]]);
  settled({ kind: 'acked' });
  await host.watermark.flush();
  expect(host.sent.except).toEqual([]);
});

test('requests that were not sent when their shard went keep no lane from being taken in, nor the record full', async () => {
  const host = new Host();
  await host.watermark.start();
  await host.held();
  const room = host.watermark.room('lane' as Lane);
  host.jobs.drop(SHARD);
  expect(host.watermark.room('lane' as Lane)).toBe(room + 1);
  // Back: the job has ended elsewhere, and nobody asks for the hold of ours any more, unless it was stored after what is known.
  host.jobs.open(SHARD);
  host.jobs.loaded(SHARD, 1 as Revision);
  await host.watermark.flush();
  expect(host.sent.except).toEqual([[JOB, 1]]);
  host.jobs.loaded(SHARD, 1_000 as Revision);
  await host.watermark.flush();
  expect(host.sent.except).toEqual([]);
});

test('one that stands when the shard is back is named until it is sent', async () => {
  const host = new Host();
  await host.watermark.start();
  await host.held();
  const { revision } = host.kv.entries.get(KEY)!;
  const { standing } = host;
  host.jobs.drop(SHARD);
  host.jobs.open(SHARD);
  host.jobs.load(SHARD, JOB, standing, revision, false);
  host.jobs.loaded(SHARD, 1_000 as Revision);
  await host.watermark.flush();
  expect(host.sent.except).toEqual([[JOB, 1]]);
});

test('a request that Kafka has is not given up when its shard goes', async () => {
  const host = new Host();
  await host.held();
  host.kafkaAcks();
  await host.clock.advance(0);
  host.jobs.drop(SHARD);
  expect(host.givenUp).toEqual([]);
});

test('a watch that is behind brings no job back that has ended since', async () => {
  const host = new Host();
  await host.held();
  const hold = host.kv.entries.get(KEY)!;
  void host.result(0);
  await host.clock.advance(0);
  expect(host.jobs.size).toBe(0);
  expect(host.jobs.delivered(SHARD, JOB, hold)).toBe(false);
  expect(host.deliver()).toBe(false);
});

test('a live job that memory does not know is reported, to be loaded', async () => {
  const host = new Host();
  await host.held();
  const snapshot = { ...host.standing, incarnation: 'other-1' as Incarnation };
  const other = new Host();
  other.kv.write(KEY, encodeSnapshot(snapshot, 1));
  expect(other.deliver()).toBe(true);
  other.jobs.load(SHARD, JOB, snapshot, 1 as Revision, false);
  await other.clock.advance(0);
  expect(other.requests.size).toBe(1);
  expect(other.standing.incarnation).toBe(SELF);
});

test('what is loaded while a command is under way waits for it, and changes nothing under its feet', async () => {
  const host = new Host();
  host.engineAnswers = false;
  const said = host.result(0); // nothing stands: the engine is asked whether the job lives
  await host.clock.advance(0);
  expect(host.engineCalls.map(({ what }) => what)).toEqual(['updateTimeout']);
  const from = new Host();
  await from.held();
  host.foreign({}, from.standing);
  const { revision } = host.kv.entries.get(KEY)!;
  host.jobs.load(SHARD, JOB, host.standing, revision, true);
  host.engineAnswers = true;
  host.engineCalls[0]?.answer(OK);
  await host.clock.advance(0);
  expect(await said).toBe('applied');
  expect(host.standing).toMatchObject({ kind: 'ended', outcome: 'completed' });
});

test.each([true, false])(
  'a hold of the dead that an activation runs into is published only if it was not sent: %s',
  async (sent) => {
    const host = new Host();
    const from = new Host();
    await from.held();
    host.foreign({}, from.standing);
    const { revision } = host.kv.entries.get(KEY)!;
    host.kv.write(sentKey('other-1' as Incarnation), toJson({ upTo: sent ? revision : revision - 1, except: [] }));
    const said = host.activate();
    await host.clock.advance(0);
    expect(await said).toBe('attached');
    expect(host.requests.size).toBe(sent ? 0 : 1);
  },
);

test('a snapshot that cannot be read is told, and its job is neither kept in memory nor asked about for ever', async () => {
  const host = new Host();
  host.kv.write(KEY, Buffer.from('no snapshot'));
  const said = Promise.all([host.activate(), host.result(0)]);
  await host.clock.advance(0);
  expect(await said).toEqual(['stale', 'unreadable']);
  expect(host.unreadable).toEqual([JOB, JOB]);
  expect([host.jobs.size, host.requests.size, host.watermark.unacked()]).toEqual([0, 0, 0]);
});

test('a request that Kafka refuses for good is named as not sent until that is stored', async () => {
  const host = new Host();
  await host.watermark.start();
  await host.held();
  host.engineAnswers = false;
  const { settled } = host.requests.values().next().value!;
  host.requests.clear();
  host.kv.up = false;
  settled({ kind: 'refused', reason: 'no such topic' });
  await host.clock.advance(0);
  expect(host.watermark.unacked()).toBe(1);
  host.kv.up = true;
  await host.clock.advance(2_000);
  expect(host.standing.kind).toBe('failing');
  expect(host.watermark.unacked()).toBe(0);
});

test('a shard that is dropped starts nothing further, and answers nothing', async () => {
  const host = new Host();
  await host.held();
  host.kafkaAcks();
  host.engineAnswers = false;
  const said = host.result(0);
  await host.clock.advance(0);
  host.jobs.drop(SHARD);
  host.engineCalls[0]?.answer(OK);
  await host.clock.advance(0);
  expect(await said).toBe('retry');
  expect(host.standing.kind).toBe('held');
  expect([host.jobs.size, host.lanes.total]).toEqual([0, 0]);
  expect(await host.result(1)).toBe('notOwner');
  host.jobs.open(SHARD);
  host.jobs.close(SHARD);
  expect(await host.activate()).toBe('notOwner');
});

test('a shard that is being handed over begins nothing anew, also when the engine is back', async () => {
  const host = new Host();
  await host.held();
  host.kafkaAcks();
  host.engineHealthy = false;
  host.answer = { code: 'transient', unseen: true, message: 'away' };
  expect(await host.told(host.result(0))).toBe('applied');
  host.jobs.engineIsBack();
  await host.clock.advance(0);
  const calls = host.engineCalls.length;
  expect([host.standing.kind, calls > 0]).toEqual(['replied', true]);
  host.jobs.close(SHARD);
  host.jobs.engineIsBack();
  expect(host.jobs.commands(SHARD)).toBe(0);
  await host.clock.advance(120_000);
  expect(host.engineCalls).toHaveLength(calls);
});

test('nothing is asked of the engine after the lease', async () => {
  const host = new Host();
  await host.held();
  host.lease.revoke();
  void host.result(0);
  await host.clock.advance(5_000);
  expect(host.engineCalls).toEqual([]);
});

/** One engine call in flight, and that of another job waiting for its turn. */
async function oneWaits(options: { leaseMs?: number } = {}) {
  const host = new Host({ engineInFlight: 1, ...options });
  host.engineAnswers = false;
  void host.result(0);
  const waits = host.jobs.replied(SHARD, {
    ...new Job().reply(1, {}),
    jobKey: '2251799813685251' as JobKey,
  });
  await host.clock.advance(0);
  expect(host.engineCalls).toHaveLength(1);
  const turnComes = async () => {
    host.engineCalls[0]?.answer(OK);
    await host.clock.advance(5_000);
  };
  return { host, waits, turnComes };
}

test('a call that waited for its turn is not made after the lease', async () => {
  const { host, turnComes } = await oneWaits();
  host.lease.revoke();
  await turnComes();
  expect(host.engineCalls).toHaveLength(1);
});

test('a call that waited for its turn is not made while cut off, and is made after', async () => {
  const { host, turnComes } = await oneWaits();
  host.bus.up = false;
  await turnComes();
  expect(host.engineCalls).toHaveLength(1);
  host.bus.up = true;
  await host.clock.advance(100);
  expect(host.engineCalls).toHaveLength(2);
});

test('a call that waited for its turn is not made once the shard is gone', async () => {
  const { host, waits, turnComes } = await oneWaits();
  host.jobs.drop(SHARD);
  await turnComes();
  expect(host.engineCalls).toHaveLength(1);
  expect(await waits).toBe('retry');
});

test('a call that waited for its turn ends no later than what is left of the lease then', async () => {
  const { host, turnComes } = await oneWaits({ leaseMs: 10_000 });
  await host.clock.advance(6_000);
  await turnComes();
  expect(host.engineCalls.map(({ deadlineMs }) => deadlineMs)).toEqual([8_000, 4_000]);
});

test('a probe waits for its turn without holding anything up: a reply is taken, and no probe is sent any more', async () => {
  const host = new Host();
  await host.held();
  host.kafkaAcks();
  host.probesPerSecond = 0;
  await host.clock.advance(30_000);
  expect(host.engineCalls).toEqual([]);
  const said = host.result(0);
  await host.clock.advance(0);
  expect(await said).toBe('applied');
  host.probesPerSecond = 50;
  await host.clock.advance(60_000);
  expect(host.engineCalls.map(({ what }) => what)).toEqual(['complete']);
});

test('a probe that waits is sent when its turn comes, and an activation that comes before makes it needless', async () => {
  const host = new Host();
  await host.held();
  host.kafkaAcks();
  host.probesPerSecond = 0;
  await host.clock.advance(LOCK_MS);
  expect(await host.told(host.activate())).toBe('attached');
  host.probesPerSecond = 50;
  await host.clock.advance(LOCK_MS / 2);
  expect(host.engineCalls).toEqual([]);
  host.probesPerSecond = 0;
  await host.clock.advance(LOCK_MS);
  expect(host.engineCalls).toEqual([]);
  host.probesPerSecond = 50;
  await host.clock.advance(1_000);
  expect(host.engineCalls.map(({ what }) => what)).toEqual(['updateTimeout']);
});

test('a job that needs no probe any more takes no turn from those behind it', async () => {
  const host = new Host();
  const other = '2251799813685251' as JobKey;
  await host.held();
  await host.clock.advance(100);
  const activation = { ...new Job().activation(host.clock.wallMs() + LOCK_MS), jobKey: other };
  expect(await host.told(host.jobs.activated(SHARD, activation))).toBe('held');
  host.kafkaAcks();
  host.probesPerSecond = 0;
  await host.clock.advance(LOCK_MS);
  expect(await host.told(host.activate())).toBe('attached');
  host.probesPerSecond = 1;
  await host.clock.advance(1_100);
  expect(host.engineCalls.map(({ what }) => what)).toEqual(['updateTimeout']);
});

test('a probe that waits does not hold up the reply deadline', async () => {
  const host = new Host();
  await host.held();
  host.kafkaAcks();
  host.probesPerSecond = 0;
  host.replyProgressMs = Number.POSITIVE_INFINITY;
  await host.clock.advance(SETTINGS.replyTimeoutMs + 1_000);
  expect(host.standing.outcome).toBe('timedOut');
  expect(host.engineCalls.map(({ what }) => what)).toEqual(['fail']);
});

test('silence does not count before the request is sent, however long replies cannot be read either', async () => {
  const host = new Host();
  host.probesPerSecond = 0;
  const settings = { ...SETTINGS, heartbeatTimeoutMs: 20_000 };
  const activation = { ...new Job().activation(host.clock.wallMs() + LOCK_MS), settings };
  expect(await host.told(host.jobs.activated(SHARD, activation))).toBe('held');
  await host.clock.advance(30_500);
  host.kafkaAcks();
  host.replyProgressMs = Number.POSITIVE_INFINITY;
  await host.clock.advance(19_000);
  expect(host.standing.kind).toBe('held');
  await host.clock.advance(2_000);
  expect(host.standing.outcome).toBe('timedOut');
});

test('a job that waits for replies to be read stays packed until they are, however long that takes', async () => {
  const host = new Host();
  await host.held();
  host.kafkaAcks();
  host.probesPerSecond = 0;
  await host.clock.advance(SETTINGS.replyTimeoutMs - 1_000);
  const job = host.jobs.find(SHARD, JOB)!;
  for (let second = 0; second < 20; second++) {
    await host.clock.advance(1_000);
    expect(job.packed).toBe(true);
  }
  expect(host.standing.kind).toBe('held');
  host.replyProgressMs = Number.POSITIVE_INFINITY;
  await host.clock.advance(1_100);
  expect(host.standing.outcome).toBe('timedOut');
});

test('a request that Kafka took while its hold was written once more is not named as not sent', async () => {
  const host = new Host();
  await host.held();
  const beat = (offset: number) =>
    host.jobs.replied(SHARD, new Job().reply(offset, { status: 'heartbeat', body: '' }, 0));
  const put = host.kv.put.bind(host.kv);
  const goOn = Promise.withResolvers<void>();
  host.kv.put = async (...write) => {
    await goOn.promise;
    return put(...write);
  };
  const first = beat(0);
  await host.clock.advance(LIMITS.heartbeatWriteMs);
  const second = beat(1);
  await host.clock.advance(0);
  host.kafkaAcks();
  goOn.resolve();
  expect(await host.told(Promise.all([first, second]))).toEqual(['applied', 'applied']);
  await host.clock.advance(0);
  expect(host.standing.timeline.at(-1)?.what).toBe('heartbeat');
  expect(host.watermark.unacked()).toBe(0);
});

describe('who ended a job that had failed here is said', () => {
  /** Held, and failed by its service; then it is gone from the engine, and a result comes. */
  async function failedThenGone(
    before: (host: Host) => Promise<void> | void,
    meanwhile: (host: Host) => Promise<void> | void = () => {},
  ): Promise<string | undefined> {
    const host = new Host();
    await host.held();
    host.kafkaAcks();
    await before(host);
    const failure = host.jobs.replied(SHARD, new Job().reply(0, { status: 'failure', body: '' }));
    await host.clock.advance(5_000);
    expect(await failure).toBe('applied');
    expect([host.jobs.size, host.standing.outcome, host.standing.incarnation]).toEqual([0, 'failed', SELF]);
    await meanwhile(host);
    host.answer = { code: 'notFound', unseen: false, message: '' };
    await host.told(host.result(1));
    return host.standing.outcome;
  }

  test('cancelled, when nobody else had it', async () => {
    expect(await failedThenGone(() => {})).toBe('cancelled');
  });

  test('cancelled, however many were completed meanwhile', async () => {
    const others = async (host: Host) => {
      for (let number = 0; number <= CLUSTER_LIMITS.endedPerShard; number++) {
        const jobKey = `${10_000 + number}` as JobKey;
        const activation = { ...new Job().activation(host.clock.wallMs() + LOCK_MS), jobKey };
        expect(await host.told(host.jobs.activated(SHARD, activation))).toBe('held');
        expect(await host.told(host.jobs.replied(SHARD, { ...new Job().reply(0), jobKey }))).toBe('applied');
      }
    };
    expect(await failedThenGone(() => {}, others)).toBe('cancelled');
  });

  test('unknown, when another owner had it in between: it may have completed it', async () => {
    const other = (host: Host) => {
      host.foreign({ sentAttempt: 1 });
      host.deliver();
      return host.clock.advance(0);
    };
    expect(await failedThenGone(other)).toBe('gone');
  });
});

test('what comes for a shard that is being loaded is decided when it is there', async () => {
  const host = new Host();
  host.jobs.drop(SHARD);
  host.jobs.expect(SHARD);
  let said: string | undefined;
  void host.activate().then((answer) => {
    said = answer;
  });
  await host.clock.advance(100);
  expect(said).toBeUndefined();
  host.jobs.open(SHARD);
  await host.clock.advance(0);
  expect(said).toBe('held');
});

test('what waited for a shard that never came goes to its owner', async () => {
  const host = new Host();
  host.jobs.drop(SHARD);
  host.jobs.expect(SHARD);
  const said = host.activate();
  host.jobs.drop(SHARD);
  expect(await said).toBe('notOwner');
});

test('a copy of the activation that opened an ended attempt is stale, also where the engine’s clock is ahead of ours', async () => {
  const host = new Host();
  const aheadMs = 700;
  const first = { ...new Job().activation(host.clock.wallMs() + aheadMs + LOCK_MS), lockMs: LOCK_MS };
  expect(await host.told(host.jobs.activated(SHARD, first))).toBe('held');
  host.kafkaAcks();
  await host.told(host.jobs.replied(SHARD, new Job().reply(0, { kind: 'malformed' })));
  expect([host.standing.outcome, host.jobs.size]).toEqual(['failed', 0]);
  // Given back, it would put the retries back that the job had then.
  Object.assign(host.context, { admits: () => false });
  await host.clock.advance(LIMITS.toldOnceMs + 1);
  expect(await host.told(host.jobs.activated(SHARD, first))).toBe('stale');
  const next = { ...first, lockDeadlineMs: first.lockDeadlineMs + 50, retries: first.retries - 1 };
  expect(await host.told(host.jobs.activated(SHARD, next))).toBe('full');
});

test('a job keeps nothing of the batch that its key and its lane were cut out of', async () => {
  const host = new Host();
  const jobs = 1_000;
  const batchChars = 20_000;
  const cut = <T extends string>(text: string) => `${'.'.repeat(batchChars)}${text}`.slice(batchChars) as T;
  const before = heapAfterCollection();
  const held = Array.from({ length: jobs }, (_, i) =>
    host.jobs.activated(SHARD, {
      ...new Job().activation(host.clock.wallMs() + LOCK_MS),
      jobKey: cut<JobKey>(String(2251799813685249n + BigInt(i))),
      lane: cut<Lane>('a lane of some length'),
    }),
  );
  await host.clock.advance(0);
  expect(new Set(await Promise.all(held))).toEqual(new Set(['held']));
  host.kafkaAcks();
  await host.clock.advance(3 * LIMITS.coolAfterMs);
  expect(host.cold.count).toBe(jobs);
  host.kv.entries.clear();
  expect(heapAfterCollection() - before).toBeLessThan((jobs * batchChars) / 4);
  expect(host.jobs.size).toBe(jobs);
});

function heapAfterCollection(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  return process.memoryUsage().heapUsed;
}
