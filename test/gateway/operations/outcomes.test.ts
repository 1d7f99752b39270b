// Looking back in the bucket: newest first, over holes and over what still waits, to the first entry and no further; and what is
// too much for one question is a page that is short.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type JobKey, type Revision, shardOf } from '../../../src/actors/ids.ts';
import { encodeSnapshot } from '../../../src/actors/snapshot-codec.ts';
import { jobKeyName } from '../../../src/cluster/names.ts';
import { type KvEntry, KvUnavailable, type TailPort } from '../../../src/cluster/ports.ts';
import type { OutcomeQuery, OutcomeView } from '../../../src/gateway/operations/model/jobs.ts';
import { OperationRefused } from '../../../src/gateway/operations/operations.ts';
import { readOutcomes } from '../../../src/gateway/operations/outcomes.ts';
import { HELD, TOMBSTONE } from '../../actors/snapshot-samples.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const ENDED = encodeSnapshot(TOMBSTONE);
const WAITING = encodeSnapshot(HELD);

class Log implements TailPort {
  readonly clock = new ManualClock();
  readonly entries = new Map<number, KvEntry>();
  last = 0;
  reads = 0;
  /** Told at each read. */
  onRead: () => void | Promise<void> = () => {};

  write(revision: number, jobKey: string, value: Uint8Array): void {
    const key = jobKeyName(shardOf(jobKey as JobKey, 8), jobKey as JobKey);
    this.put(revision, key, value);
  }

  put(revision: number, key: string, value: Uint8Array): void {
    this.entries.set(revision, { key, value, revision: revision as Revision, writtenMs: 0 });
    this.last = Math.max(this.last, revision);
  }

  bounds = async () => ({
    first: Math.min(...this.entries.keys(), this.last + 1) as Revision,
    last: this.last as Revision,
  });

  count = async (from: number) => [...this.entries.keys()].filter((revision) => revision >= from).length;

  read: TailPort['read'] = async (from, to, onEntry) => {
    this.reads += 1;
    await this.onRead();
    const within = [...this.entries.values()].filter(({ revision }) => revision >= from && revision < to);
    for (const entry of within.sort((a, b) => a.revision - b.revision)) onEntry(entry);
  };

  page(query: OutcomeQuery) {
    const correlationId = (jobKey: string, attempt: number) => `id-${jobKey}-${attempt}`;
    return readOutcomes({ clock: this.clock, tail: this, correlationId }, query);
  }

  async pages(query: OutcomeQuery): Promise<OutcomeView[]> {
    const all: OutcomeView[] = [];
    for (let after: string | undefined, pages = 0; pages < 1_000; pages++) {
      const { outcomes, next } = await this.page({ ...query, ...(after !== undefined && { after }) });
      all.push(...outcomes);
      if (next === null) return all;
      after = next;
    }
    throw new Error('it does not come to an end');
  }
}

test('every tombstone once, newest first, whatever lies between them', async () => {
  const entry = fc.record({
    gap: fc.oneof(fc.constant(0), fc.nat(3_000)),
    kind: fc.constantFrom('ended', 'waiting', 'other'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { maxLength: 60 }), fc.integer({ min: 1, max: 9 }), async (written, limit) => {
      const log = new Log();
      const expected: string[] = [];
      let revision = 0;
      for (const [i, { gap, kind }] of written.entries()) {
        revision += 1 + gap;
        if (kind === 'other') log.put(revision, '_member.n1', WAITING);
        else log.write(revision, String(1000 + i), kind === 'ended' ? ENDED : WAITING);
        if (kind === 'ended') expected.unshift(String(1000 + i));
      }
      expect((await log.pages({ limit })).map(({ jobKey }) => jobKey)).toEqual(expected);
    }),
    { numRuns: 100 },
  );
});

test('only those that fit: by lane, process, instance, outcome, and text, of the reason too', async () => {
  const log = new Log();
  const origin = { ...TOMBSTONE.origin, processId: 'returns', instanceKey: '77' };
  const timeline = [
    ...HELD.timeline,
    { atMs: 1, what: 'failing: Kaputt', node: 'n' },
    { atMs: 2, what: 'failed', node: 'n' },
  ];
  log.write(1, '1', ENDED);
  log.write(2, '2', encodeSnapshot({ ...TOMBSTONE, origin, outcome: 'failed', timeline, alias: 'order-9' }));
  const keys = async (query: OutcomeQuery) => (await log.pages(query)).map(({ jobKey }) => jobKey);
  expect(await keys({})).toEqual(['2', '1']);
  expect(await keys({ process: 'returns' })).toEqual(['2']);
  expect(await keys({ instance: '77' })).toEqual(['2']);
  expect(await keys({ outcome: 'completed' })).toEqual(['1']);
  expect(await keys({ text: 'KAPUTT' })).toEqual(['2']);
  expect(await keys({ text: 'Order-9' })).toEqual(['2']);
  expect(await keys({ lane: 'nobody' })).toEqual([]);
  const [failed, completed] = await log.pages({});
  expect(failed).toMatchObject({
    outcome: 'failed',
    lastStep: 'failing: Kaputt',
    correlationId: 'order-9',
    endedAtMs: TOMBSTONE.endedAtMs,
  });
  expect(completed).toMatchObject({
    outcome: 'completed',
    lastStep: 'held',
    correlationId: 'id-1-1',
    lane: TOMBSTONE.lane,
  });
});

test('a question does a bounded part of the work, and the next page goes on there', async () => {
  const log = new Log();
  log.write(1, '1', ENDED);
  for (let revision = 2; revision <= 60_000; revision++) log.write(revision, String(1_000_000 + revision), WAITING);
  const first = await log.page({});
  expect(first.outcomes).toEqual([]);
  expect(Number(first.next)).toBeGreaterThan(1);
  expect((await log.pages({})).map(({ jobKey }) => jobKey)).toEqual(['1']);
  // Also when the bucket is slow.
  const slow = new Log();
  for (const revision of [1, 500_000_000]) slow.write(revision, String(revision), ENDED);
  slow.onRead = () => slow.clock.advance(500);
  const page = await slow.page({});
  expect(page.outcomes.map(({ jobKey }) => jobKey)).toEqual(['500000000']);
  expect(page.next).not.toBeNull();
});

test('long stretches of nothing cost few reads', async () => {
  const log = new Log();
  log.write(1, '1', ENDED);
  log.write(2_000_000_000, '2', ENDED);
  expect(await log.pages({})).toHaveLength(2);
  expect(log.reads).toBeLessThan(40);
});

test('what waits in crowds is not read all at once', async () => {
  const log = new Log();
  log.write(1, '1', ENDED);
  for (let revision = 100_000; revision < 160_000; revision++) log.write(revision, String(revision), WAITING);
  log.write(300_000, '2', ENDED);
  let most = 0;
  const read = log.read;
  log.read = async (from, to, onEntry) => {
    let here = 0;
    await read(from, to, (entry) => {
      here += 1;
      onEntry(entry);
    });
    most = Math.max(most, here);
  };
  expect((await log.pages({})).map(({ jobKey }) => jobKey)).toEqual(['2', '1']);
  expect(most).toBeLessThanOrEqual(10_000);
});

test('an empty bucket, a cursor of somebody else, and a tombstone that cannot be read', async () => {
  expect(await new Log().page({})).toEqual({ outcomes: [], next: null });
  await expect(new Log().page({ after: '17-4' })).rejects.toThrow(OperationRefused);
  const log = new Log();
  log.write(1, '1', ENDED);
  log.write(2, '2', ENDED.slice(0, 20));
  expect(await log.pages({})).toHaveLength(1);
  log.read = () => Promise.reject(new KvUnavailable('away'));
  await expect(log.page({})).rejects.toThrow(KvUnavailable);
});
