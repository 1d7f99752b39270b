// A map for entries that pass through: many of them, none for long.
//
// V8 writes a Map into a new table whenever enough has come and gone. The old table still leads to all that stood in it then, and once it
// has grown old itself it does so until the next full collection of garbage: each collection of the young copies that with
// all that it leads to, and makes it old too. So what an entry leads to is cut off here when it leaves. Not for
// what stays: each entry is one object more.
interface Place<V> {
  value: V | undefined;
}

export class PassingMap<K, V> {
  readonly #places = new Map<K, Place<V>>();

  get size(): number {
    return this.#places.size;
  }

  get(key: K): V | undefined {
    return this.#places.get(key)?.value;
  }

  has(key: K): boolean {
    return this.#places.has(key);
  }

  set(key: K, value: V): void {
    const place = this.#places.get(key);
    if (place === undefined) this.#places.set(key, { value });
    else place.value = value;
  }

  delete(key: K): boolean {
    const place = this.#places.get(key);
    if (place === undefined) return false;
    place.value = undefined;
    return this.#places.delete(key);
  }

  clear(): void {
    for (const place of this.#places.values()) place.value = undefined;
    this.#places.clear();
  }

  /** As they came; those that leave meanwhile are left out. */
  *values(): Generator<V> {
    for (const { value } of this.#places.values()) if (value !== undefined) yield value;
  }

  *[Symbol.iterator](): Generator<readonly [K, V]> {
    for (const [key, { value }] of this.#places) if (value !== undefined) yield [key, value];
  }
}
