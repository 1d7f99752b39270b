// Which secret signs: never one that some live member could not verify, as long as there is another.
import { describe, expect, test } from 'vitest';
import type { JobKey } from '../../src/actors/ids.ts';
import { Secret } from '../../src/gateway/config/config.ts';
import { Secrets } from '../../src/gateway/secrets.ts';

const secret = (id: string) => new Secret(id, new Uint8Array(32).fill(id.charCodeAt(0)));
const JOB = '2251799813685249' as JobKey;
const signer = (secrets: Secrets, others: string[][]) => secrets.sign(JOB, 1, others).split('-')[1];

test('a new secret of the configuration signs once every other member lists it, and verifies before', () => {
  const before = new Secrets('c', [secret('a')]);
  const after = new Secrets('c', [secret('a'), secret('b')]);
  expect(signer(after, [['a'], ['a', 'b']])).toBe('a');
  expect(signer(after, [['a', 'b']])).toBe('b');
  expect(signer(after, [])).toBe('b');
  expect(after.verify(before.sign(JOB, 1, []))).toMatchObject({ kind: 'ok', jobKey: JOB, attempt: 1 });
  expect(before.verify(after.sign(JOB, 1, []))).toMatchObject({ kind: 'forged' });
});

test('secrets of the bucket sign until all members have the configured one, and verify for ever', () => {
  const secrets = new Secrets('c', [secret('a')]);
  secrets.learn([secret('k')]);
  const early = secrets.sign(JOB, 1, [['k']]);
  expect(early).toMatch(/^hf1-k-/);
  expect(signer(secrets, [['a', 'k']])).toBe('a');
  secrets.learn([secret('n')]);
  secrets.learn([]);
  expect(secrets.ids).toEqual(['a', 'k', 'n']);
  expect(secrets.verify(early)).toMatchObject({ kind: 'ok' });
});

describe('a key in a file that changes while nodes live', () => {
  const key = (letter: string) => new Uint8Array(32).fill(letter.charCodeAt(0));
  const fromFile = (...letters: string[]) =>
    new Secrets(
      'c',
      letters.map((letter) => new Secret('f', key(letter), '/keys/f')),
    );
  /** Which of the keys signed. */
  const signedBy = (secrets: Secrets, others: (readonly string[])[], letters = 'xyz') => {
    const id = secrets.sign(JOB, 1, others);
    return [...letters].find((letter) => fromFile(letter).verify(id).kind === 'ok');
  };

  test('signs once every member has read it, and whatever was signed before goes on verifying', () => {
    const [one, two] = [fromFile('x'), fromFile('x')];
    const before = one.sign(JOB, 1, [two.ids]);
    one.reread('f', [key('x'), key('y')]);
    expect(signedBy(one, [two.ids])).toBe('x');
    // The other one may sign with what it has: this one verifies both.
    expect(two.verify(one.sign(JOB, 1, [two.ids]))).toMatchObject({ kind: 'ok' });
    two.reread('f', [key('x'), key('y')]);
    expect(signedBy(one, [two.ids])).toBe('y');
    expect(two.verify(one.sign(JOB, 1, [two.ids]))).toMatchObject({ kind: 'ok', secretId: 'f' });
    expect([one.verify(before).kind, two.verify(before).kind]).toEqual(['ok', 'ok']);
  });

  test('the old one may be gone from the file at once, and may come back', () => {
    const [one, two] = [fromFile('x'), fromFile('x')];
    const before = one.sign(JOB, 1, []);
    one.reread('f', [key('y')]);
    expect(signedBy(one, [two.ids])).toBe('x');
    two.reread('f', [key('y')]);
    expect(signedBy(one, [two.ids])).toBe('y');
    expect(two.verify(before)).toMatchObject({ kind: 'ok' });
    expect(fromFile('y').verify(before)).toMatchObject({ kind: 'forged', reason: 'wrongMac' });
    one.reread('f', [key('x')]);
    two.reread('f', [key('x')]);
    expect(signedBy(one, [two.ids])).toBe('x');
  });

  test('a member that lists the id alone knows the first key of its start, and no other', () => {
    const secrets = fromFile('x', 'y');
    expect(signedBy(secrets, [['f']])).toBe('x');
    expect(signedBy(secrets, [['f', 'k']])).toBe('x');
    secrets.reread('f', [key('y'), key('z')]);
    expect(signedBy(secrets, [['f']])).toBe('x');
    expect(signedBy(secrets, [fromFile('y', 'z').ids])).toBe('z');
  });

  test('other secrets keep their place, and no member is told a key', () => {
    const secrets = new Secrets('c', [secret('a'), new Secret('f', key('x'), '/keys/f'), secret('b')]);
    secrets.reread('f', [key('x'), key('y')]);
    expect(signer(secrets, [])).toBe('b');
    expect(signer(secrets, [['a', 'f']])).toBe('f');
    expect(secrets.ids).toEqual(['a', 'f', expect.stringMatching(/^f\.[0-9a-f]{12}$/), expect.any(String), 'b']);
  });

  test('only so many are kept in mind', () => {
    const secrets = fromFile('A');
    const first = secrets.sign(JOB, 1, []);
    for (const letter of 'BCDEFGHIJ') secrets.reread('f', [key(letter)]);
    expect(secrets.ids).toHaveLength(1 + 9);
    expect(secrets.verify(first)).toMatchObject({ kind: 'forged' });
    expect(secrets.verify(fromFile('B').sign(JOB, 1, []))).toMatchObject({ kind: 'ok' });
  });

  test('a node whose file lacks the newest key of another knows that, and no former key is missed', () => {
    const stale = fromFile('x');
    const fresh = fromFile('x', 'y');
    expect(stale.lacking([fresh.ids])).toEqual(['f']);
    expect(fresh.lacking([stale.ids])).toEqual([]);
    expect(stale.lacking([['f'], ['a', 'b']]), 'of an older version, which lists no keys').toEqual([]);
    // Another that has let its oldest key go lists it as a former one, before those that it has.
    const moved = fromFile('w', 'x');
    moved.reread('f', [key('x')]);
    expect(stale.lacking([moved.ids])).toEqual([]);
    stale.reread('f', [key('x'), key('y')]);
    expect(stale.lacking([fresh.ids])).toEqual([]);
  });
});
