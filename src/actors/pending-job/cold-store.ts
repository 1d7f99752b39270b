// Where the jobs that only wait are kept, a million perhaps: as bytes (cold.ts), outside of V8's heap, which V8 looks through
// again and again, all of it. What stays there of each is a number, its handle.
//
// The store is a log in chunks. A job is written behind the last one, whatever its size, and its bytes never change; what
// leaves is marked dead, in front of them. A closed chunk of which a quarter is dead is emptied: what lives in it is written
// again behind the last one, and the chunk is given back. So nothing is rounded up to a size, the jobs lie in the order in which they came, which is
// the order in which they are looked through, and a million jobs of which a thousand are left need no more room than a
// thousand. A handle names a place in a table, which follows the job when it moves.
//
// Beside a job stands what it shares with others (cold-shared.ts), which the store keeps as long as one of them is in it.
//
// What must hold: at most about a quarter of all chunks is dead, and a few chunks. That is paid for by whoever takes a job out:
// for each of its bytes four are looked through in chunks that are emptied, of which at least one was dead, so what is dead does
// not grow while there is something to empty; and nobody waits for more to be copied than four times what he takes out. The tables have six bytes
// for each job of the most that there were, until the store is empty.
import { NOTHING_SHARED, type Shared, SharedParts } from './cold-shared.ts';

/** Names a job that is in the store, until it is taken out. */
export type Handle = number;

/** Where a job's bytes stand, until the store is next changed. What stands around them is others'. */
export interface Packed {
  readonly bytes: Buffer;
  readonly from: number;
  readonly to: number;
  /** So far these bytes are written; what stands before is jobs whose bytes never change. */
  readonly written: number;
  /** What stands for others too; undefined: nothing. */
  readonly shared: Shared | undefined;
}

/** Where it ends is read when that is asked for: of a million in a row, most of which are of no interest, it is far away. */
class Place implements Packed {
  readonly bytes: Buffer;
  readonly from: number;
  readonly written: number;
  readonly shared: Shared | undefined;
  readonly #words: Uint32Array;

  constructor({ bytes, words, used }: Chunk, from: number, shared: Shared | undefined) {
    this.bytes = bytes;
    this.from = from;
    this.written = used;
    this.shared = shared;
    this.#words = words;
  }

  get to(): number {
    return this.from + this.#words[this.from / 4 - 1]!;
  }
}

/** Small against what a node has, large against a job; one search through it is well below a millisecond. */
export const CHUNK_BYTES = 1 << 18;
/** A store of a few jobs has small chunks. */
const LEAST_CHUNK_BYTES = 1 << 12;
/** Where a job stands is told in these: the doubles in front of it are aligned. */
const UNIT_BYTES = 8;
const UNITS_PER_CHUNK = CHUNK_BYTES / UNIT_BYTES;
/** In front of each job: its handle and its length, 32 bits each. */
const HEAD_BYTES = 8;
const HEAD_WORDS = HEAD_BYTES / 4;
const DEAD = 0xffff_ffff;
const NONE = 0xffff_ffff;
const FIRST_HANDLES = 256;
/** A job that is larger than this has a chunk for itself: the end of a chunk that stays unused is smaller. */
const LARGE_BYTES = CHUNK_BYTES / 8;
/** A chunk of which more is dead is emptied. */
const MOST_DEAD = 1 / 4;
const LOOKED_THROUGH_PER_BYTE = 4;

interface Chunk {
  readonly bytes: Buffer;
  readonly words: Uint32Array;
  /** In the list of chunks. */
  readonly index: number;
  used: number;
  alive: number;
  /** How far it is emptied. */
  emptied: number;
}

export class ColdStore {
  readonly #chunks: (Chunk | undefined)[] = [];
  readonly #freeIndexes: number[] = [];
  /** To be emptied, one after another. */
  readonly #sparse = new Set<Chunk>();
  /** What comes is written here. */
  #last: Chunk | undefined;
  /** One that was given back, for the next time. */
  #spare: ArrayBufferLike | undefined;
  /** By handle: where its job stands; of a free handle the next free one. */
  #places = new Uint32Array(FIRST_HANDLES);
  /** By handle: what it shares with others. */
  #partOf = new Uint16Array(FIRST_HANDLES);
  readonly #parts = new SharedParts();
  #handles = 0;
  #freeHandle = NONE;
  #count = 0;
  #aliveBytes = 0;
  #heldBytes = 0;
  #closed = false;

  /** Jobs in it. */
  get count(): number {
    return this.#count;
  }

  /** What they take, heads and filling included. */
  get aliveBytes(): number {
    return this.#aliveBytes;
  }

  /** What all chunks take. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** What this one may share; the same part is then told to `put`, which the job keeps until it is taken out, or released. */
  get parts(): Pick<SharedParts, 'take' | 'at' | 'release' | 'size'> {
    return this.#parts;
  }

  /** Both are copied. */
  put(head: Uint8Array, body: Uint8Array, part = NOTHING_SHARED): Handle {
    const length = head.length + body.length;
    const size = sizeOf(length);
    const chunk = this.#withRoom(size);
    const handle = this.#newHandle();
    const { used } = chunk;
    chunk.words[used / 4] = handle;
    chunk.words[used / 4 + 1] = length;
    chunk.bytes.set(head, used + HEAD_BYTES);
    chunk.bytes.set(body, used + HEAD_BYTES + head.length);
    this.#written(chunk, size, handle);
    this.#partOf[handle] = part;
    this.#count += 1;
    this.#aliveBytes += size;
    return handle;
  }

  at(handle: Handle): Packed {
    const place = this.#places[handle]!;
    const chunk = this.#chunks[(place / UNITS_PER_CHUNK) | 0]!;
    return new Place(chunk, (place % UNITS_PER_CHUNK) * UNIT_BYTES, this.sharedAt(handle));
  }

  /** What a job shares with others, without a look at its bytes; undefined: nothing. */
  sharedAt(handle: Handle): Shared | undefined {
    return this.#parts.at(this.#partOf[handle]!);
  }

  /** From now on nothing is taken out any more: all of it is about to go, and `clear` follows. */
  close(): void {
    this.#closed = true;
  }

  clear(): void {
    this.#sparse.clear();
    this.#clear();
    [this.#count, this.#aliveBytes, this.#heldBytes] = [0, 0, 0];
    this.#spare = undefined;
  }

  /** Takes it out; its handle is no more. @throws RangeError when it was no more before */
  free(handle: Handle): void {
    if (this.#closed) return;
    const chunk = this.#chunkOf(handle);
    const word = this.#fromOf(handle) / 4 - HEAD_WORDS;
    const size = sizeOf(chunk.words[word + 1]!);
    chunk.words[word] = DEAD;
    chunk.alive -= size;
    this.#parts.release(this.#partOf[handle]!);
    this.#places[handle] = this.#freeHandle;
    this.#freeHandle = handle;
    this.#count -= 1;
    this.#aliveBytes -= size;
    if (this.#count === 0) return this.#clear();
    if (chunk.alive === 0) this.#giveBack(chunk);
    else if (chunk !== this.#last) this.#judge(chunk);
    this.#empty(size * LOOKED_THROUGH_PER_BYTE);
  }

  #chunkOf(handle: Handle): Chunk {
    const chunk = this.#chunks[Math.floor(this.#places[handle]! / UNITS_PER_CHUNK)];
    if (chunk?.words[this.#fromOf(handle) / 4 - HEAD_WORDS] !== handle)
      throw new RangeError(`no job has handle ${handle}`);
    return chunk;
  }

  #fromOf(handle: Handle): number {
    return (this.#places[handle]! % UNITS_PER_CHUNK) * UNIT_BYTES;
  }

  #clear(): void {
    for (const chunk of this.#chunks) if (chunk !== undefined) this.#giveBack(chunk);
    this.#chunks.length = 0;
    this.#freeIndexes.length = 0;
    this.#places = new Uint32Array(FIRST_HANDLES);
    this.#partOf = new Uint16Array(FIRST_HANDLES);
    this.#parts.clear();
    this.#handles = 0;
    this.#freeHandle = NONE;
  }

  #newHandle(): Handle {
    const free = this.#freeHandle;
    if (free !== NONE) {
      this.#freeHandle = this.#places[free]!;
      return free;
    }
    if (this.#handles === this.#places.length) {
      const places = new Uint32Array(this.#places.length * 2);
      places.set(this.#places);
      this.#places = places;
      const partOf = new Uint16Array(places.length);
      partOf.set(this.#partOf);
      this.#partOf = partOf;
    }
    return this.#handles++;
  }

  #withRoom(size: number): Chunk {
    const last = this.#last;
    if (size > LARGE_BYTES) return this.#newChunk(size);
    if (last !== undefined && last.used + size <= last.bytes.length) return last;
    const chunk = this.#newChunk(size);
    this.#last = chunk;
    if (last !== undefined) this.#judge(last);
    return chunk;
  }

  #newChunk(size: number): Chunk {
    const index = this.#freeIndexes.pop() ?? this.#chunks.length;
    const usual = Math.min(CHUNK_BYTES, Math.max(LEAST_CHUNK_BYTES, sizeOf(this.#aliveBytes), size));
    const wanted = size > LARGE_BYTES ? size : usual;
    let memory: ArrayBufferLike;
    if (wanted === CHUNK_BYTES && this.#spare !== undefined) {
      memory = this.#spare;
      this.#spare = undefined;
    } else {
      memory = new ArrayBuffer(wanted);
      this.#heldBytes += wanted;
    }
    // Also over memory that was used before it is another buffer: whoever remembers something of the one does not mean this.
    const bytes = Buffer.from(memory);
    const chunk: Chunk = { bytes, words: new Uint32Array(memory), index, used: 0, alive: 0, emptied: 0 };
    this.#chunks[index] = chunk;
    return chunk;
  }

  #written(chunk: Chunk, size: number, handle: Handle): void {
    this.#places[handle] = chunk.index * UNITS_PER_CHUNK + (chunk.used + HEAD_BYTES) / UNIT_BYTES;
    chunk.used += size;
    chunk.alive += size;
  }

  /** Of one that nothing is written to any more. */
  #judge(chunk: Chunk): void {
    if (chunk.alive === 0) this.#giveBack(chunk);
    else if (chunk.used - chunk.alive > chunk.bytes.length * MOST_DEAD) this.#sparse.add(chunk);
  }

  #giveBack(chunk: Chunk): void {
    const { index, bytes } = chunk;
    this.#chunks[index] = undefined;
    this.#freeIndexes.push(index);
    this.#sparse.delete(chunk);
    if (this.#last === chunk) this.#last = undefined;
    if (this.#spare === undefined && bytes.length === CHUNK_BYTES) this.#spare = bytes.buffer;
    else this.#heldBytes -= bytes.length;
  }

  /** Looks through so many bytes of chunks that are to be emptied. */
  #empty(most: number): void {
    for (let left = most; left > 0 && this.#sparse.size > 0; ) {
      const [chunk] = this.#sparse;
      if (chunk === undefined) return;
      const word = chunk.emptied / 4;
      const size = sizeOf(chunk.words[word + 1]!);
      if (chunk.words[word] !== DEAD) this.#move(chunk, word, size);
      chunk.emptied += size;
      if (chunk.alive === 0) this.#giveBack(chunk);
      left -= size;
    }
  }

  #move(from: Chunk, word: number, size: number): void {
    const handle = from.words[word]!;
    const chunk = this.#withRoom(size);
    from.bytes.copy(chunk.bytes, chunk.used, word * 4, word * 4 + size);
    this.#written(chunk, size, handle);
    from.words[word] = DEAD;
    from.alive -= size;
  }
}

function sizeOf(length: number): number {
  return Math.ceil((HEAD_BYTES + length) / UNIT_BYTES) * UNIT_BYTES;
}
