import { expect, test } from 'vitest';
import type { Incarnation, Revision, ShardId } from '../../src/actors/ids.ts';
import type { ShardState } from '../../src/cluster/shard-lifecycle.ts';
import { ShardTimes } from '../../src/gateway/shard-times.ts';
import { ManualClock } from '../support/manual-clock.ts';

function times() {
  const clock = new ManualClock();
  const acquired: [string, number][] = [];
  const told = new ShardTimes(clock, { acquired: (how, ms) => void acquired.push([how, ms]) });
  const move = (shard: number, from: ShardState, to: ShardState) =>
    told.tell({ kind: 'shard', shard: shard as ShardId, from, to, epoch: 1 as Revision });
  const takeover = (shard: number) =>
    told.tell({ kind: 'takeover', shard: shard as ShardId, from: 'gone-1' as Incarnation });
  return { clock, acquired, told, move, takeover };
}

test('from the claim until the shard answers, taken over or handed over', async () => {
  const { clock, acquired, move, takeover } = times();
  move(1, 'released', 'acquiring');
  move(2, 'released', 'acquiring');
  await clock.advance(100);
  takeover(1);
  move(1, 'acquiring', 'rehydrating');
  move(2, 'acquiring', 'rehydrating');
  await clock.advance(200);
  move(2, 'rehydrating', 'owned');
  await clock.advance(700);
  move(1, 'rehydrating', 'owned');
  expect(acquired).toEqual([
    ['handedOver', 300],
    ['takenOver', 1_000],
  ]);
});

test('a claim that was refused, or lost before the shard answered, counts as none', async () => {
  const { clock, acquired, told, move } = times();
  move(1, 'released', 'acquiring');
  move(1, 'acquiring', 'released');
  move(2, 'released', 'acquiring');
  move(2, 'acquiring', 'rehydrating');
  move(2, 'rehydrating', 'draining');
  move(3, 'released', 'acquiring');
  told.tell({ kind: 'joining', incarnation: 'n1-2' as Incarnation });
  await clock.advance(10);
  move(3, 'rehydrating', 'owned');
  // Later, one that goes well: from its own claim.
  move(1, 'released', 'acquiring');
  await clock.advance(5);
  move(1, 'rehydrating', 'owned');
  expect(acquired).toEqual([['handedOver', 5]]);
});
