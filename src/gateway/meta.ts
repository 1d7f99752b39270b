// `_meta`, the one record of the bucket that says what the bucket is: its format, its number of shards, and the secret
// that was made for it when the configuration brings none. Written once, by whoever is first; compared at every start.
//
// Secrets of the bucket go on verifying when the configuration brings its own later: pending jobs were signed with them.
// A bucket that was deleted under running nodes gets the same secrets again (`known`), before anything else is written,
// or replies to the jobs it held would count as forged. Was somebody first who did not know them (a fresh node, `init`),
// they are added to his; nodes that run learn of that from their watch.
import { ABSENT, type Revision } from '../actors/ids.ts';
import type { Random } from '../actors/ports.ts';
import { fromJson, META_KEY, toJson } from '../cluster/names.ts';
import { type KvPort, KvUnavailable } from '../cluster/ports.ts';
import { type Config, Secret } from './config/config.ts';

const FORMAT = 1;
const KEY_BYTES = 32;
const WRITES = 20;

export interface Meta {
  readonly shards: number;
  /** Made for or kept in the bucket; the first one signs when the configuration has none. */
  readonly secrets: readonly Secret[];
}

/** The bucket belongs to another format or number of shards: starting would misplace every job. */
export class MetaMismatch extends Error {
  readonly code = 'META_MISMATCH';
  readonly retryable = false;
}

/** @throws KvUnavailable; MetaMismatch when the record is not of a form that this version reads */
export async function readMeta(kv: KvPort): Promise<Meta | undefined> {
  return (await read(kv))?.meta;
}

/**
 * Makes the record, or compares the one that stands, and answers it.
 * @param known secrets in memory, to be kept when the bucket was made anew
 * @throws KvUnavailable (ask again); MetaMismatch
 */
export async function ensureMeta(
  kv: KvPort,
  config: Pick<Config, 'shards' | 'secrets'>,
  random: Random,
  known: readonly Secret[] = [],
): Promise<Meta> {
  const secrets = known.length > 0 || config.secrets.length > 0 ? known : [makeSecret(random)];
  const isMade = secrets !== known;
  let reason = '';
  for (let write = 0; write < WRITES; write++) {
    const standing = await read(kv);
    const wanted =
      standing === undefined ? { shards: config.shards, secrets } : completed(standing.meta, secrets, isMade);
    if (wanted.shards !== config.shards) throw otherShards(config.shards, wanted.shards);
    if (standing !== undefined && wanted === standing.meta) return wanted;
    const answer = await kv.put(META_KEY, encode(wanted), standing?.revision ?? ABSENT);
    if (answer.kind === 'stored') return wanted;
    if (answer.kind === 'never') throw new KvUnavailable(notAllowed(answer.reason));
    // Refused: another node was first. Otherwise reading tells, or the next write does. Either way, look again.
    reason = answer.kind === 'refused' ? 'other nodes write at the same time' : answer.reason;
  }
  throw new KvUnavailable(`${META_KEY} could not be written: ${reason}`);
}

/** With the secrets in memory that it lacks. One made just now is added only where nothing else would sign. */
function completed(standing: Meta, secrets: readonly Secret[], isMade: boolean): Meta {
  if (isMade && standing.secrets.length > 0) return standing;
  const there = new Set(standing.secrets.map(({ id }) => id));
  const lacking = secrets.filter(({ id }) => !there.has(id));
  return lacking.length === 0 ? standing : { ...standing, secrets: [...standing.secrets, ...lacking] };
}

function notAllowed(reason: string): string {
  return `${META_KEY} cannot be written (${reason}): let somebody who may run "holdfast init"`;
}

function makeSecret(random: Random): Secret {
  const id = Array.from(random.bytes(4), (byte) => (byte % 36).toString(36)).join('');
  return new Secret(id, random.bytes(KEY_BYTES));
}

function otherShards(wanted: number, found: number): MetaMismatch {
  return new MetaMismatch(
    `shards is ${wanted}, and the bucket was made with ${found}: set shards to ${found}; it is fixed for the life of a bucket`,
  );
}

function encode(meta: Meta): Uint8Array {
  const secrets = meta.secrets.map(({ id, key }) => ({ id, key: Buffer.from(key).toString('base64') }));
  return toJson({ format: FORMAT, shards: meta.shards, secrets });
}

async function read(kv: KvPort): Promise<{ readonly meta: Meta; readonly revision: Revision } | undefined> {
  const entry = await kv.get(META_KEY);
  if (entry === undefined) return undefined;
  return { meta: parse(entry.value), revision: entry.revision };
}

/** The secrets of a record that a watch delivered; none of one that this version does not read. */
export function secretsIn(value: Uint8Array): readonly Secret[] {
  try {
    return parse(value).secrets;
  } catch {
    return [];
  }
}

function parse(value: Uint8Array): Meta {
  const found = fromJson(value);
  if (!isRecord(found) || found.format !== FORMAT) {
    const format = isRecord(found) ? String(found.format) : 'none';
    throw new MetaMismatch(
      `the bucket has format ${format}, this version reads ${FORMAT}: use a version that reads it`,
    );
  }
  if (!Number.isInteger(found.shards) || !Array.isArray(found.secrets))
    throw new MetaMismatch(`${META_KEY} is damaged`);
  const secrets = found.secrets.map((secret: unknown) => {
    if (!isRecord(secret) || typeof secret.id !== 'string' || typeof secret.key !== 'string') {
      throw new MetaMismatch(`${META_KEY} is damaged: a secret without id or key`);
    }
    return new Secret(secret.id, new Uint8Array(Buffer.from(secret.key, 'base64')));
  });
  return { shards: Number(found.shards), secrets };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
