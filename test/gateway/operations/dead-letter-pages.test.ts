// The list of dead letters: whatever the topic looks like, its pages together are all letters that match, each once.
import fc from 'fast-check';
import { Check } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import { DEFAULT_HEADER_NAMES as names } from '../../../src/gateway/header-names.ts';
import { cursorOf, offsetsIn } from '../../../src/gateway/operations/dead-letter-cursor.ts';
import { DEFAULT_PAGE_LIMITS, pageOf } from '../../../src/gateway/operations/dead-letter-pages.ts';
import { DeadLetterQuery, type DeadLetterSummary } from '../../../src/gateway/operations/model/dead-letters.ts';
import type { IncomingRecord } from '../../../src/gateway/ports.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { letter, MemoryLetters } from './memory-letters.ts';

async function allPages(
  log: MemoryLetters,
  query: DeadLetterQuery,
  limits = DEFAULT_PAGE_LIMITS,
): Promise<DeadLetterSummary[][]> {
  const clock = new ManualClock();
  const pages: DeadLetterSummary[][] = [];
  for (let after: string | undefined; pages.length < 5_000; ) {
    const page = await pageOf({ log, names, clock, limits }, { ...query, ...(after !== undefined && { after }) });
    pages.push(page.letters);
    if (page.next === null) return pages;
    after = page.next;
  }
  throw new Error('the pages do not end');
}

const place = ({ partition, offset }: DeadLetterSummary) => `${partition}/${offset}`;

/** Partitions whose offsets have gaps and whose stamps rise, as those of one clock do. */
const partitions = fc
  .array(
    fc.array(fc.record({ gap: fc.nat(20), ms: fc.nat(50), reason: fc.constantFrom('late', 'unknown') }), {
      maxLength: 40,
    }),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((all) =>
    all.map((steps) => {
      let [offset, atMs] = [0, 0];
      return steps.map(({ gap, ms, reason }): IncomingRecord => {
        offset += gap + 1;
        atMs += ms;
        return letter({ offset, atMs, reason });
      });
    }),
  );

describe('pages', () => {
  test('together are all letters that match, each once, newest first', async () => {
    const sizes = fc.record({ limit: fc.integer({ min: 1, max: 20 }), scanned: fc.integer({ min: 1, max: 30 }) });
    const filters = fc.constantFrom<DeadLetterQuery>({}, { reason: 'late' }, { sinceMs: 300, untilMs: 700 });
    await fc.assert(
      fc.asyncProperty(
        partitions,
        sizes,
        filters,
        fc.integer({ min: 1, max: 9 }),
        async (records, size, filter, slice) => {
          const log = new MemoryLetters(records, slice);
          const limits = { maxScanned: size.scanned, maxMs: 1_000, maxChunkBytes: size.scanned * 300 };
          const pages = await allPages(log, { ...filter, limit: size.limit }, limits);
          const shown = pages.flat();
          const { reason, sinceMs = 0, untilMs = Number.POSITIVE_INFINITY } = filter;
          const wanted = records.flatMap((own, partition) =>
            own
              .filter(({ timestampMs }) => timestampMs >= sinceMs && timestampMs <= untilMs)
              .map((record) => ({ partition, offset: record.offset, record }))
              .filter(
                ({ record }) => reason === undefined || record.headers.some(({ value }) => String(value) === reason),
              ),
          );
          expect(shown.map(place).sort()).toEqual(
            wanted.map(({ partition, offset }) => `${partition}/${offset}`).sort(),
          );
          expect(shown.map(({ atMs }) => atMs)).toEqual(shown.map(({ atMs }) => atMs).sort((a, b) => b - a));
          for (const page of pages) expect(page.length).toBeLessThanOrEqual(size.limit);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('within a partition the order is that of the offsets, however wrong the clocks were', async () => {
    const log = new MemoryLetters([[5, 900, 3, 40].map((atMs, offset) => letter({ offset, atMs }))]);
    expect((await allPages(log, {})).flat().map(({ offset }) => offset)).toEqual(['3', '2', '1', '0']);
  });

  test('what is written after the first page is not part of the list', async () => {
    const log = new MemoryLetters([[0, 1, 2, 3].map((offset) => letter({ offset, atMs: offset }))]);
    const source = { log, names, clock: new ManualClock() };
    const first = await pageOf(source, { limit: 2 });
    log.partitions[0]!.records.push(letter({ offset: 4, atMs: 4 }));
    log.partitions[0]!.to = 5n;
    log.partitions.push({ from: 0n, to: 1n, records: [letter({ offset: 0, atMs: 9 })] });
    const second = await pageOf(source, { limit: 2, after: first.next ?? '' });
    expect([...first.letters, ...second.letters].map(place)).toEqual(['0/3', '0/2', '0/1', '0/0']);
    expect(second.next).toBeNull();
  });

  test('retention that passes the cursor ends the list', async () => {
    const log = new MemoryLetters([[0, 1, 2, 3].map((offset) => letter({ offset, atMs: offset }))]);
    const source = { log, names, clock: new ManualClock() };
    const first = await pageOf(source, { limit: 1 });
    Object.assign(log.partitions[0]!, { from: 4n, records: [] });
    expect(await pageOf(source, { after: first.next ?? '' })).toEqual({ letters: [], next: null });
  });

  test('a gap of millions of offsets costs some dozens of reads', async () => {
    const log = new MemoryLetters([[letter({ offset: 0 }), letter({ offset: 3_000_000 })]]);
    expect((await allPages(log, {})).flat()).toHaveLength(2);
    expect(log.reads).toBeLessThan(100);
  });

  test('a slow Kafka gives short pages that go on, and says so when it gives nothing', async () => {
    const clock = new ManualClock();
    const log = new MemoryLetters(
      [Array.from({ length: 1_000 }, (_, offset) => letter({ offset, atMs: offset }))],
      200,
    );
    log.beforeRead = () => clock.advance(700);
    const source = { log, names, clock };
    const first = await pageOf(source, { reason: 'nothing has it' });
    expect(first.letters).toEqual([]);
    expect(offsetsIn(first.next ?? '')[0]).toBeLessThan(1_000n);
    const slower = new MemoryLetters(
      log.partitions.map(({ records }) => records),
      10,
    );
    slower.beforeRead = () => clock.advance(4_000);
    await expect(pageOf({ ...source, log: slower }, {})).rejects.toMatchObject({ code: 'OPERATION_UNAVAILABLE' });
  });
});

describe('the cursor', () => {
  test('is read as it was written', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt(0n, 2n ** 63n - 1n), { minLength: 1 }), (offsets) => {
        expect(offsetsIn(cursorOf(offsets))).toEqual(offsets);
      }),
    );
  });

  test('of a topic of many partitions, however long it is read already, is one that the API takes', () => {
    const cursor = cursorOf(Array.from({ length: 256 }, () => 2n ** 63n - 1n));
    expect(Check(DeadLetterQuery, { after: cursor })).toBe(true);
  });

  test.each(['', '1', '2.a', '1.', '1.A', '1.-1', '1.a..b', '../x', '1.zzzzzzzzzzzzzz', `1.${'a'.repeat(400)}`])(
    'of another form is refused: %j',
    async (after) => {
      const source = { log: new MemoryLetters([[]]), names, clock: new ManualClock() };
      await expect(pageOf(source, { after })).rejects.toMatchObject({ code: 'BAD_CURSOR' });
    },
  );
});
