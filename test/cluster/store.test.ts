// The store against a register that lies as much as a real one may: answers get lost, writes land later, other writes get
// in between, records expire, reads fail. What is asserted is checked against the register's own history.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ABSENT, type Revision } from '../../src/actors/ids.ts';
import type { Random } from '../../src/actors/ports.ts';
import {
  type KvEntry,
  type KvPort,
  type KvPutAnswer,
  type KvPutOptions,
  KvUnavailable,
} from '../../src/cluster/ports.ts';
import { Store, type StoreAnswer, StoreClosed, type StorePutOptions } from '../../src/cluster/store.ts';
import { ManualClock } from '../support/manual-clock.ts';

const text = (value: Uint8Array): string => Buffer.from(value).toString();
const bytes = (value: string): Uint8Array => Buffer.from(value);
const random: Random = { float: () => 0.5, bytes: (count) => new Uint8Array(count) };

/** What becomes of one try: `lands` says when it is applied (ms from now, or never), `says` what the sender hears. */
interface Fate {
  readonly lands: number | 'never';
  readonly says: 'truth' | 'nothing' | KvPutAnswer;
  readonly afterMs: number;
}
const HONEST: Fate = { lands: 0, says: 'truth', afterMs: 1 };
const LOST: Fate = { lands: 'never', says: 'nothing', afterMs: 1_000 };
const LANDS_UNHEARD: Fate = { lands: 0, says: 'nothing', afterMs: 1_000 };
const LANDS_LATER: Fate = { lands: 1_300, says: 'nothing', afterMs: 1_000 };
const BUSY: Fate = { lands: 'never', says: { kind: 'inDoubt', reason: 'wrong last sequence (10164)' }, afterMs: 1 };

class LyingKv implements KvPort {
  readonly clock = new ManualClock();
  readonly history: (KvEntry & { readonly atMs: number })[] = [];
  readonly standing = new Map<string, KvEntry>();
  /** Consumed one per try; honest when there are none left. */
  fates: Fate[] = [];
  unreadable = 0;
  tries = 0;
  readonly triedMs: number[] = [];
  reads = 0;
  last = 0;

  async put(key: string, value: Uint8Array, expected: Revision, options?: KvPutOptions): Promise<KvPutAnswer> {
    this.tries += 1;
    this.triedMs.push(this.clock.monotonicMs());
    const fate = this.fates.shift() ?? HONEST;
    let truth: KvPutAnswer | undefined;
    const land = (): void => {
      truth = this.#apply(key, value, expected, options);
    };
    if (fate.lands === 0) land();
    else if (fate.lands !== 'never') this.clock.setTimer(fate.lands, land);
    await this.wait(fate.afterMs);
    if (fate.says === 'truth' && truth !== undefined) return truth;
    return typeof fate.says === 'object' ? fate.says : { kind: 'inDoubt', reason: 'silence' };
  }

  #apply(key: string, value: Uint8Array, expected: Revision, options?: KvPutOptions): KvPutAnswer {
    const standing = this.standing.get(key)?.revision ?? ABSENT;
    if (standing !== expected) return { kind: 'refused', revision: standing };
    const revision = ++this.last as Revision;
    const entry = { key, value, revision, writtenMs: this.clock.wallMs(), atMs: this.clock.monotonicMs() };
    this.history.push(entry);
    this.standing.set(key, entry);
    if (options?.ttlMs !== undefined)
      this.clock.setTimer(options.ttlMs, () => this.standing.get(key) === entry && this.standing.delete(key));
    return { kind: 'stored', revision };
  }

  /** Somebody else's write, at once. */
  overwrite(key: string, value: string): Revision {
    const answer = this.#apply(key, bytes(value), this.standing.get(key)?.revision ?? ABSENT);
    return answer.kind === 'stored' ? answer.revision : ABSENT;
  }

  async get(): Promise<KvEntry | undefined> {
    throw new Error('a bare read settles nothing');
  }

  async getRevision(revision: Revision): Promise<KvEntry | undefined> {
    this.reads += 1;
    await this.wait(1);
    if (this.unreadable-- > 0) throw new KvUnavailable('no leader');
    return [...this.standing.values()].find((entry) => entry.revision === revision);
  }

  async bucketId(): Promise<string> {
    return 'one';
  }

  async watch(): Promise<never> {
    throw new Error('not watched here');
  }

  wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.clock.setTimer(ms, resolve));
  }
}

function storeOn(kv: LyingKv, maxInFlight = 100): Store & { readonly restored: string[] } {
  const restored: string[] = [];
  const onRestored = (reason: string): void => void restored.push(reason);
  return Object.assign(new Store({ kv, clock: kv.clock, random, maxInFlight, onRestored }), { restored });
}

/** Lets time pass until the promise has settled. */
async function soon<T>(kv: LyingKv, promise: Promise<T>, limitMs = 60_000): Promise<T> {
  let settled = false;
  const settle = (): void => {
    settled = true;
  };
  promise.then(settle, settle);
  await kv.clock.until(
    () => settled,
    limitMs,
    () => `not settled after ${kv.tries} tries`,
  );
  return promise;
}

const put = (kv: LyingKv, store: Store, value: string, expected = ABSENT, options?: StorePutOptions) =>
  soon(kv, store.put('1.10', bytes(value), expected, options));

describe('a put in doubt', () => {
  test.each<[string, Fate[], number]>([
    ['answered', [HONEST], 1],
    ['lost', [LOST, LOST], 3],
    ['landed unheard', [LANDS_UNHEARD], 2],
    ['landing before the second try', [LANDS_LATER, LOST], 3],
    ['landing after the second try was stored', [{ ...LANDS_LATER, lands: 5_000 }], 2],
    ['busy, then landed unheard', [BUSY, BUSY, LANDS_UNHEARD], 4],
  ])('%s: stored once, under the revision that stands', async (_name, fates, tries) => {
    const kv = new LyingKv();
    const store = storeOn(kv);
    kv.fates = fates;
    expect(await put(kv, store, 'a')).toEqual({ kind: 'stored', revision: 1 });
    await kv.clock.advance(20_000);
    expect(kv.history.map(({ value }) => text(value))).toEqual(['a']);
    expect(kv.tries).toBe(tries);
    expect([store.highestAcknowledged, store.inDoubt]).toEqual([1, 0]);
  });

  test('one that gives a try less time is sent again no later than that, and not at once when it is refused', async () => {
    const kv = new LyingKv();
    const store = storeOn(kv);
    kv.fates = [{ ...LOST, afterMs: 500 }, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, { ...LANDS_UNHEARD, afterMs: 500 }];
    expect(await put(kv, store, 'a', ABSENT, { tryMs: 500 })).toEqual({ kind: 'stored', revision: 1 });
    const pausesMs = kv.triedMs.map((atMs, i) => Math.round(atMs - (kv.triedMs[i - 1] ?? 0)));
    expect(pausesMs).toEqual([0, 500, 76, 151, 301, 500, 500, 500, 500]);
  });

  test('one that gives a try less time than its answer takes is settled by that answer, and not by the end of the slowness', async () => {
    const kv = new LyingKv();
    const store = storeOn(kv);
    const slow: Fate = { lands: 300, says: 'truth', afterMs: 800 };
    kv.fates = [slow, slow, slow, slow];
    const answer = store.put('1.10', bytes('a'), ABSENT, { tryMs: 500 });
    // Meanwhile others write: that the answer names less than the newest revision is no sign of an old copy.
    kv.clock.setTimer(600, () => kv.overwrite('1.11', 'theirs'));
    kv.clock.setTimer(610, () => store.noteDelivered(2 as Revision));
    let settledMs: number | undefined;
    void answer.then(() => {
      settledMs = kv.clock.monotonicMs();
    });
    await kv.clock.advance(5_000);
    expect(await answer).toEqual({ kind: 'stored', revision: 1 });
    expect(settledMs).toBe(800);
    expect(kv.tries).toBe(2);
    expect(store.inDoubt).toBe(0);
  });

  test('an answer that comes while the next try waits its turn counts too', async () => {
    const kv = new LyingKv();
    const store = storeOn(kv);
    kv.fates = [{ lands: 300, says: 'truth', afterMs: 620 }, BUSY, LOST, LOST];
    expect(await put(kv, store, 'a', ABSENT, { tryMs: 500 })).toEqual({ kind: 'stored', revision: 1 });
    expect(kv.clock.monotonicMs()).toBeLessThan(1_100);
  });

  test('another write stands: conflict, with that write', async () => {
    const kv = new LyingKv();
    kv.overwrite('1.10', 'theirs');
    kv.fates = [LOST];
    kv.unreadable = 3;
    expect(await put(kv, storeOn(kv), 'ours')).toMatchObject({ kind: 'conflict', standing: { revision: 1 } });
  });

  test('the same bytes are not ours when no try of ours was in doubt', async () => {
    const kv = new LyingKv();
    kv.overwrite('1.10', 'same');
    expect((await put(kv, storeOn(kv), 'same')).kind).toBe('conflict');
  });

  test('what the refusal names is gone when read: asks again, and reads what stands by then', async () => {
    const kv = new LyingKv();
    const store = storeOn(kv);
    kv.overwrite('1.10', 'first');
    const answer = store.put('1.10', bytes('ours'), ABSENT);
    kv.clock.setTimer(1.5, () => kv.overwrite('1.10', 'second'));
    expect(await soon(kv, answer)).toMatchObject({ kind: 'conflict', standing: { revision: 2 } });
    expect([kv.tries, kv.reads]).toEqual([2, 2]);
  });

  test('an expired record counts as absent, when it is said twice', async () => {
    const kv = new LyingKv();
    const store = storeOn(kv);
    expect(await put(kv, store, 'done', ABSENT, { ttlMs: 1_000 })).toEqual({ kind: 'stored', revision: 1 });
    await kv.clock.advance(1_000);
    expect(await put(kv, store, 'again', 1 as Revision)).toEqual({ kind: 'conflict', standing: undefined });
    expect(kv.tries).toBe(3);
  });

  test('a leader that does not know the newest write is not believed', async () => {
    const kv = new LyingKv();
    const store = storeOn(kv);
    await put(kv, store, 'a');
    await put(kv, store, 'b', 1 as Revision);
    const stale = (revision: number): Fate => {
      return { lands: 'never', says: { kind: 'refused', revision: revision as Revision }, afterMs: 1 };
    };
    kv.fates = [stale(0), stale(1), stale(1), stale(1)];
    expect(await put(kv, store, 'c', 2 as Revision)).toEqual({ kind: 'stored', revision: 3 });
    expect(store.restored).toEqual([]);
  });

  test('never is an answer, unless an earlier try may have landed', async () => {
    const kv = new LyingKv();
    const never: Fate = { lands: 'never', says: { kind: 'never', reason: 'too large' }, afterMs: 1 };
    kv.fates = [never];
    expect(await put(kv, storeOn(kv), 'a')).toEqual({ kind: 'never', reason: 'too large' });
    kv.fates = [LANDS_UNHEARD, never];
    expect(await put(kv, storeOn(kv), 'b')).toEqual({ kind: 'stored', revision: 1 });
    const notSent: Fate = { lands: 'never', says: { kind: 'notSent', reason: 'disconnected' }, afterMs: 1 };
    kv.fates = [notSent, never];
    expect(await put(kv, storeOn(kv), 'c', 1 as Revision)).toEqual({ kind: 'never', reason: 'too large' });
  });
});

test('who hears nothing but never does not wait for ever for a try that may have landed', async () => {
  const kv = new LyingKv();
  const never: Fate = { lands: 'never', says: { kind: 'never', reason: 'too large' }, afterMs: 1 };
  kv.fates = [LOST, ...Array.from({ length: 1_000 }, () => never)];
  expect(await put(kv, storeOn(kv), 'a')).toEqual({ kind: 'never', reason: 'too large', mayStand: true });
  expect(kv.clock.monotonicMs()).toBeGreaterThan(15_000);
});

describe('a bucket that went back in time', () => {
  test('a put acknowledged at or below what was known before it was sent closes the store', async () => {
    const kv = new LyingKv();
    const store = storeOn(kv);
    store.noteDelivered(41 as Revision);
    kv.last = 40;
    const other = store.put('1.11', bytes('b'), ABSENT);
    kv.fates = [HONEST, LOST];
    await expect(put(kv, store, 'a')).rejects.toThrow(StoreClosed);
    await expect(other).rejects.toThrow(StoreClosed);
    expect(store.restored).toEqual([expect.stringContaining('stored as 41')]);
  });

  test('what was delivered or acknowledged while a put was under way proves nothing', async () => {
    const kv = new LyingKv();
    const store = storeOn(kv);
    kv.fates = [{ ...HONEST, afterMs: 500 }, HONEST, LANDS_UNHEARD];
    const slow = store.put('1.10', bytes('a'), ABSENT);
    const fast = store.put('1.11', bytes('b'), ABSENT);
    const unheard = store.put('1.12', bytes('c'), ABSENT);
    expect(await soon(kv, fast)).toEqual({ kind: 'stored', revision: 2 });
    store.noteDelivered(3 as Revision);
    expect(await soon(kv, slow)).toEqual({ kind: 'stored', revision: 1 });
    expect(await soon(kv, unheard), 'settled by a try that was sent later').toEqual({ kind: 'stored', revision: 3 });
    expect(store.restored).toEqual([]);
  });

  test('an older revision that goes on standing is believed in the end', async () => {
    const kv = new LyingKv();
    const store = storeOn(kv);
    kv.overwrite('1.10', 'old');
    const startMs = kv.clock.monotonicMs();
    await expect(put(kv, store, 'a', 9 as Revision)).rejects.toThrow(StoreClosed);
    expect(kv.clock.monotonicMs() - startMs).toBeGreaterThan(14_000);
    expect(store.restored).toHaveLength(1);
  });
});

describe('what others ask of the store', () => {
  test('age and number of what is in doubt', async () => {
    const kv = new LyingKv();
    const store = storeOn(kv);
    await put(kv, store, 'first');
    expect(store.oldestUnansweredMs()).toBe(0);
    kv.fates = [LOST, HONEST, LOST, LOST];
    const doubtful = store.put('1.11', bytes('a'), ABSENT);
    await kv.clock.advance(900);
    await put(kv, store, 'second', 1 as Revision);
    await kv.clock.advance(900);
    expect([store.highestAcknowledged, store.inDoubt]).toEqual([2, 1]);
    expect(store.oldestUnansweredMs(), 'counted over all its tries').toBeGreaterThan(1_700);
    await soon(kv, doubtful);
    expect([store.inDoubt, store.oldestUnansweredMs()]).toEqual([0, 0]);
  });

  test('a limit on what is in flight, first come first served', async () => {
    const kv = new LyingKv();
    const store = storeOn(kv, 2);
    const order: string[] = [];
    const all = ['a', 'b', 'c', 'd', 'e'].map((key) => store.put(key, bytes(key), ABSENT).then(() => order.push(key)));
    expect(kv.tries).toBe(2);
    await soon(kv, Promise.all(all));
    expect(kv.history.map(({ key }) => key)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  test('after close nothing is written, not by what was in doubt, waiting, or new', async () => {
    const kv = new LyingKv();
    const store = storeOn(kv, 2);
    kv.fates = [LOST, LOST];
    const puts = ['1', '2', '3'].map((key) => store.put(key, bytes(key), ABSENT));
    await kv.clock.advance(1_010);
    const before = kv.tries;
    store.close();
    puts.push(store.put('4', bytes('4'), ABSENT));
    for (const answer of puts) await expect(answer).rejects.toMatchObject({ code: 'STORE_CLOSED' });
    await expect(store.getRevision(1 as Revision)).rejects.toThrow(StoreClosed);
    await kv.clock.advance(10_000);
    expect([kv.tries, kv.history]).toEqual([before, []]);
  });
});

describe('whatever becomes of each try', () => {
  const fate = fc.oneof(
    { weight: 3, arbitrary: fc.constant(HONEST) },
    fc.record({
      lands: fc.constant(0),
      says: fc.constant('truth' as const),
      afterMs: fc.integer({ min: 1, max: 900 }),
    }),
    fc.record({
      lands: fc.oneof(fc.constant('never' as const), fc.integer({ min: 0, max: 4_000 })),
      says: fc.constant('nothing' as const),
      afterMs: fc.constantFrom(1, 1_000),
    }),
    fc.constant(BUSY),
  );

  test('two owners of the same keys: every answer is what a linearizable register gives, nothing doubled or lost', async () => {
    const run = async (fates: Fate[], unreadable: number): Promise<void> => {
      const kv = new LyingKv();
      kv.fates = [...fates];
      kv.unreadable = unreadable;
      const answers: { value: string; fromMs: number; toMs: number; answer: StoreAnswer }[] = [];
      const owner = async (name: string, key: string): Promise<void> => {
        const store = storeOn(kv);
        let expected: Revision = ABSENT;
        for (let n = 0; n < 6; n++) {
          const value = `${name} ${key} ${n}`;
          const fromMs = kv.clock.monotonicMs();
          const answer = await store.put(key, bytes(value), expected);
          answers.push({ value, fromMs, toMs: kv.clock.monotonicMs(), answer });
          if (answer.kind === 'stored') expected = answer.revision;
          else if (answer.kind === 'conflict') expected = answer.standing?.revision ?? ABSENT;
          await kv.wait(7);
        }
        expect(store.restored).toEqual([]);
      };
      await soon(kv, Promise.all(['x', 'y'].flatMap((key) => [owner('A', key), owner('B', key)])), 600_000);
      await kv.clock.advance(10_000);

      const applied = new Map(kv.history.map((entry) => [text(entry.value), entry]));
      expect(applied.size, 'nothing doubled').toBe(kv.history.length);
      for (const { value, fromMs, toMs, answer } of answers) {
        const write = applied.get(value);
        if (answer.kind === 'stored') {
          expect(write?.revision, `${value} is not lost`).toBe(answer.revision);
          expect(write?.atMs, 'within the call').toBeGreaterThanOrEqual(fromMs);
          expect(write?.atMs).toBeLessThanOrEqual(toMs);
        } else {
          expect(answer).toMatchObject({ kind: 'conflict', standing: { key: value.split(' ')[1] } });
          const standing = answer.kind === 'conflict' ? answer.standing : undefined;
          const landed = write === undefined ? 0 : write.revision;
          expect(standing?.revision, `${value} does not stand`).toBeGreaterThan(landed);
          expect(text(standing?.value ?? bytes(''))).not.toBe(value);
        }
      }
    };
    const fates = fc.array(fate, { maxLength: 60 });
    await fc.assert(fc.asyncProperty(fates, fc.integer({ min: 0, max: 5 }), run), { numRuns: 300 });
  });
});
