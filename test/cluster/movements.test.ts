// Which shards came to a node, from whom and how: what its own events say.
import { expect, test } from 'vitest';
import type { Incarnation, NodeName, Revision, ShardId } from '../../src/actors/ids.ts';
import { Claims, claimRecord } from '../../src/cluster/claims.ts';
import type { ClusterEvent } from '../../src/cluster/events.ts';
import { Movements } from '../../src/cluster/movements.ts';
import { claimKey } from '../../src/cluster/names.ts';
import type { ShardState } from '../../src/cluster/shard-lifecycle.ts';
import { ManualClock } from '../support/manual-clock.ts';

class Life {
  readonly clock = new ManualClock();
  readonly claims = new Claims(400);
  readonly movements = new Movements(this.clock);
  #revision = 0;

  claimed(shard: number, node: string): void {
    const incarnation = (node === '' ? '' : `${node}-1`) as Incarnation;
    const value = claimRecord(node as NodeName, incarnation, 0 as Revision, 0);
    const revision = ++this.#revision as Revision;
    this.claims.seen(shard as ShardId, { key: claimKey(shard as ShardId), value, revision, writtenMs: 0 });
  }

  hear(event: ClusterEvent): void {
    this.movements.heard(event, this.claims);
  }

  move(shard: number, from: ShardState, to: ShardState): void {
    this.hear({ kind: 'shard', shard: shard as ShardId, from, to, epoch: 1 as Revision });
  }

  async take(shard: number, jobs: number, takeoverFrom?: string): Promise<void> {
    this.move(shard, 'released', 'acquiring');
    if (takeoverFrom !== undefined) {
      this.hear({ kind: 'takeover', shard: shard as ShardId, from: `${takeoverFrom}-1` as Incarnation });
    }
    await this.clock.advance(40);
    this.move(shard, 'acquiring', 'rehydrating');
    this.claimed(shard, 'self');
    await this.clock.advance(70);
    this.move(shard, 'rehydrating', 'owned');
    this.hear({ kind: 'rehydrated', shard: shard as ShardId, jobs, republished: 0 });
  }
}

test('a shard comes from the one who gave it up, from a dead one, or from nobody', async () => {
  const life = new Life();
  life.claimed(1, 'other');
  life.claimed(1, '');
  life.claimed(2, 'dead');
  await life.take(1, 5);
  await life.take(2, 7, 'dead');
  await life.take(3, 0);
  expect(life.movements.latest).toMatchObject([
    { shard: 1, from: 'other', kind: 'handover', tookMs: 70, jobs: 5 },
    { shard: 2, from: 'dead', kind: 'takeover', tookMs: 70, jobs: 7 },
    { shard: 3, from: undefined, kind: 'first', tookMs: 70, jobs: 0 },
  ]);
  expect(life.movements.latest[2]!.atMs - life.movements.latest[0]!.atMs).toBe(220);
});

test('one that never came is not told, and no more than the latest are remembered', async () => {
  const life = new Life();
  life.move(1, 'released', 'acquiring');
  life.move(1, 'acquiring', 'rehydrating');
  life.move(1, 'rehydrating', 'released');
  life.hear({ kind: 'rehydrated', shard: 1 as ShardId, jobs: 1, republished: 0 });
  expect(life.movements.latest).toEqual([]);
  for (let shard = 0; shard < 250; shard++) await life.take(shard, 0);
  expect(life.movements.latest.map(({ shard }) => shard)).toEqual(Array.from({ length: 200 }, (_, i) => i + 50));
});
