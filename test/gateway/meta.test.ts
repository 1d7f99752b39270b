import { expect, test } from 'vitest';
import { ABSENT, type Revision } from '../../src/actors/ids.ts';
import { type KvEntry, type KvPort, type KvPutAnswer, KvUnavailable, type KvWatch } from '../../src/cluster/ports.ts';
import { Secret } from '../../src/gateway/config/config.ts';
import { ensureMeta, MetaMismatch, readMeta, secretsIn } from '../../src/gateway/meta.ts';
import { SystemRandom } from '../../src/gateway/system-clock.ts';

const RANDOM = new SystemRandom();
const OWN = new Secret('own', new Uint8Array(16).fill(7));
const none = { shards: 128, secrets: [] };

/** One key with compare-and-set; `before` runs ahead of each put and may answer in its place. */
class OneKey implements KvPort {
  entry: KvEntry | undefined;
  before: (write: () => KvPutAnswer) => KvPutAnswer | undefined = () => undefined;
  puts = 0;

  async put(key: string, value: Uint8Array, expected: Revision): Promise<KvPutAnswer> {
    this.puts++;
    const write = (): KvPutAnswer => {
      const standing = this.entry?.revision ?? ABSENT;
      if (standing !== expected) return { kind: 'refused', revision: standing };
      this.entry = { key, value, revision: (standing + 1) as Revision, writtenMs: 0 };
      return { kind: 'stored', revision: this.entry.revision };
    };
    return this.before(write) ?? write();
  }

  async get(): Promise<KvEntry | undefined> {
    return this.entry;
  }

  getRevision(): Promise<KvEntry | undefined> {
    return this.get();
  }

  async bucketId(): Promise<string> {
    return 'b';
  }

  async watch(): Promise<KvWatch> {
    return { narrow() {}, stop() {} };
  }
}

function keys(secrets: readonly Secret[]): string[] {
  return secrets.map(({ id, key }) => `${id}:${Buffer.from(key).toString('hex')}`);
}

test('the first start makes one secret, every later one finds it, and nothing is written twice', async () => {
  const kv = new OneKey();
  const first = await ensureMeta(kv, none, RANDOM);
  expect(first.secrets).toHaveLength(1);
  expect(first.secrets[0]?.id).toMatch(/^[a-z0-9]{1,8}$/);
  expect(first.secrets[0]?.key).toHaveLength(32);
  const second = await ensureMeta(kv, none, RANDOM);
  expect(keys(second.secrets)).toEqual(keys(first.secrets));
  expect(kv.puts).toBe(1);
});

test('two nodes that start at once end with the same secret, whatever is lost on the way', async () => {
  const kv = new OneKey();
  const inDoubt: KvPutAnswer = { kind: 'inDoubt', reason: 'silence' };
  let put = 0;
  kv.before = (write) => {
    put++;
    if (put === 1) return inDoubt;
    if (put === 2) {
      write();
      return inDoubt;
    }
    return undefined;
  };
  const [a, b] = await Promise.all([ensureMeta(kv, none, RANDOM), ensureMeta(kv, none, RANDOM)]);
  expect(keys(a.secrets)).toEqual(keys(b.secrets));
  expect(keys((await readMeta(kv))?.secrets ?? [])).toEqual(keys(a.secrets));
});

test('with secrets of the configuration none is made; without them later, one is', async () => {
  const kv = new OneKey();
  expect((await ensureMeta(kv, { shards: 128, secrets: [OWN] }, RANDOM)).secrets).toEqual([]);
  const later = await ensureMeta(kv, none, RANDOM);
  expect(later.secrets).toHaveLength(1);
  expect(keys((await readMeta(kv))?.secrets ?? [])).toEqual(keys(later.secrets));
});

test('a bucket made anew gets the secrets that the node still knows', async () => {
  const before = await ensureMeta(new OneKey(), none, RANDOM);
  const made = new OneKey();
  const after = await ensureMeta(made, none, RANDOM, before.secrets);
  expect(keys(after.secrets)).toEqual(keys(before.secrets));
  expect(keys((await readMeta(made))?.secrets ?? [])).toEqual(keys(before.secrets));
});

test('a bucket made anew by somebody who knew nothing gets the known secrets too, beside the new one', async () => {
  const before = await ensureMeta(new OneKey(), none, RANDOM);
  const made = new OneKey();
  const theirs = await ensureMeta(made, none, RANDOM);
  const ours = await ensureMeta(made, none, RANDOM, before.secrets);
  expect(keys(ours.secrets)).toEqual([...keys(theirs.secrets), ...keys(before.secrets)]);
  expect(keys(secretsIn(made.entry!.value))).toEqual(keys(ours.secrets));
  await ensureMeta(made, none, RANDOM, ours.secrets);
  expect(made.puts).toBe(2);
  // Secrets of the configuration sign from now on, and those in memory must still verify.
  const configured = new OneKey();
  await ensureMeta(configured, { shards: 128, secrets: [OWN] }, RANDOM);
  await ensureMeta(configured, { shards: 128, secrets: [OWN] }, RANDOM, before.secrets);
  expect(keys((await readMeta(configured))?.secrets ?? [])).toEqual(keys(before.secrets));
});

test('whoever may not write the record waits for somebody who may', async () => {
  const kv = new OneKey();
  kv.before = () => ({ kind: 'never', reason: 'permissions violation' });
  await expect(ensureMeta(kv, none, RANDOM)).rejects.toThrow(KvUnavailable);
  await expect(ensureMeta(kv, none, RANDOM)).rejects.toThrow(/_meta.*permissions violation.*holdfast init/);
});

test('another number of shards, another format and damage are refused with what to do', async () => {
  const kv = new OneKey();
  await ensureMeta(kv, none, RANDOM);
  await expect(ensureMeta(kv, { shards: 64, secrets: [] }, RANDOM)).rejects.toThrow(
    /shards is 64.*made with 128: set shards to 128/,
  );
  kv.entry = { key: '_meta', value: Buffer.from('{"format":2,"shards":128}'), revision: 9 as Revision, writtenMs: 0 };
  await expect(ensureMeta(kv, none, RANDOM)).rejects.toThrow(/format 2, this version reads 1/);
  kv.entry = { key: '_meta', value: Buffer.from('garbage'), revision: 10 as Revision, writtenMs: 0 };
  await expect(readMeta(kv)).rejects.toThrow(MetaMismatch);
});
