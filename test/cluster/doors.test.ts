// Commands that come while a shard is being loaded: they wait a moment, and not more of them than may.
import { expect, test } from 'vitest';
import type { ShardId } from '../../src/actors/ids.ts';
import { Doors } from '../../src/cluster/doors.ts';
import { CLUSTER_LIMITS } from '../../src/cluster/limits.ts';
import { ManualClock } from '../support/manual-clock.ts';

const SHARD = 3 as ShardId;
const OTHER = 4 as ShardId;

function world() {
  const clock = new ManualClock();
  const doors = new Doors(clock);
  const through: string[] = [];
  const come = (who: string, shard = SHARD) => {
    const door = doors.wait(shard);
    if (door === undefined) through.push(`${who} refused`);
    else void door.then(() => through.push(who));
  };
  return { clock, doors, through, come };
}

test('nobody waits for a shard that is not expected', () => {
  const { come, through } = world();
  come('a');
  expect(through).toEqual(['a refused']);
});

test('all go on when it opens, and whoever comes later finds no door', async () => {
  const { clock, doors, come, through } = world();
  doors.expect(SHARD);
  come('a');
  come('b');
  await clock.advance(CLUSTER_LIMITS.doorMs - 1);
  expect(through).toEqual([]);
  doors.open(OTHER);
  doors.open(SHARD);
  await clock.advance(0);
  expect(through).toEqual(['a', 'b']);
  come('c');
  expect(through).toEqual(['a', 'b', 'c refused']);
});

test('a load that takes long gathers nobody', async () => {
  const { clock, doors, come, through } = world();
  doors.expect(SHARD);
  come('a');
  await clock.advance(CLUSTER_LIMITS.doorMs);
  come('b');
  expect(through).toEqual(['a', 'b refused']);
});

test('not more wait than may, whatever they wait for; who has gone makes room', async () => {
  const { clock, doors, come, through } = world();
  doors.expect(SHARD);
  doors.expect(OTHER);
  for (let i = 0; i < CLUSTER_LIMITS.doorMost; i++) come('early', i % 2 === 0 ? SHARD : OTHER);
  come('late');
  expect(through).toEqual(['late refused']);
  doors.open(OTHER);
  await clock.advance(0);
  come('later');
  expect(through.filter((who) => who === 'later refused')).toEqual([]);
});
