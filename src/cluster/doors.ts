// Commands for a shard whose claim is ours while its jobs are still on their way into memory. Refused, each would come back after
// a backoff, which is longer than most shards take to load. So they wait at the door: not many, and not for long. Whoever asked
// asks again by himself, and by then none of his commands waits here any more: a long load gathers nothing.
import type { ShardId } from '../actors/ids.ts';
import type { Clock, Timer } from '../actors/ports.ts';
import { CLUSTER_LIMITS } from './limits.ts';

interface Door {
  readonly opened: Promise<void>;
  readonly open: () => void;
  readonly timer: Timer;
}

export class Doors {
  readonly #clock: Clock;
  readonly #doors = new Map<ShardId, Door>();
  #waiting = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Its jobs are coming. */
  expect(shard: ShardId): void {
    this.open(shard);
    const { promise: opened, resolve: open } = Promise.withResolvers<void>();
    const timer = this.#clock.setTimer(CLUSTER_LIMITS.doorMs, () => this.open(shard));
    this.#doors.set(shard, { opened, open, timer });
  }

  /** Whoever waits goes on and sees for himself: the jobs are there, or will not be. */
  open(shard: ShardId): void {
    const door = this.#doors.get(shard);
    if (door === undefined) return;
    this.#doors.delete(shard);
    door.timer.cancel();
    door.open();
  }

  /** Resolves when it is worth looking again; undefined: there is nothing to wait for, or too many wait already. */
  wait(shard: ShardId): Promise<void> | undefined {
    const door = this.#doors.get(shard);
    if (door === undefined || this.#waiting >= CLUSTER_LIMITS.doorMost) return undefined;
    this.#waiting += 1;
    return door.opened.then(() => {
      this.#waiting -= 1;
    });
  }

  stop(): void {
    for (const shard of [...this.#doors.keys()]) this.open(shard);
  }
}
