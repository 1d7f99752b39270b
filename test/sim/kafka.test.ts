// The simulated Kafka: what a send may mean, and who reads and commits what over rebalances.
import { expect, test } from 'vitest';
import type { ReplyHandlers } from '../../src/gateway/ports.ts';
import { CALM } from './faults.ts';
import { SimReader, SimWriter } from './sim-kafka.ts';
import { NAMES, World } from './world.ts';

const idle = () => ({ start: async () => {}, stop: async () => {} });
const record = (key: string, value: string) => ({ key, value, headers: [] });

interface Reader {
  readonly reader: SimReader;
  memberId: string;
  generation: number;
  partitions: { partition: number; committed: string | undefined }[];
  readonly seen: string[];
  unassigned: number;
  next: Map<number, string>;
}

const may = () => true;

function setUp() {
  const world = new World({ seed: 4, factory: idle, replyPartitions: 4 });
  world.startAll();
  const writer = new SimWriter(world.kafka, world.host('n3'));
  const ask = <T>(answer: Promise<T>) => world.ask(answer);
  const read = (node: string): Reader => {
    const state: Reader = {
      reader: new SimReader(world.kafka, world.host(node)),
      memberId: '',
      generation: 0,
      partitions: [],
      seen: [],
      unassigned: 0,
      next: new Map(),
    };
    const handlers: ReplyHandlers = {
      onAssigned: (memberId, generation, partitions) => {
        state.memberId = memberId;
        state.generation = generation;
        state.partitions = partitions.map(({ partition, committed }) => ({ partition, committed }));
        state.next = new Map();
      },
      onUnassigned: () => {
        state.unassigned++;
        state.partitions = [];
      },
      onBatch: (partition, records, nextOffset) => {
        state.next.set(partition, nextOffset);
        for (const { offset, value } of records) state.seen.push(`${partition}/${offset} ${Buffer.from(value ?? [])}`);
      },
    };
    void state.reader.start(handlers);
    return state;
  };
  const fill = (count: number) =>
    ask(
      writer.send(
        NAMES.replyTopic,
        Array.from({ length: count }, (_, i) => ({ ...record('k', `v${i}`), partition: i % 4 })),
        1_000,
        may,
      ),
    );
  return { world, writer, ask, read, fill };
}

test('a send is acked and written, refused, or in doubt: written or not', async () => {
  const { world, writer, ask } = setUp();
  const written = () => world.history.of('written').map(({ value }) => value);
  expect(await ask(writer.send(NAMES.replyTopic, [record('k', 'one'), record('k', 'two')], 500, may))).toEqual({
    kind: 'acked',
  });
  expect((await ask(writer.send('nowhere', [record('k', 'x')], 500, may))).kind).toBe('refused');
  expect((await ask(writer.send(NAMES.replyTopic, [record('k', 'x'.repeat(1_100_000))], 500, may))).kind).toBe(
    'refused',
  );
  world.faults = { ...CALM, kafka: { ...CALM.kafka, answerLost: 1 } };
  expect((await ask(writer.send(NAMES.replyTopic, [record('k', 'doubt')], 500, may))).kind).toBe('transient');
  world.faults = { ...CALM, kafka: { ...CALM.kafka, requestLost: 1 } };
  expect((await ask(writer.send(NAMES.replyTopic, [record('k', 'lost')], 500, may))).kind).toBe('transient');
  expect(written()).toEqual(['one', 'two', 'doubt']);
});

test('a topic is looked up before it is first written to; what may not leave after that is not sent', async () => {
  const { world, writer, ask } = setUp();
  const sent = world.nowMs;
  const asked: number[] = [];
  const mayNot = () => {
    asked.push(world.nowMs);
    return false;
  };
  expect((await ask(writer.send(NAMES.replyTopic, [record('k', 'no')], 500, mayNot))).kind).toBe('transient');
  expect(asked).toHaveLength(1);
  expect(asked[0]).toBeGreaterThan(sent);
  expect([world.history.of('sending'), world.history.of('written')]).toEqual([[], []]);
});

test('members share the partitions; a new one makes all read again from what is committed', async () => {
  const { world, ask, read, fill } = setUp();
  const a = read('n1');
  await world.run(100);
  expect(a.partitions).toHaveLength(4);
  expect(a.partitions[0]).toEqual({ partition: 0, committed: undefined });
  await fill(12);
  await world.run(100);
  expect(a.seen).toHaveLength(12);
  expect(a.next.get(0)).toBe('3');
  await ask(
    a.reader.commit(
      a.generation,
      new Map([
        [0, '3'],
        [1, '1'],
      ]),
    ),
  );
  const first = a.generation;
  const b = read('n2');
  await world.run(3_000);
  expect(a.unassigned).toBe(1);
  expect([...a.partitions, ...b.partitions].map(({ partition }) => partition).sort()).toEqual([0, 1, 2, 3]);
  const again = [...a.seen.slice(12), ...b.seen].sort();
  expect(again).toEqual(['1/1 v5', '1/2 v9', '2/0 v2', '2/1 v6', '2/2 v10', '3/0 v3', '3/1 v7', '3/2 v11']);
  await ask(a.reader.commit(first, new Map([[0, '0']])));
  expect(world.kafka.group.committed.get(0)).toBe(3);
});

test('a frozen member loses its partitions after the session, and its commit from the past is refused', async () => {
  const { world, ask, read } = setUp();
  const [a, b] = [read('n1'), read('n2')];
  await world.run(5_000);
  const old = a.generation;
  expect(b.partitions).toHaveLength(2);
  world.pause('n1');
  await world.run(25_000);
  expect(b.partitions).toHaveLength(4);
  world.resume('n1');
  await expect(ask(a.reader.commit(old, new Map([[0, '0']])))).rejects.toThrow('illegal generation');
  await world.run(5_000);
  expect([a.partitions.length, b.partitions.length]).toEqual([2, 2]);
  expect(a.generation).toBeGreaterThan(old);
});

test('a killed member blocks its partitions for a session, unless it is shown out', async () => {
  const { world, ask, read, fill } = setUp();
  const [a, b] = [read('n1'), read('n2')];
  await world.run(5_000);
  world.kill('n1');
  await fill(8);
  await world.run(3_000);
  expect(b.seen).toHaveLength(4);
  expect(await ask(b.reader.evict(a.memberId))).toBe(true);
  await world.run(2_000);
  expect(new Set(b.seen).size).toBe(8);
  expect(await ask(b.reader.evict(a.memberId))).toBe(false);
});

test('gaps move the offsets on, a paused partition waits, a broker away comes back by itself', async () => {
  const { world, ask, read, fill } = setUp();
  world.faults = { ...CALM, kafka: { ...CALM.kafka, gap: 1 } };
  const a = read('n1');
  await world.run(100);
  a.reader.pause([1]);
  await fill(4);
  await world.run(2_000);
  expect(a.seen.sort()).toEqual(['0/1 v0', '2/1 v2', '3/1 v3']);
  expect(a.next.get(0)).toBe('2');
  expect((await ask(a.reader.endOffsets())).get(1)).toBe('2');
  a.reader.resume([1]);
  await world.run(100);
  expect(a.seen).toContain('1/1 v1');
  world.kafka.goAway(20_000);
  await expect(ask(a.reader.endOffsets())).rejects.toThrow('does not answer');
  await world.run(20_000);
  expect(a.unassigned).toBe(1);
  await world.run(15_000);
  expect(a.partitions).toHaveLength(4);
});
