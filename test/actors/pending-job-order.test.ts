// Where order is promised not to matter: a result completes its job, whatever else comes before it, after it or between;
// the highest applied offset of a partition is the same however the records came; and how far all have read does not
// depend on who says so first.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { wasApplied, withApplied } from '../../src/actors/pending-job/writing.ts';
import type { Snapshot } from '../../src/actors/snapshot.ts';
import { replyProgressMs } from '../../src/cluster/reply-progress.ts';
import { World } from './pending-job-world.ts';

/** What may happen to a held job around its result, without ending it. */
const AROUND = ['ack', 'attach', 'heartbeat', 'errorOfAnother', 'due', 'takeOver', 'again'] as const;

test('a result completes, in whatever order the rest comes', () => {
  const anyOrder = fc
    .shuffledSubarray([...AROUND], { minLength: 0 })
    .chain((around) => fc.nat(around.length).map((at) => around.toSpliced(at, 0, 'result' as never)));
  fc.assert(
    fc.property(anyOrder, (order) => {
      const world = new World();
      const activation = world.activate()!;
      expect(world.ask({ type: 'activated', activation })).toBe('held');
      const result = world.reply(5, {});
      const answers: unknown[] = [];
      for (const what of order) {
        if (what === 'ack') world.kafkaTakes(world.owner, 1);
        else if (what === 'attach') world.ask({ type: 'activated', activation });
        else if (what === 'heartbeat') world.ask({ type: 'replied', reply: world.reply(1, { status: 'heartbeat' }) });
        else if (what === 'errorOfAnother')
          world.ask({ type: 'replied', reply: world.reply(2, { status: 'failure', body: '' }, 7) });
        else if (what === 'due') world.ask({ type: 'due' });
        else if (what === 'takeOver') world.takeOver().drain();
        else answers.push(world.ask({ type: 'replied', reply: result }));
        world.owner.drain();
      }
      expect(world.breaches).toEqual([]);
      expect(world.engine).toMatchObject({ state: 'completed', completedWith: '{"reply":5}', retriesBurnt: 0 });
      expect(world.standing?.snapshot).toMatchObject({ kind: 'ended', outcome: 'completed', attempt: 1 });
      // Told twice, in whatever order, the first is applied and the second its duplicate.
      expect(answers).toEqual(order.includes('again') ? ['applied', 'duplicate'] : ['applied']);
    }),
    { numRuns: 500 },
  );
});

test('the highest applied offset of each partition is kept, however the records came', () => {
  const position = fc.record({
    partition: fc.nat(3),
    offset: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }).map(String),
  });
  const apply = (positions: readonly { partition: number; offset: string }[]) =>
    positions.reduce<Snapshot['applied']>(withApplied, []);
  const asMap = (applied: Snapshot['applied']) => Object.fromEntries(applied);
  const anyTwoOrders = fc
    .array(position, { maxLength: 12 })
    .chain((positions) =>
      fc.tuple(fc.constant(positions), fc.shuffledSubarray(positions, { minLength: positions.length })),
    );
  fc.assert(
    fc.property(anyTwoOrders, position, ([one, other], asked) => {
      const applied = apply(one);
      expect(asMap(apply(other))).toEqual(asMap(applied));
      expect(asMap(apply([...one, ...one]))).toEqual(asMap(applied));
      const highest = one.filter(({ partition }) => partition === asked.partition).map(({ offset }) => BigInt(offset));
      expect(wasApplied(applied, asked)).toBe(highest.some((offset) => offset >= BigInt(asked.offset)));
    }),
  );
});

test('how far all partitions are read is the same whoever reports first', () => {
  const report = fc.dictionary(fc.constantFrom('0', '1', '2'), fc.nat(1_000));
  const anyTwoOrders = fc
    .array(report, { maxLength: 5 })
    .chain((reports) => fc.tuple(fc.constant(reports), fc.shuffledSubarray(reports, { minLength: reports.length })));
  fc.assert(
    fc.property(anyTwoOrders, ([one, other]) => {
      const progress = replyProgressMs(3, one);
      expect(replyProgressMs(3, other)).toBe(progress);
      // Never later than what anybody knows of any partition.
      for (const partition of ['0', '1', '2']) {
        expect(progress).toBeLessThanOrEqual(Math.max(0, ...one.map((each) => each[partition] ?? 0)));
      }
    }),
  );
});
