// What every node watches from its start to its end: the records of members, the claims and the bucket's meta record.
// No order between members and claims: whoever weighs one against the other looks at their revisions.
import type { Clock } from '../actors/ports.ts';
import { SYSTEM_WATCHES } from './names.ts';
import type { KvEntry, KvPort, KvWatch } from './ports.ts';
import { untilAvailable } from './until-available.ts';

export interface SystemWatchesOptions {
  readonly clock: Clock;
  readonly kv: KvPort;
  onEntry(entry: KvEntry): void;
  /** A watch was made anew; the bucket as it is now. */
  onReset(bucketId: string): void;
}

export class SystemWatches {
  readonly #options: SystemWatchesOptions;
  readonly #watches: KvWatch[] = [];
  readonly #stopped = Promise.withResolvers<void>();
  #isStopped = false;

  constructor(options: SystemWatchesOptions) {
    this.#options = options;
  }

  /** Resolves when all that stands was seen, or when it was stopped. @throws KvUnavailable once it is stopped */
  async start(): Promise<void> {
    await Promise.all(SYSTEM_WATCHES.map(({ filters, afresh }) => this.#follow(filters, afresh)));
  }

  stop(): void {
    this.#isStopped = true;
    this.#stopped.resolve();
    for (const watch of this.#watches) watch.stop();
  }

  async #follow(filters: readonly string[], afresh: boolean): Promise<void> {
    const { clock, kv, onReset } = this.#options;
    const caughtUp = Promise.withResolvers<void>();
    const handler = {
      onEntry: (entry: KvEntry) => this.#options.onEntry(entry),
      onCaughtUp: () => caughtUp.resolve(),
      onReset,
    };
    const watch = await untilAvailable(
      clock,
      () => kv.watch(filters, handler, { afresh }),
      () => this.#isStopped,
    );
    this.#watches.push(watch);
    if (this.#isStopped) watch.stop();
    else await Promise.race([caughtUp.promise, this.#stopped.promise]);
  }
}
