// The store of the jobs that only wait, against a plain map of the same bytes, whatever is put in and taken out; and what it
// takes, which must follow what lives in it, down to nothing.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CHUNK_BYTES, ColdStore, type Handle } from '../../src/actors/pending-job/cold-store.ts';

const HEAD = Buffer.from('12345678');
/** Heads, filling, and what is written to at the moment. */
const FEW_CHUNKS_BYTES = 4 * CHUNK_BYTES;

function bytesOf(store: ColdStore, handle: Handle): Buffer {
  const { bytes, from, to } = store.at(handle);
  return bytes.subarray(from, to);
}

function put(store: ColdStore, body: Uint8Array): Handle {
  return store.put(HEAD, body);
}

const body = (length: number, byte: number) => Buffer.alloc(length, byte);

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('put' as const), length: fc.nat(900), byte: fc.nat(255) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('put' as const),
      length: fc.integer({ min: 10_000, max: CHUNK_BYTES * 2 }),
      byte: fc.nat(255),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('free' as const), which: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('replace' as const), which: fc.nat(), length: fc.nat(900) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('freeMost' as const), keep: fc.integer({ min: 2, max: 9 }) }) },
);

test('whatever comes and goes, each job is what was put in, and nothing is left when all have gone', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 60 }), (steps, times) => {
      const store = new ColdStore();
      const model = new Map<Handle, Buffer>();
      const take = (handle: Handle) => {
        store.free(handle);
        model.delete(handle);
      };
      const add = (content: Buffer) => {
        const handle = put(store, content);
        expect(model.has(handle)).toBe(false);
        model.set(handle, content);
      };
      for (const one of steps) {
        const handles = [...model.keys()];
        const handle = 'which' in one ? handles[one.which % handles.length] : undefined;
        if (one.do === 'put') for (let i = 0; i < times && one.length < 1_000; i++) add(body(one.length, one.byte ^ i));
        if (one.do === 'put' && one.length >= 1_000) add(body(one.length, one.byte));
        if (one.do === 'free' && handle !== undefined) take(handle);
        if (one.do === 'replace' && handle !== undefined) {
          take(handle);
          add(body(one.length, 7));
        }
        if (one.do === 'freeMost') for (const [i, each] of handles.entries()) if (i % one.keep > 0) take(each);
        expect(store.count).toBe(model.size);
        expect(store.heldBytes).toBeLessThanOrEqual((store.aliveBytes * 3) / 2 + FEW_CHUNKS_BYTES);
      }
      let alive = 0;
      for (const [handle, content] of model) {
        expect(bytesOf(store, handle).equals(Buffer.concat([HEAD, content]))).toBe(true);
        alive += Math.ceil((16 + content.length) / 8) * 8;
      }
      expect(store.aliveBytes).toBe(alive);
      for (const handle of [...model.keys()]) take(handle);
      expect([store.count, store.aliveBytes]).toEqual([0, 0]);
      expect(store.heldBytes).toBeLessThanOrEqual(CHUNK_BYTES);
    }),
    { numRuns: 200 },
  );
});

/** Jobs of a few hundred bytes, as many as make so many chunks. */
function filled(chunks: number): { readonly store: ColdStore; readonly handles: Handle[] } {
  const store = new ColdStore();
  const handles: Handle[] = [];
  for (let i = 0; store.heldBytes < chunks * CHUNK_BYTES; i++) handles.push(put(store, body(100 + (i % 300), i % 251)));
  return { store, handles };
}

test('of many jobs a thousandth is left, a few in each chunk: they need no more room than they did alone', () => {
  const { store, handles } = filled(40);
  const left = handles.filter((_, i) => i % 1_000 === 0);
  const before = left.map((handle) => Buffer.from(bytesOf(store, handle)));
  for (const [i, handle] of handles.entries()) if (i % 1_000 !== 0) store.free(handle);
  expect(store.count).toBe(left.length);
  expect(store.heldBytes).toBeLessThanOrEqual(3 * CHUNK_BYTES);
  for (const [i, handle] of left.entries()) expect(bytesOf(store, handle).equals(before[i]!)).toBe(true);
});

test('however they go, one by one, nothing is held for long that nobody lives in', () => {
  for (const order of ['first', 'last', 'scattered'] as const) {
    const { store, handles } = filled(30);
    if (order === 'last') handles.reverse();
    if (order === 'scattered') handles.sort((a, b) => ((a * 7_919) % 104_729) - ((b * 7_919) % 104_729));
    for (const handle of handles) {
      store.free(handle);
      expect(store.heldBytes).toBeLessThanOrEqual((store.aliveBytes * 4) / 3 + FEW_CHUNKS_BYTES);
    }
    expect([store.count, store.aliveBytes]).toEqual([0, 0]);
  }
});

test('jobs that are packed and unpacked again and again take no more room', () => {
  const { store, handles } = filled(10);
  for (let i = 0; i < 20_000; i++) {
    const at = (i * 7_919) % handles.length;
    const content = Buffer.from(bytesOf(store, handles[at]!).subarray(HEAD.length));
    store.free(handles[at]!);
    handles[at] = put(store, content);
  }
  expect(store.heldBytes).toBeLessThanOrEqual((store.aliveBytes * 4) / 3 + FEW_CHUNKS_BYTES);
});

test('a handle that is no more frees nothing', () => {
  const store = new ColdStore();
  const [first, second] = [put(store, body(10, 1)), put(store, body(10, 2))];
  store.free(first);
  expect(() => store.free(first)).toThrow(/handle/);
  expect(bytesOf(store, second).subarray(HEAD.length).equals(body(10, 2))).toBe(true);
});
