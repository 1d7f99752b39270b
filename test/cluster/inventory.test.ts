// The list of what is pending, against a plain look at the same jobs: every filter, page by page, packed or not, and while jobs
// come and go. And the oldest of each lane, which is asked for at every scrape.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JobKey, Lane, ShardId } from '../../src/actors/ids.ts';
import type { Snapshot } from '../../src/actors/snapshot.ts';
import { byPlace, Inventory, type JobFilter, type Listed, type Place } from '../../src/cluster/inventory.ts';
import type { PendingJob } from '../../src/cluster/pending-job.ts';
import { FAILING, HELD, REPLIED } from '../actors/snapshot-samples.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { JobShelf, SHELF_SHARDS } from './job-shelf.ts';

const FIRST_KEY = 2251799813685248n;
const SAMPLES = { held: HELD, replied: REPLIED, failing: FAILING, parked: { ...REPLIED, kind: 'parked' } } as const;

class Shelf extends JobShelf<ManualClock> {
  constructor() {
    super(new ManualClock());
  }

  async page(filter: JobFilter, limit: number, after?: Place) {
    const page = await this.inventory.page(filter, limit, after, 1e9);
    if (page === undefined) throw new Error('it took too long');
    return page;
  }

  async pages(filter: JobFilter, limit: number): Promise<Listed[]> {
    const all: Listed[] = [];
    for (;;) {
      const last = all.at(-1);
      const after = last && { heldAtMs: last.snapshot.heldAtMs, jobKey: last.jobKey };
      const { jobs, more } = await this.page(filter, limit, after);
      expect(jobs.length).toBeLessThanOrEqual(limit);
      all.push(...jobs);
      if (!more) return all;
      expect(jobs).toHaveLength(limit);
    }
  }
}

const contains = (text: string, part: string) => text.toLowerCase().includes(part.toLowerCase());

/** As the contract of the API says it. */
function fits({ jobKey, shard, snapshot }: Listed, filter: JobFilter): boolean {
  const { origin, alias, failing } = snapshot;
  const searched = [jobKey, origin.instanceKey, origin.elementInstanceKey, origin.processId, origin.elementId, alias];
  return (
    (filter.lane === undefined || snapshot.lane === filter.lane) &&
    (filter.state === undefined || snapshot.kind === filter.state) &&
    (filter.process === undefined || origin.processId === filter.process) &&
    (filter.instance === undefined || origin.instanceKey === filter.instance) &&
    (filter.shard === undefined || shard === filter.shard) &&
    (filter.heldBeforeMs === undefined || snapshot.heldAtMs <= filter.heldBeforeMs) &&
    (filter.text === undefined || [...searched, failing?.cause ?? ''].some((text) => contains(text, filter.text!)))
  );
}

const place = ({ jobKey, snapshot }: Listed): Place => ({ jobKey, heldAtMs: snapshot.heldAtMs });
const keysOf = (jobs: readonly Listed[]) => jobs.map(({ jobKey }) => jobKey);

/** Few values, so that filters match, and moments that many jobs share. Texts hide in payloads too. */
const word = fc.constantFrom('order', 'Order-größe', 'ÄPFEL', 'charge', 'PAY.1', '');
const job = fc.record({
  kind: fc.constantFrom('held', 'held', 'held', 'replied', 'failing', 'parked'),
  heldAtMs: fc.nat(20).map((ms) => 1_760_000_000_000 + ms),
  lane: fc.constantFrom('a', 'b', 'größe') as fc.Arbitrary<Lane>,
  process: word,
  element: word,
  alias: word,
  progress: word,
  instance: fc.nat(5).map((n) => String(FIRST_KEY + BigInt(n))),
  packed: fc.boolean(),
});
const optional = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined, freq: 2 });
const filter = fc.record({
  lane: optional(fc.constantFrom('a', 'größe', 'none')),
  state: optional(fc.constantFrom('held' as const, 'replied' as const, 'failing' as const, 'parked' as const)),
  process: optional(fc.constantFrom('order', 'Order-größe', 'none')),
  instance: optional(fc.nat(5).map((n) => String(FIRST_KEY + BigInt(n)))),
  text: optional(
    fc.constantFrom('ord', 'GRÖSSE', 'GRÖße', 'äpfel', 'pay.1', '25179', 'reply', 'x1', '{"note"', 'held'),
  ),
  heldBeforeMs: optional(fc.nat(20).map((ms) => 1_760_000_000_000 + ms)),
  shard: optional(fc.nat(SHELF_SHARDS - 1)),
});

test('all pages together are all jobs that fit, each once, longest held first', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(job, { maxLength: 60 }),
      filter,
      fc.integer({ min: 1, max: 25 }),
      async (jobs, wanted, limit) => {
        const shelf = new Shelf();
        for (const [i, { kind, process, element, instance, packed, ...rest }] of jobs.entries()) {
          const sample = SAMPLES[kind as keyof typeof SAMPLES] as Snapshot;
          const origin = { ...sample.origin, processId: process, elementId: element, instanceKey: instance };
          const sentAttempt = packed ? sample.attempt : 0;
          shelf.add(String(FIRST_KEY + BigInt(i)) as JobKey, { ...sample, ...rest, origin, sentAttempt }, packed);
        }
        const everything = await shelf.pages({}, 100);
        expect(everything).toHaveLength(jobs.length);
        const expected = everything.filter((one) => fits(one, wanted)).sort((a, b) => byPlace(place(a), place(b)));
        expect(keysOf(await shelf.pages(wanted, limit))).toEqual(keysOf(expected));
      },
    ),
    { numRuns: 200 },
  );
});

/** The order in which they are held is not that of the keys, nor that of memory. */
function large(count: number): Shelf {
  const shelf = new Shelf();
  for (let i = 0; i < count; i++) {
    const jobKey = String(FIRST_KEY + BigInt(i)) as JobKey;
    const heldAtMs = 1_760_000_000_000 + ((i * 7919) % count);
    const origin = { ...HELD.origin, instanceKey: jobKey, elementInstanceKey: `${jobKey}0` };
    const lane = `lane-${i % 7}` as Lane;
    shelf.add(jobKey, { ...HELD, sentAttempt: 1, request: undefined, heldAtMs, lane, origin }, i % 10 > 0);
  }
  return shelf;
}

test('of ten thousand jobs each is on one page', async () => {
  const shelf = large(10_000);
  const jobs = await shelf.pages({}, 1_000);
  const places = jobs.map(place);
  expect(new Set(keysOf(jobs)).size).toBe(10_000);
  expect(places.every((one, i) => i === 0 || byPlace(places[i - 1]!, one) < 0)).toBe(true);
  expect(await shelf.pages({ lane: 'lane-3' }, 1_000)).toHaveLength(
    [...shelf.all()].filter(({ lane }) => lane === 'lane-3').length,
  );
  // None of them was unpacked by being looked at.
  expect([...shelf.all()].filter(({ packed }) => packed)).toHaveLength(9_000);
});

test('a job is found by its correlation id, of whatever attempt', async () => {
  const shelf = large(500);
  const jobKey = String(FIRST_KEY + 17n);
  const id = `hf1-k1-${BigInt(jobKey).toString(36)}-3-abcdefghijklmnopqrstuvwx23`;
  expect(keysOf(await shelf.pages({ text: id }, 10))).toEqual([jobKey]);
  expect(keysOf(await shelf.pages({ text: `hf1-k1-${(FIRST_KEY + 9_999n).toString(36)}-1` }, 10))).toEqual([]);
});

test('jobs that stay are on some page, however many others come and go in between', async () => {
  const shelf = large(3_000);
  const stay = [...shelf.all()].filter((_, i) => i % 3 === 0);
  const go = [...shelf.all()].filter((_, i) => i % 3 !== 0);
  // The clock moves while it is looked at, so every look is cut into slices, between which something happens.
  let ms = 0;
  let coming = FIRST_KEY + 1_000_000n;
  const clock = {
    wallMs: () => shelf.clock.wallMs(),
    monotonicMs: () => (ms += 2),
    setTimer: (_: number, run: () => void) => {
      const one = go.pop();
      if (one !== undefined) shelf.remove(one);
      shelf.add(String(coming++) as JobKey, { ...HELD, sentAttempt: 1, heldAtMs: 1_760_000_000_500 }, true);
      if (go.length % 50 === 0) shelf.shards.delete(99 as ShardId);
      queueMicrotask(run);
      return { cancel: () => {} };
    },
  };
  const inventory = new Inventory(clock, shelf);
  const seen: Listed[] = [];
  for (let more = true; more; ) {
    const last = seen.at(-1);
    const page = await inventory.page({}, 100, last && place(last), 1e9);
    seen.push(...page!.jobs);
    more = page!.more;
  }
  const keys = new Set(keysOf(seen));
  expect(stay.filter(({ jobKey }) => !keys.has(jobKey))).toEqual([]);
  expect(keys.size).toBe(seen.length);
});

/** All pages of a list in which something happens at the end of the first look, before what it has found is listed. */
async function pagesWhen(shelf: Shelf, limit: number, happens: () => void): Promise<string[][]> {
  let looks = 0;
  const inventory = new Inventory(shelf.clock, {
    *all(only) {
      yield* shelf.all(only);
      if (looks++ === 0) happens();
    },
  });
  const pages: Listed[][] = [];
  for (let more = true; more; ) {
    const last = pages.at(-1)?.at(-1);
    // Whoever has a page without jobs does not know where the next one begins.
    if (pages.length > 0) expect(last).toBeDefined();
    const page = await inventory.page({}, limit, last && place(last), 1e9);
    pages.push([...page!.jobs]);
    more = page!.more;
  }
  return pages.map(keysOf);
}

const inOrder = (shelf: Shelf) => [...shelf.all()].sort(byPlace);

test('a page whose jobs have all ended until it is made is made of the next ones', async () => {
  const shelf = large(100);
  const [gone, stay] = [inOrder(shelf).slice(0, 11), inOrder(shelf).slice(11)];
  const pages = await pagesWhen(shelf, 10, () => {
    for (const job of gone) shelf.remove(job);
    for (const job of gone) job.forget();
  });
  expect(pages.flat()).toEqual(stay.map(({ jobKey }) => jobKey));
});

test.each([
  ['the last one of a page', 9],
  ['one in the middle', 4],
])(
  'a job that is held anew until its page is made, %s, is on a later one, and no other is passed over',
  async (_, at) => {
    const shelf = large(100);
    const [before, again] = [inOrder(shelf), inOrder(shelf)[at]!];
    const pages = await pagesWhen(shelf, 10, () => {
      again.state.snapshot = { ...again.state.snapshot!, attempt: 2, heldAtMs: 1_760_000_001_000 };
    });
    expect(pages.flat()).toEqual([...before.filter((job) => job !== again), again].map(({ jobKey }) => jobKey));
  },
);

test('on a page behind which there is none a job that is held anew stays, in its new place', async () => {
  const shelf = large(10);
  const [first, ...others] = inOrder(shelf);
  const [page, ...further] = await pagesWhen(shelf, 10, () => {
    first!.state.snapshot = { ...first!.state.snapshot!, attempt: 2, heldAtMs: 1_760_000_001_000 };
  });
  expect(page).toEqual([...others, first].map((job) => job!.jobKey));
  expect(further).toEqual([]);
});

test('a look that takes too long is given up', async () => {
  const shelf = large(3_000);
  let ms = 0;
  const clock = {
    wallMs: () => 0,
    monotonicMs: () => (ms += 2),
    setTimer: (_: number, run: () => void) => {
      queueMicrotask(run);
      return { cancel: () => {} };
    },
  };
  expect(await new Inventory(clock, shelf).page({}, 10, undefined, 20)).toBeUndefined();
});

function oldestOf(shelf: Shelf, lane: string): PendingJob | undefined {
  let oldest: PendingJob | undefined;
  for (const job of shelf.all()) {
    if (job.lane === lane && (oldest === undefined || byPlace(job, oldest) < 0)) oldest = job;
  }
  return oldest;
}

test.each([
  ['few', 300],
  ['many', 15_000],
])('the oldest of each lane is known although the oldest end one by one: of %s jobs', async (_, count) => {
  const shelf = large(count);
  await looked(shelf);
  for (let round = 0; round < 100; round++) {
    const oldest = oldestOf(shelf, 'lane-2');
    if (oldest === undefined) break;
    const found = (await looked(shelf)).find(({ lane }) => lane === 'lane-2');
    expect(found).toEqual({ lane: 'lane-2', heldAtMs: oldest.heldAtMs, jobKey: oldest.jobKey, shard: oldest.shard });
    shelf.remove(oldest);
  }
  expect((await looked(shelf)).map(({ lane }) => lane).toSorted()).toEqual(
    [...shelf.lanes.pending()]
      .filter(([, pending]) => pending > 0)
      .map(([lane]) => lane as string)
      .toSorted(),
  );
});

test('until all have been looked at again, nobody is shown as older than the oldest is', async () => {
  const shelf = large(15_000);
  await looked(shelf);
  const lane = 'lane-2' as Lane;
  for (let i = 0; i < 40; i++) shelf.remove(oldestOf(shelf, lane)!);
  const shown = shelf.oldest.now().find((one) => one.lane === lane)!;
  expect(shown.jobKey).toBeUndefined();
  expect(shown.heldAtMs).toBeLessThanOrEqual(oldestOf(shelf, lane)!.heldAtMs);
  await shelf.clock.advance(10_000);
  expect((await looked(shelf)).find((one) => one.lane === lane)?.jobKey).toBe(oldestOf(shelf, lane)!.jobKey);
});

test('what is not held yet, and what has ended, is not the oldest, though it counts in its lane', () => {
  const shelf = large(0);
  const lane = 'lane-1' as Lane;
  const at = (heldAtMs: number, more: object = {}) => ({ ...HELD, sentAttempt: 1, lane, heldAtMs, ...more });
  // Their holds are on the way: over nothing, and over the tombstone of an attempt that began long ago.
  const begins = shelf.add('1' as JobKey, at(5_000), false);
  begins.state.snapshot = undefined;
  const again = shelf.add('2' as JobKey, at(1_000), false);
  again.state.snapshot = at(1_000, { kind: 'ended', outcome: 'failed', endedAtMs: 2_000, request: undefined });
  expect([begins, again].map((job) => [job.lane, job.heldAtMs])).toEqual([
    [lane, 0],
    [lane, 1_000],
  ]);
  expect(shelf.oldest.now()).toEqual([]);
  shelf.add('3' as JobKey, at(7_000), false);
  shelf.add('4' as JobKey, at(9_000));
  expect(shelf.oldest.now()).toMatchObject([{ lane, jobKey: '3', heldAtMs: 7_000 }]);
});

test('older jobs that come with a shard are noticed, younger ones cost nothing', async () => {
  const shelf = large(15_000);
  await looked(shelf);
  const walks = { count: 0 };
  const all = shelf.all.bind(shelf);
  shelf.all = function* (only) {
    walks.count += 1;
    yield* all(only);
  };
  shelf.add('9' as JobKey, { ...HELD, sentAttempt: 1, lane: 'lane-2' as Lane, heldAtMs: 1_770_000_000_000 });
  await looked(shelf);
  expect(walks.count).toBe(0);
  shelf.add('8' as JobKey, { ...HELD, sentAttempt: 1, lane: 'lane-2' as Lane, heldAtMs: 1_000 });
  shelf.oldest.came();
  await shelf.clock.advance(10_000);
  expect((await looked(shelf)).find(({ lane }) => lane === 'lane-2')).toMatchObject({ jobKey: '8', heldAtMs: 1_000 });
});

async function looked(shelf: Shelf) {
  const fresh = shelf.oldest.fresh();
  await shelf.clock.advance(0);
  return fresh;
}
