// Shows the consumers of nodes that are gone out of the consumer group.
import type { Clock } from '../../actors/ports.ts';
import type { ReplyReader } from '../ports.ts';

const TRIES = 5;
const PAUSE_MS = 500;

export class Evictions {
  readonly #clock: Clock;
  readonly #reader: ReplyReader;
  readonly #evicted = new Set<string>();

  constructor(clock: Clock, reader: ReplyReader) {
    this.#clock = clock;
    this.#reader = reader;
  }

  /**
   * A dead consumer that nobody shows out keeps its partitions for the whole session timeout. Once per name: whoever was
   * shown out in error has joined under another one, by which it can be shown out again. `memberId` '': it has none yet.
   */
  async evict(memberId: string): Promise<void> {
    if (memberId === '' || this.#evicted.has(memberId)) return;
    this.#evicted.add(memberId);
    for (let tries = 0; tries < TRIES; tries++) {
      if (await this.#reader.evict(memberId).catch(() => false)) return;
      await new Promise<void>((resolve) => this.#clock.setTimer(PAUSE_MS, resolve));
    }
  }
}
