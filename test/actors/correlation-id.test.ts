// The format as services and other implementations rely on it, and that nothing but what we signed is ever taken.
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { makeCorrelationId, type Secret, verifyCorrelationId } from '../../src/actors/correlation-id.ts';
import type { JobKey } from '../../src/actors/ids.ts';

const secret: Secret = { id: 's1', key: Buffer.from('0123456789abcdef0123456789abcdef') };
const older: Secret = { id: 'old', key: Buffer.alloc(32, 7) };
const secrets = [older, secret];

const anyJobKey = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }).map((key) => key.toString() as JobKey);
const anyAttempt = fc.integer({ min: 1, max: 999_999 });

/** Base32 the slow way, bit by bit, so that the product's own is not its own judge. */
function base32(bytes: Uint8Array): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const groups = bits.match(/.{1,5}/g) ?? [];
  return groups.map((group) => 'abcdefghijklmnopqrstuvwxyz234567'[Number.parseInt(group.padEnd(5, '0'), 2)]).join('');
}

test('the format: secret id, base36 key, attempt and 128 bits of the MAC over cluster, key and attempt', () => {
  const id = makeCorrelationId(secret, 'orders', '2251799813685251' as JobKey, 2);
  const mac = createHmac('sha256', secret.key).update('orders\n2251799813685251\n2').digest().subarray(0, 16);
  expect(id).toBe(`hf1-s1-${(2251799813685251).toString(36)}-2-${base32(mac)}`);
  // Pinned: ids that are on their way when a node is upgraded must still be taken.
  expect(id).toBe('hf1-s1-m672jxbimb-2-aa44auym7plx22lvtp5nv63uji');
});

test('what is made is verified, as text and as bytes, and fits in 64 bytes', () => {
  const anySecret = fc.record({
    id: fc.stringMatching(/^[a-z0-9]{1,8}$/),
    key: fc.uint8Array({ minLength: 16, maxLength: 80 }),
  });
  fc.assert(
    fc.property(anySecret, anyJobKey, anyAttempt, (signer, jobKey, attempt) => {
      const id = makeCorrelationId(signer, 'orders', jobKey, attempt);
      const ok = { kind: 'ok', jobKey, attempt, secretId: signer.id };
      expect(Buffer.byteLength(id)).toBeLessThanOrEqual(64);
      expect(verifyCorrelationId(id, [signer], 'orders')).toEqual(ok);
      // A view into a larger buffer, as Kafka clients hand them out.
      expect(verifyCorrelationId(Buffer.from(`xx${id}yy`).subarray(2, -2), [signer], 'orders')).toEqual(ok);
    }),
  );
});

test('one character changed, added or removed is never taken', () => {
  const change = fc.record({
    at: fc.nat(63),
    by: fc.oneof(
      fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789-'),
      fc.string({ minLength: 0, maxLength: 1 }),
    ),
    insert: fc.boolean(),
  });
  fc.assert(
    fc.property(anyJobKey, anyAttempt, change, (jobKey, attempt, { at, by, insert }) => {
      const id = makeCorrelationId(secret, 'orders', jobKey, attempt);
      const changed = id.slice(0, at) + by + id.slice(insert ? at : at + 1);
      fc.pre(changed !== id);
      expect(verifyCorrelationId(changed, secrets, 'orders').kind).not.toBe('ok');
      expect(verifyCorrelationId(Buffer.from(changed), secrets, 'orders').kind).not.toBe('ok');
    }),
    { numRuns: 1000 },
  );
});

test('every other last character is forged, also those that decode to the same 128 bits', () => {
  const id = makeCorrelationId(secret, 'orders', '17' as JobKey, 1);
  const others = [...'abcdefghijklmnopqrstuvwxyz234567'].filter((last) => last !== id.at(-1));
  expect(others).toHaveLength(31);
  for (const last of others) {
    const verdict = verifyCorrelationId(id.slice(0, -1) + last, secrets, 'orders');
    expect(verdict).toEqual({ kind: 'forged', reason: 'wrongMac' });
  }
});

test('another cluster, another secret of the same id, and a secret nobody knows are forged', () => {
  const id = makeCorrelationId(secret, 'orders', '17' as JobKey, 1);
  expect(verifyCorrelationId(id, secrets, 'returns')).toEqual({ kind: 'forged', reason: 'wrongMac' });
  expect(verifyCorrelationId(id, [{ ...older, id: 's1' }], 'orders')).toEqual({ kind: 'forged', reason: 'wrongMac' });
  expect(verifyCorrelationId(id, [older], 'orders')).toEqual({ kind: 'forged', reason: 'unknownSecret' });
});

test('a part has one spelling; what is not of our form is unknown, and garbage never throws', () => {
  const id = makeCorrelationId(secret, 'orders', '17' as JobKey, 1);
  const respelled = [
    id.replace('-h-', '-0h-'),
    id.replace('-h-', '-H-'),
    id.replace('-1-', '-01-'),
    id.replace('-1-', '-0-'),
    id.replace('-1-', '-1000000-'),
    // 2^63, one above the largest key, and the largest that 13 digits write
    id.replace('-h-', '-1y2p0ij32e8e8-'),
    id.replace('-h-', '-zzzzzzzzzzzzz-'),
    id.toUpperCase(),
    `${id}\n`,
    ` ${id}`,
    `${id}====`,
    id.padEnd(65, 'a'),
    '',
    'order-4711',
  ];
  expect(id).toContain('-h-1-');
  for (const text of respelled) expect(verifyCorrelationId(text, secrets, 'orders'), text).toEqual({ kind: 'unknown' });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 80 }), fc.string({ maxLength: 80 })), (garbage) => {
      expect(verifyCorrelationId(garbage, secrets, 'orders').kind).toBe('unknown');
    }),
  );
});

test('nothing out of its range is signed', () => {
  const make = (jobKey: string, attempt: number, signer = secret) =>
    makeCorrelationId(signer, 'orders', jobKey as JobKey, attempt);
  for (const jobKey of ['', '0', '-1', '017', '1.5', '0x10', ' 1', '9223372036854775808']) {
    expect(() => make(jobKey, 1), jobKey).toThrow(RangeError);
  }
  for (const attempt of [0, -1, 1.5, 1_000_000, Number.NaN]) expect(() => make('17', attempt)).toThrow(RangeError);
  for (const id of ['', 'S1', 'a-b', 'ninechars']) expect(() => make('17', 1, { ...secret, id })).toThrow(RangeError);
  expect(verifyCorrelationId(make('9223372036854775807', 999_999), secrets, 'orders')).toMatchObject({ kind: 'ok' });
});
