// Our HMAC is everybody's: the one that node has is its judge, and a case of RFC 4231 that of both.
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HmacSha256 } from '../../src/actors/hmac.ts';

const expected = (key: Uint8Array, text: string) => createHmac('sha256', key).update(text, 'utf8').digest('hex');

test('case 2 of RFC 4231', () => {
  const hmac = new HmacSha256(Buffer.from('Jefe'));
  const mac = '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843';
  expect(hmac.hex('what do ya want for nothing?')).toBe(mac);
});

test('keys shorter and longer than a block, texts longer than its room, one after another by the same object', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 100 }),
      fc.array(fc.string({ unit: 'binary', maxLength: 400 }), { minLength: 1, maxLength: 4 }),
      (key, texts) => {
        const hmac = new HmacSha256(key);
        for (const text of texts) expect(hmac.hex(text)).toBe(expected(key, text));
      },
    ),
  );
});

test('a key that is changed afterwards changes nothing', () => {
  const key = Buffer.alloc(32, 1);
  const hmac = new HmacSha256(key);
  key.fill(2);
  expect(hmac.hex('a')).toBe(expected(Buffer.alloc(32, 1), 'a'));
});
