// Writes that cannot be told apart: a write in doubt is known by its bytes, so of one key no node may have two on their way, or in
// doubt, that have the same. One of them would pass for the other, and for an older one than what was known when it was sent: that
// looks as if the bucket had gone back in time.
//
// A try that is made again is of the same write: it brings the same array.
import { META_KEY } from '../../src/cluster/names.ts';
import type { KvPutAnswer } from '../../src/cluster/ports.ts';

export class Twins {
  /** By key; what was left in doubt and never asked for again stays. */
  readonly #unsettled = new Map<string, Set<Uint8Array>>();

  /** Is sent. True: another one with the same bytes is not settled. The bucket's own record is the same whoever writes it. */
  writes(key: string, value: Uint8Array): boolean {
    if (key === META_KEY) return false;
    const unsettled = this.#unsettled.get(key) ?? new Set();
    this.#unsettled.set(key, unsettled.add(value));
    for (const other of unsettled) if (other !== value && Buffer.compare(other, value) === 0) return true;
    return false;
  }

  heard(key: string, value: Uint8Array, { kind }: KvPutAnswer): void {
    if (kind !== 'inDoubt' && kind !== 'notSent') this.#unsettled.get(key)?.delete(value);
  }
}
