// What may be committed, against the plain definition: never beyond a record that is not settled, and never less than possible.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReplyRun } from '../../../src/gateway/replies/run.ts';

/** Offsets with gaps, rising from `start`, where reading ends, and an order in which they settle. */
const history = fc
  .record({
    start: fc.bigInt(0n, 2n ** 60n),
    gaps: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 40 }),
    tail: fc.integer({ min: 0, max: 3 }),
  })
  .chain(({ start, gaps, tail }) => {
    let at = start - 1n;
    const offsets = gaps.map((gap) => (at += BigInt(gap)));
    const read = at + 1n + BigInt(tail);
    return fc.record({
      start: fc.constant(start),
      offsets: fc.constant(offsets),
      read: fc.constant(read),
      order: fc.shuffledSubarray(offsets, { minLength: 0 }),
    });
  });

describe('the run of settled replies', () => {
  it('ends at the first unsettled record, or where reading stands, whatever settles first', () => {
    fc.assert(
      fc.property(history, ({ start, offsets, read, order }) => {
        const run = new ReplyRun(start);
        for (const offset of offsets) run.take(offset, 1);
        run.readTo(read);
        const open = new Set(offsets);
        for (const offset of order) {
          run.settle(offset);
          open.delete(offset);
          const first = offsets.find((candidate) => open.has(candidate));
          expect(run.end).toBe(first ?? read);
          expect(run.unsettled).toBe(open.size);
          expect(run.unsettledBytes).toBe(open.size);
        }
      }),
    );
  });

  it('does not pass a record that was read while earlier ones were settling', () => {
    const run = new ReplyRun(5n);
    run.take(5n, 10);
    run.settle(5n);
    expect(run.end).toBe(6n);
    run.take(6n, 10);
    run.take(8n, 10);
    run.settle(8n);
    run.readTo(12n);
    expect(run.end).toBe(6n);
    run.settle(6n);
    expect(run.end).toBe(12n);
  });

  it('takes no record twice and does not count a settlement twice', () => {
    const run = new ReplyRun(0n);
    expect(run.take(0n, 7)).toBe(true);
    expect(run.take(0n, 7)).toBe(false);
    run.settle(0n);
    run.settle(0n);
    expect(run.take(0n, 7)).toBe(false);
    expect([run.unsettled, run.unsettledBytes, run.end]).toEqual([0, 0, 1n]);
  });

  it('has come as far as the last log end that the settled ones have reached, not the read ones', () => {
    const at = (wallMs: number) => ({ wallMs, monotonicMs: wallMs });
    const run = new ReplyRun(0n);
    expect(run.progress).toBeUndefined();
    run.mark(at(1_000), 0n);
    expect(run.progress).toEqual(at(1_000));
    run.mark(at(2_000), 2n);
    run.take(0n, 1);
    run.take(1n, 1);
    run.take(2n, 1);
    run.mark(at(3_000), 4n);
    run.settle(1n);
    expect(run.progress).toEqual(at(1_000));
    run.settle(0n);
    expect(run.progress).toEqual(at(2_000));
    run.settle(2n);
    expect(run.progress).toEqual(at(2_000));
    // Offset 3 is a control record: only the reading position tells that nothing is owed for it.
    run.readTo(4n);
    expect(run.progress).toEqual(at(3_000));
  });
});
