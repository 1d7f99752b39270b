// The one source of chance in a simulated world: everything follows from the seed, so a failure replays exactly.
//
// Each component draws from its own fork, named and taken once: a change in how often one of them draws does not shift
// what the others see, and a replay stays comparable while the code under test is being changed.
import { fnv1a32 } from '../../src/actors/ids.ts';
import type { Random } from '../../src/actors/ports.ts';

export class SeededRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 2 ** 32) | 0;
    this.#c = 0x9e3779b9 | 0;
    for (let i = 0; i < 12; i++) this.#next();
  }

  /** A stream of its own; it depends on this one's seed and the name, and on the draws made here so far. */
  fork(name: string): SeededRandom {
    return new SeededRandom(this.#next() * 2 ** 21 + fnv1a32(name));
  }

  float(): number {
    return this.#next() / 2 ** 32;
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.#next() & 0xff);
  }

  /** A whole number in [0, below). */
  int(below: number): number {
    return Math.floor(this.float() * below);
  }

  between(low: number, high: number): number {
    return low + this.float() * (high - low);
  }

  /** True at this rate; a rate of 0 draws all the same, so that a changed rate moves nothing else. */
  chance(rate: number): boolean {
    return this.float() < rate;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.int(items.length)];
    if (item === undefined) throw new RangeError('pick from an empty list');
    return item;
  }

  // sfc32 (C. Doty-Humphrey, PractRand): 128 bits of state, a counter against short cycles.
  #next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }
}
