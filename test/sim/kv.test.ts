// The simulated bucket: compare-and-set, TTL, what "in doubt" may turn out to be, and watches that leave nothing out.
import { expect, test } from 'vitest';
import { ABSENT, type Revision } from '../../src/actors/ids.ts';
import type { KvPutAnswer } from '../../src/cluster/ports.ts';
import { CALM, type Faults } from './faults.ts';
import { SILENCE_NOTICED_MS } from './host.ts';
import { SimKv } from './sim-kv.ts';
import { World } from './world.ts';

const idle = () => ({ start: async () => {}, stop: async () => {} });
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined) => (value === undefined ? undefined : Buffer.from(value).toString());

function setUp(seed = 1) {
  const world = new World({ seed, factory: idle });
  world.startAll();
  const [a, b] = [new SimKv(world.kv, world.host('n1')), new SimKv(world.kv, world.host('n2'))];
  const ask = <T>(answer: Promise<T>) => world.ask(answer);
  const put = (key: string, value: string, expected: number, ttlMs?: number) =>
    ask(a.put(key, bytes(value), expected as Revision, ttlMs === undefined ? {} : { ttlMs }));
  const faulty = (kv: Partial<Faults['kv']>) => {
    world.faults = { ...CALM, kv: { ...CALM.kv, ...kv } };
  };
  return { world, a, b, ask, put, faulty };
}

test('a write lands only on the revision that it expects, and the refusal names the one that stands', async () => {
  const { put, a, b, ask } = setUp();
  expect(await put('1.10', 'one', ABSENT)).toEqual({ kind: 'stored', revision: 1 });
  expect(await put('1.10', 'two', ABSENT)).toEqual({ kind: 'refused', revision: 1 });
  expect(await put('2.20', 'other', ABSENT)).toEqual({ kind: 'stored', revision: 2 });
  expect(await put('1.10', 'two', 1)).toEqual({ kind: 'stored', revision: 3 });
  expect(await put('1.10', 'late', 1)).toEqual({ kind: 'refused', revision: 3 });
  expect(text((await ask(b.get('1.10')))?.value)).toBe('two');
  expect((await ask(b.getRevision(2 as Revision)))?.key).toBe('2.20');
  expect(await ask(b.getRevision(1 as Revision))).toBeUndefined();
  const race = [a.put('r', bytes('a'), ABSENT), b.put('r', bytes('b'), ABSENT)];
  const answers = [await ask(race[0] as Promise<KvPutAnswer>), await ask(race[1] as Promise<KvPutAnswer>)];
  expect(answers.map(({ kind }) => kind).sort()).toEqual(['refused', 'stored']);
});

test('an expired record is absent for reads and writes, without any event', async () => {
  const { world, put, a, ask } = setUp();
  const seen: string[] = [];
  await ask(
    a.watch(['>'], { onEntry: ({ key, value }) => seen.push(`${key}=${text(value)}`), onCaughtUp() {}, onReset() {} }),
  );
  await put('k', 'short', ABSENT, 1_200);
  await world.run(1_900);
  expect(text((await ask(a.get('k')))?.value)).toBe('short');
  await world.run(200);
  expect(await ask(a.get('k'))).toBeUndefined();
  expect(await put('k', 'again', 1)).toEqual({ kind: 'refused', revision: 0 });
  expect(await put('k', 'again', ABSENT)).toEqual({ kind: 'stored', revision: 2 });
  await world.run(100);
  expect(seen).toEqual(['k=short', 'k=again']);
});

test('a put in doubt may have landed, never land, or land later if its revision still fits', async () => {
  const { world, put, a, ask, faulty } = setUp();
  const started = world.nowMs;
  faulty({ answerLost: 1 });
  expect((await put('k', 'landed', ABSENT)).kind).toBe('inDoubt');
  expect(world.nowMs - started).toBe(1_000);
  faulty({ requestLost: 1 });
  expect((await put('k', 'never', 1)).kind).toBe('inDoubt');
  faulty({});
  await world.run(10_000);
  expect(text((await ask(a.get('k')))?.value)).toBe('landed');
  faulty({ delayMs: [3_000, 3_000] });
  expect((await put('k', 'later', 1)).kind).toBe('inDoubt');
  faulty({});
  expect(text((await ask(a.get('k')))?.value)).toBe('landed');
  await world.run(3_000);
  expect(text((await ask(a.get('k')))?.value)).toBe('later');
  faulty({ delayMs: [3_000, 3_000] });
  expect((await put('k', 'too late', 2)).kind).toBe('inDoubt');
  faulty({});
  expect(await put('k', 'winner', 2)).toEqual({ kind: 'stored', revision: 3 });
  await world.run(5_000);
  expect(text((await ask(a.get('k')))?.value)).toBe('winner');
});

test('while a write is proposed others to its key are turned away, whatever they expect, and nothing of them lands', async () => {
  const { world, put, a, b, ask, faulty } = setUp();
  await put('k', 'one', ABSENT);
  faulty({ delayMs: [1, 1], replicationMs: 1_000_000 });
  const first = a.put('k', bytes('two'), 1 as Revision);
  await world.run(2);
  expect((await put('k', 'three', 1)).kind).toBe('inDoubt');
  expect((await ask(b.put('k', bytes('four'), 7 as Revision))).kind).toBe('inDoubt');
  expect((await ask(a.put('other', bytes('x'), 7 as Revision))).kind).toBe('refused');
  expect(text((await ask(b.get('k')))?.value)).toBe('one');
  expect((await ask(first)).kind).toBe('inDoubt'); // it takes longer than anybody waits
  await world.run(1_000_000);
  expect(text((await ask(b.get('k')))?.value)).toBe('two');
  faulty({ replicationMs: 1 });
  expect(await put('k', 'three', 1)).toEqual({ kind: 'refused', revision: 2 });
  expect(await put('k', 'three', 2)).toEqual({ kind: 'stored', revision: 3 });
});

test('two unsettled writes of a node to one key are noted when they cannot be told apart; a try that is made again is one', async () => {
  const { world, a, b, ask, faulty } = setUp();
  const twins = () => world.history.of('twins').length;
  const value = bytes('same');
  faulty({ requestLost: 1 });
  await ask(a.put('k', value, ABSENT));
  await ask(a.put('k', value, ABSENT));
  await ask(a.put('k', bytes('another'), ABSENT));
  await ask(a.put('l', bytes('same'), ABSENT));
  await ask(b.put('k', bytes('same'), ABSENT));
  expect(twins()).toBe(0);
  await ask(a.put('k', bytes('same'), ABSENT));
  expect(twins()).toBe(1);
  expect(world.violations()).toMatchObject([{ invariant: 'twins', message: expect.stringContaining('n1 has two') }]);
  faulty({});
  await ask(b.put('m', value, ABSENT));
  await ask(b.put('m', bytes('same'), 1 as Revision));
  expect(twins()).toBe(1);
});

test('without a leader nothing is answered, and of the puts made meanwhile some land afterwards', async () => {
  const { world, a, put, ask } = setUp();
  world.kv.loseLeader(4_000);
  await expect(ask(a.get('k'))).rejects.toThrow('does not answer');
  const answers = await Promise.all([
    ask(Promise.all(Array.from({ length: 20 }, (_, i) => a.put(`k${i}`, bytes('x'), ABSENT)))),
  ]);
  expect(answers.flat().every(({ kind }) => kind === 'inDoubt')).toBe(true);
  await world.run(4_000);
  const landed = [...world.bucket.all()].length;
  expect(landed).toBeGreaterThan(0);
  expect(landed).toBeLessThan(20);
  expect((await put('after', 'x', ABSENT)).kind).toBe('stored');
});

test('a silent link holds what was sent until it heals; when given up, both ends know at once', async () => {
  const { world, a, ask } = setUp();
  world.cut('n1', 'nats', 'silent');
  expect((await ask(a.put('k', bytes('held'), ABSENT))).kind).toBe('inDoubt');
  expect(world.bucket.current('k')).toBeUndefined();
  world.heal('n1', 'nats');
  await world.run(10);
  expect(text(world.bucket.current('k')?.value)).toBe('held');
  world.cut('n1', 'nats', 'silent');
  await world.run(SILENCE_NOTICED_MS + 1);
  const before = world.nowMs;
  expect((await ask(a.put('k2', bytes('x'), ABSENT))).kind).toBe('notSent');
  expect(world.nowMs - before).toBeLessThan(10);
});

test('a watch tells what stands, counts down to its barrier, then every write in order', async () => {
  const { world, put, b, ask } = setUp();
  for (let i = 1; i <= 5; i++) await put(`7.${i}`, `v${i}`, ABSENT);
  await put('8.1', 'elsewhere', ABSENT);
  await put('7.2', 'v2b', 2);
  const seen: string[] = [];
  await ask(
    b.watch(['7.*', '*._owner'], {
      onEntry: ({ key, value }, pending) => seen.push(`${key}=${text(value)} ${pending}`),
      onCaughtUp: () => seen.push('caught up'),
      onReset: () => seen.push('reset'),
    }),
  );
  await put('7._owner', 'me', ABSENT);
  await world.run(100);
  expect(seen).toEqual(['7.1=v1 4', '7.3=v3 3', '7.4=v4 2', '7.5=v5 1', '7.2=v2b 0', 'caught up', '7._owner=me 0']);
});

test('a watch on nothing is caught up at once; one that could not be opened never speaks', async () => {
  const { world, put, a, ask, faulty } = setUp();
  const seen: string[] = [];
  const handler = {
    onEntry: () => void seen.push('entry'),
    onCaughtUp: () => void seen.push('caught up'),
    onReset: () => void seen.push('reset'),
  };
  await ask(a.watch(['7.>'], handler));
  await world.run(100);
  expect(seen).toEqual(['caught up']);
  faulty({ answerLost: 1 });
  seen.length = 0;
  await expect(ask(a.watch(['9.>'], handler))).rejects.toThrow('does not answer');
  faulty({});
  await put('9.1', 'x', ABSENT);
  await world.run(5_000);
  expect(seen).toEqual([]);
});

test('over resets and broken links a watch may repeat but never leaves out the last value, and stays in order', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const { world, b, ask, faulty } = setUp(seed);
    const last = new Map<string, string | undefined>();
    let resets = 0;
    let newest = 0;
    const watch = await ask(
      b.watch(['>'], {
        onEntry: ({ key, value, revision }) => {
          expect(revision).toBeGreaterThan(newest);
          newest = revision;
          last.set(key, text(value));
        },
        onCaughtUp() {},
        onReset: () => {
          resets++;
          newest = 0;
        },
      }),
    );
    faulty({ watchReset: 0.1, watchLag: 0.3, lateMs: 300 });
    for (let i = 0; i < 200; i++) {
      const key = `k${world.random.int(7)}`;
      const value = bytes(`v${i}`);
      const write = () => world.bucket.put('', key, value, world.bucket.current(key)?.revision ?? 0, undefined);
      world.clock.setTimer(world.random.float() * 10_000, write);
    }
    world.clock.setTimer(3_000, () => world.cut('n2', 'nats', 'down'));
    world.clock.setTimer(5_000, () => world.heal('n2', 'nats'));
    await world.run(10_000);
    faulty({});
    await world.run(10_000);
    expect(resets).toBeGreaterThan(0);
    for (const entry of world.bucket.all()) expect(last.get(entry.key)).toBe(text(entry.value));
    watch.stop();
  }
});

test('a bucket made again is empty, has another id, counts from 1, and resets the watches', async () => {
  const { world, put, b, ask } = setUp();
  await put('k', 'x', ABSENT);
  const id = await ask(b.bucketId());
  const resets: string[] = [];
  await ask(b.watch(['>'], { onEntry() {}, onCaughtUp() {}, onReset: (now) => resets.push(now) }));
  world.bucket.remake();
  await world.run(2_000);
  expect(resets).toEqual([await ask(b.bucketId())]);
  expect(resets[0]).not.toBe(id);
  expect(await put('k', 'y', 1)).toEqual({ kind: 'refused', revision: 0 });
  expect(await put('k', 'y', ABSENT)).toEqual({ kind: 'stored', revision: 1 });
});
