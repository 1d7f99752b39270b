// Commands find their shard's owner, however often it changes; every one is answered once.
import { describe, expect, test } from 'vitest';
import type { Incarnation, NodeName, Revision, ShardId } from '../../src/actors/ids.ts';
import { LIMITS } from '../../src/actors/limits.ts';
import type { Reply } from '../../src/actors/messages.ts';
import { Claims, claimRecord } from '../../src/cluster/claims.ts';
import { Lost } from '../../src/cluster/effects-gate.ts';
import { CLUSTER_LIMITS } from '../../src/cluster/limits.ts';
import { claimKey } from '../../src/cluster/names.ts';
import type { Bus } from '../../src/cluster/ports.ts';
import { Router, Untold } from '../../src/cluster/router.ts';
import { World as Job, LOCK_MS } from '../actors/pending-job-world.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { FIXED, MemoryBus } from './memory.ts';

const SHARD = 0 as ShardId;

/** Two nodes on one bus; messages arrive at once unless the wire is cut. */
class Pair {
  readonly clock = new ManualClock();
  readonly routers = new Map<string, Router>();
  readonly asked: string[] = [];
  readonly messages: number[] = [];
  /** What each node's jobs answer; undefined: nothing yet. */
  readonly says = new Map<string, 'held' | 'applied' | 'notOwner' | 'retry' | undefined>();
  cut = false;
  #revision = 0;
  readonly #claims: Claims[] = [];
  readonly #handlers = new Map<string, Parameters<Bus['subscribe']>[1]>();

  constructor() {
    for (const name of ['a', 'b']) {
      const claims = new Claims(1);
      this.#claims.push(claims);
      const bus = new MemoryBus();
      bus.publish = (subject, data) => {
        this.messages.push(data.length);
        if (!this.cut) this.#handlers.get(subject)?.({ subject, data, reply: '' });
      };
      bus.subscribe = (subject, handler) => {
        this.#handlers.set(subject, handler);
        return () => this.#handlers.delete(subject);
      };
      const answer = async <A>(what: string): Promise<A> => {
        this.asked.push(`${name} ${what}`);
        const said = this.says.get(name);
        return said === undefined ? new Promise<A>(() => {}) : (said as A);
      };
      const router = new Router({
        clock: this.clock,
        random: FIXED,
        bus,
        cluster: 'c',
        incarnation: name as Incarnation,
        shards: 1,
        claims,
        host: {
          activated: () => answer('activated'),
          replied: () => answer('replied'),
          operated: () => answer('operated'),
        },
      });
      router.start();
      this.routers.set(name, router);
    }
  }

  own(name: string): void {
    const revision = ++this.#revision as Revision;
    const value = claimRecord(name as NodeName, name as Incarnation, 0 as Revision, 0);
    for (const claims of this.#claims) claims.seen(SHARD, { key: claimKey(SHARD), value, revision, writtenMs: 0 });
    for (const router of this.routers.values()) router.ownerChanged(SHARD);
  }

  /** Bytes from anywhere, on every subject. */
  arrives(data: Uint8Array): void {
    for (const [subject, handler] of this.#handlers) handler({ subject, data, reply: '' });
  }

  reply(offset = 0, variables = '{}'): Promise<unknown> {
    const reply: Reply = new Job().reply(offset, { body: variables });
    const said = this.routers.get('a')!.replied(reply);
    said.catch(() => {});
    return said;
  }
}

test('a command goes to the owner, here or there, and its answer comes back', async () => {
  for (const owner of ['a', 'b']) {
    const pair = new Pair();
    pair.own(owner);
    pair.says.set(owner, 'applied');
    const said = pair.reply();
    await pair.clock.advance(1);
    expect(await said).toBe('applied');
    expect(pair.asked).toEqual([`${owner} replied`]);
  }
});

test('an act that no message can hold is refused at once, and nobody is asked; one that fits goes', async () => {
  const pair = new Pair();
  pair.own('b');
  const router = pair.routers.get('a')!;
  const most = new MemoryBus().maxPayloadBytes();
  const { jobKey } = new Job().reply(0);
  const complete = (bytes: number) =>
    router.operated(
      jobKey,
      { act: 'complete', variables: JSON.stringify({ a: 'x'.repeat(bytes) }), by: 'anna', id: 'a1' },
      pair.clock.wallMs() + 10_000,
    );
  const refused = complete(most);
  expect(await refused).toEqual({
    result: 'refused',
    detail: expect.stringMatching(
      new RegExp(`^it is too large for NATS: about \\d+ bytes, and max_payload is ${most}$`),
    ),
  });
  await pair.clock.advance(1_000);
  expect([pair.asked, pair.messages, router.size]).toEqual([[], [], 0]);
  void complete(most - 2_000).catch(() => undefined);
  await pair.clock.advance(1);
  expect(pair.asked).toEqual(['b operated']);
});

describe('an act that nobody has answered in time', () => {
  const untilMs = 10_000;
  const begin = (pair: Pair) => {
    const act = { act: 'resend', by: 'anna', id: 'a1' } as const;
    const said = pair.routers.get('a')!.operated(new Job().reply(0).jobKey, act, pair.clock.wallMs() + untilMs);
    return said.then(
      () => 'answered',
      (error: unknown) => (error instanceof Untold ? 'surely not done' : (error as Lost).code),
    );
  };
  const over = (pair: Pair) => pair.clock.advance(untilMs + CLUSTER_LIMITS.resendMaxMs);

  test('was surely not done when the shard had no owner, or each that was asked said that it is not', async () => {
    const nobody = new Pair();
    const first = begin(nobody);
    await over(nobody);
    expect([await first, nobody.asked]).toEqual(['surely not done', []]);
    for (const owner of ['a', 'b']) {
      const pair = new Pair();
      pair.own(owner);
      pair.says.set(owner, 'notOwner');
      const said = begin(pair);
      await over(pair);
      expect(pair.asked.length).toBeGreaterThan(2);
      expect(await said).toBe('surely not done');
    }
  });

  test('may have been done when one of those that were asked has not answered, whatever others say', async () => {
    const pair = new Pair();
    pair.own('b'); // hears it, and dies
    const said = begin(pair);
    await pair.clock.advance(1);
    pair.says.set('a', 'notOwner');
    pair.own('a');
    await over(pair);
    expect(pair.asked.slice(0, 2)).toEqual(['b operated', 'a operated']);
    expect(await said).toBe('LOST');
  });

  test.each(['retry', undefined] as const)('may have been done when its owner says %s', async (answer) => {
    const pair = new Pair();
    pair.own('b');
    pair.says.set('b', answer);
    const said = begin(pair);
    await over(pair);
    expect(await said).toBe('LOST');
  });
});

test('commands of one tick to one node are one message, split by bytes', async () => {
  const pair = new Pair();
  pair.own('b');
  pair.says.set('b', 'applied');
  for (let offset = 0; offset < 100; offset++) pair.reply(offset);
  await pair.clock.advance(1);
  expect(pair.asked).toHaveLength(100);
  expect(pair.messages).toHaveLength(2); // the commands, and the answers
  pair.messages.length = 0;
  const half = JSON.stringify({ a: 'x'.repeat(CLUSTER_LIMITS.batchBytes / 2) });
  for (let offset = 0; offset < 3; offset++) pair.reply(offset, half);
  await pair.clock.advance(1);
  expect(Math.max(...pair.messages)).toBeLessThan(CLUSTER_LIMITS.batchBytes + 2_000);
  expect(pair.asked).toHaveLength(103);
});

test.each(['notOwner', 'retry'] as const)('%s is asked again, of whoever is the owner then', async (said) => {
  const pair = new Pair();
  pair.own('b');
  pair.says.set('b', said).set('a', 'applied');
  const answer = pair.reply();
  await pair.clock.advance(100);
  expect(pair.asked).toContain('b replied');
  pair.own('a');
  await pair.clock.advance(100);
  expect(await answer).toBe('applied');
});

test('silence is asked again by itself; a new owner is asked at once', async () => {
  const pair = new Pair();
  pair.own('b');
  pair.says.set('b', 'applied').set('a', 'applied');
  pair.cut = true;
  const first = pair.reply();
  await pair.clock.advance(100);
  pair.cut = false;
  await pair.clock.advance(CLUSTER_LIMITS.resendMinMs);
  expect(await first).toBe('applied');
  pair.cut = true;
  const second = pair.reply(1);
  await pair.clock.advance(10);
  pair.own('a');
  await pair.clock.advance(0);
  expect(await second).toBe('applied');
});

test('a new owner that is not quite ready is asked again soon, however long the old one has been silent', async () => {
  const pair = new Pair();
  pair.own('b');
  pair.cut = true;
  const answer = pair.reply();
  await pair.clock.advance(30_000);
  pair.says.set('a', 'notOwner');
  pair.own('a');
  await pair.clock.advance(1);
  expect(pair.asked).toEqual(['a replied']);
  pair.says.set('a', 'applied');
  await pair.clock.advance(100);
  expect(await answer).toBe('applied');
});

test('an activation is given up once its lock is over; a reply never is, but for the end of this life', async () => {
  const pair = new Pair();
  const router = pair.routers.get('a')!;
  const activated = router.activated(new Job().activation(pair.clock.wallMs() + LOCK_MS));
  const replied = pair.reply();
  await pair.clock.advance(LOCK_MS + CLUSTER_LIMITS.resendMaxMs);
  expect(await activated).toBe('stale');
  expect(router.size).toBe(1);
  router.stop();
  await expect(replied).rejects.toThrow(Lost);
  await expect(router.replied(new Job().reply(0, {}))).rejects.toThrow(Lost);
});

test.each([
  { lockMs: LOCK_MS, least: 8, most: 12 },
  { lockMs: LIMITS.activationLockMostMs, least: 25, most: 40 },
])(
  'an activation that the engine refuses to decide is asked again while its lock of $lockMs ms stands, of a long one more rarely',
  async ({ lockMs, least, most }) => {
    const pair = new Pair();
    pair.own('b');
    pair.says.set('b', 'retry');
    const job = new Job();
    job.firstLockMs = lockMs;
    const router = pair.routers.get('a')!;
    const activated = router.activated(job.activation(pair.clock.wallMs() + lockMs));
    let settled = false;
    void activated.then(() => {
      settled = true;
    });
    for (let second = 0; second < 19; second++) await pair.clock.advance(1_000);
    expect(pair.asked.length, 'soon at first, whatever the lock').toBeGreaterThanOrEqual(6);
    for (let passedMs = 19_000; passedMs < lockMs - 1_000; passedMs += 1_000) await pair.clock.advance(1_000);
    expect(settled).toBe(false);
    expect(pair.asked.length).toBeGreaterThanOrEqual(least);
    expect(pair.asked.length).toBeLessThanOrEqual(most);
    pair.says.set('b', 'held');
    const early = router.activated(job.activation(pair.clock.wallMs() + lockMs));
    await pair.clock.advance(1);
    expect(await early).toBe('held');
    pair.says.set('b', 'retry');
    await pair.clock.advance(1_000 + lockMs / 10);
    expect(await activated).toBe('stale');
  },
);

test('commands of others are counted one by one, with those that found no owner; its own are not', async () => {
  const pair = new Pair();
  pair.own('b');
  pair.says.set('b', 'applied');
  for (let offset = 0; offset < 5; offset++) pair.reply(offset);
  await pair.clock.advance(1);
  pair.says.set('b', 'notOwner');
  pair.reply(5);
  await pair.clock.advance(1);
  const [a, b] = [pair.routers.get('a')!, pair.routers.get('b')!];
  expect(b.commands).toMatchObject({ requests: 6, errors: 1, lastError: 'notOwner' });
  expect(a.answers).toMatchObject({ requests: 2, errors: 0 });
  expect(a.commands.requests).toBe(0);
  pair.own('a');
  pair.says.set('a', 'applied');
  await pair.clock.advance(100);
  expect(a.commands.requests).toBe(0);
});

test('how long a command took its owner is added up', async () => {
  const pair = new Pair();
  pair.own('b');
  const answered = Promise.withResolvers<'applied'>();
  pair.says.set('b', answered.promise as never);
  pair.reply();
  await pair.clock.advance(250);
  const { commands } = pair.routers.get('b')!;
  expect(commands).toMatchObject({ requests: 1, processingMs: 0 });
  answered.resolve('applied');
  await pair.clock.advance(1);
  expect(commands.processingMs).toBeGreaterThanOrEqual(249);
});

test('what is not from one of us is ignored', async () => {
  const pair = new Pair();
  for (const bytes of [Uint8Array.of(0xc1), Uint8Array.of(1), Uint8Array.of(0x80), new Uint8Array()])
    pair.arrives(bytes);
  await pair.clock.advance(10);
  expect(pair.asked).toEqual([]);
  expect(pair.routers.get('a')!.commands).toMatchObject({ requests: 0, errors: 4 });
});
