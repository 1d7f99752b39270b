// What people see of a dead letter, and what the filter sees of it.
import { describe, expect, test } from 'vitest';
import { makeCorrelationId } from '../../../src/actors/correlation-id.ts';
import type { JobKey } from '../../../src/actors/ids.ts';
import { DEFAULT_HEADER_NAMES as names } from '../../../src/gateway/header-names.ts';
import { headerText, letterOf, viewOf } from '../../../src/gateway/operations/dead-letter-decoding.ts';
import { describeFilter, matches, rangesOf } from '../../../src/gateway/operations/dead-letter-filter.ts';
import { int32, int64, letter, MemoryLetters, REPLIES } from './memory-letters.ts';

const SECRET = { id: 'k1', key: Buffer.alloc(32, 7) };

describe('a letter in the list', () => {
  test('is what its headers say', () => {
    const correlationId = makeCorrelationId(SECRET, 'test', '2251799813685259' as JobKey, 2);
    const record = letter({
      offset: 12,
      atMs: 5,
      reason: 'late',
      message: 'too late',
      correlationId,
      value: '{"a":1}',
    });
    expect(letterOf(1, record, names).summary).toEqual({
      partition: 1,
      offset: '12',
      atMs: 5,
      reason: 'late',
      message: 'too late',
      correlationId,
      jobKey: '2251799813685259',
      bytes: 7,
      original: { topic: REPLIES, partition: 3, offset: '4294967296', atMs: 1_767_225_600_000 },
      truncated: null,
      redriven: false,
    });
  });

  test('that is truncated or came back says so', () => {
    const headers = { 'holdfast-truncated': 'the first 1000 of 9 bytes', 'holdfast-redriven': 'abc' };
    const { summary } = letterOf(0, letter({ headers }), names);
    expect(summary).toMatchObject({ truncated: 'the first 1000 of 9 bytes', redriven: true });
  });

  test('under a business key names no job; nor does an id that only looks like one of ours', () => {
    const idOf = (correlationId: string) => letterOf(0, letter({ correlationId }), names).summary;
    expect(idOf('order-1')).toMatchObject({ correlationId: 'order-1', jobKey: null });
    expect(idOf('hf1-k1-zzzzzzzzzzzzz-1-aaaaaaaaaaaaaaaaaaaaaaaaaa')).toMatchObject({ jobKey: null });
  });

  test('has the id that stands in its body, where it has no header', () => {
    const idOf = (value: string) => letterOf(0, letter({ value }), names).summary.correlationId;
    expect(idOf('{"correlationId":"order-7"}')).toBe('order-7');
    expect(idOf(`{"correlationId":"order-7","x":"${'x'.repeat(70_000)}"}`)).toBeNull();
  });

  test('that the bridge did not write has nothing of its own, and does no harm', () => {
    const foreign = { offset: '3', key: null, value: null, headers: [], timestampMs: 9 };
    expect(letterOf(0, foreign, names)).toEqual({
      key: null,
      summary: {
        partition: 0,
        offset: '3',
        atMs: 9,
        reason: '',
        message: '',
        correlationId: null,
        jobKey: null,
        bytes: 0,
        original: { topic: '', partition: -1, offset: '-1', atMs: null },
        truncated: null,
        redriven: false,
      },
    });
    const odd = { name: 'kafka_dlt-original-offset', value: Buffer.from('12') };
    expect(letterOf(0, { ...foreign, headers: [odd] }, names).summary.original.offset).toBe('-1');
  });

  test.each([-1n, -(2n ** 63n), 2n ** 63n - 1n, BigInt(Date.UTC(10_000, 0, 2))])(
    'has no time that is none: %s',
    (at) => {
      const headers = [{ name: 'kafka_dlt-original-timestamp', value: int64(at) }];
      const record = { offset: '3', key: null, value: null, headers, timestampMs: 9 };
      expect(letterOf(0, record, names).summary.original.atMs).toBeNull();
    },
  );
});

describe('headers as text', () => {
  test.each([
    [Buffer.from('grüß dich\n'), 'grüß dich\n'],
    [Buffer.alloc(0), ''],
    [int32(12), '12'],
    [int32(-1), '-1'],
    [int64(1_767_225_600_000n), '1767225600000'],
    [Buffer.from([0xff, 0xfe, 0x00]), '0xfffe00'],
    [Buffer.from([0xc3, 0x28, 0x41, 0x42, 0x43]), '0xc328414243'],
  ])('%o is %j', (bytes, text) => expect(headerText(bytes)).toBe(text));
});

describe('one letter', () => {
  const record = letter({ value: '{"iban":"DE1"}', headers: { 'x-customer': 'Anna', 'error-message': 'no' } });

  test('shows all to who may see payloads', () => {
    const view = viewOf(0, record, names, true);
    expect(view.value).toBe('{"iban":"DE1"}');
    expect(view.headers).toContainEqual({ name: 'x-customer', value: 'Anna' });
    expect(view.headers).toContainEqual({ name: 'kafka_dlt-original-offset', value: '4294967296' });
  });

  test('shows others what is technical', () => {
    const view = viewOf(0, record, names, false);
    expect(JSON.stringify(view)).not.toMatch(/iban|Anna/);
    expect(view.headers).toContainEqual({ name: 'error-message', value: 'no' });
    expect(view).toMatchObject({ value: null, bytes: 14, key: 'k' });
  });

  test('has no text where the value is none', () => {
    expect(viewOf(0, { ...record, value: Buffer.from([0xff]) }, names, true).value).toBeNull();
    expect(viewOf(0, { ...record, value: null }, names, true).value).toBeNull();
  });
});

describe('the filter', () => {
  const one = (sample: Parameters<typeof letter>[0]) => letterOf(0, letter(sample), names);

  test.each([
    [{}, true],
    [{ reason: 'late' }, true],
    [{ reason: 'lat' }, false],
    [{ sinceMs: 50, untilMs: 50 }, true],
    [{ sinceMs: 51 }, false],
    [{ untilMs: 49 }, false],
    [{ text: 'ORDER-9' }, true],
    [{ text: 'no such' }, true],
    [{ text: 'cust-' }, true],
    [{ text: 'late' }, true],
    [{ text: 'secret' }, false],
    [{ reason: 'late', text: 'secret' }, false],
  ])('%j: %s', (filter, wanted) => {
    const sample = {
      atMs: 50,
      reason: 'late',
      message: 'there is No Such job',
      correlationId: 'order-9',
      key: 'cust-1',
      value: '{"a":"secret"}',
      headers: { 'x-header': 'secret' },
    };
    expect(matches(filter, one(sample))).toBe(wanted);
  });

  test('reads only where letters of that time can lie, and a day beyond', async () => {
    const hour = 3_600_000;
    const records = [0, 10, 20, 30, 40].map((at, offset) => letter({ offset, atMs: at * hour }));
    const log = new MemoryLetters([records, []]);
    const of = async (filter: object) => (await rangesOf(log, filter)).map(({ from, to }) => `${from}-${to}`);
    expect(await of({})).toEqual(['0-5', '0-0']);
    expect(await of({ sinceMs: 15 * hour })).toEqual(['2-5', '0-0']);
    expect(await of({ untilMs: 5 * hour })).toEqual(['0-3', '0-0']);
    expect(await of({ untilMs: 7 * hour })).toEqual(['0-4', '0-0']);
    expect(await of({ sinceMs: 99 * hour })).toEqual(['5-5', '0-0']);
  });

  test('in words', () => {
    expect(describeFilter({})).toBe('all dead letters');
    const positions = [{ partition: 1, offset: '7' }];
    expect(describeFilter({ reason: 'late', sinceMs: 0, untilMs: 1e99, text: 'a "b"', positions })).toBe(
      'dead letters: reason late, since 1970-01-01T00:00:00.000Z, until 1e+99, text "a \\"b\\"", at 1/7',
    );
  });
});
