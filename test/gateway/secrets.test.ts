// Which secret signs: never one that some live member could not verify, as long as there is another.
import { expect, test } from 'vitest';
import type { JobKey } from '../../src/actors/ids.ts';
import { Secret } from '../../src/gateway/config.ts';
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
