// Which secrets verify correlation ids, and which one signs. All of the configuration and of the bucket verify; the last
// of the configured ones that every live member can verify signs, so that a new secret is harmless until all nodes have it.
//
// Keys that stand in a file may change while the node lives, and no two nodes read them in the same instant. So members list,
// besides the ids, which keys of such a file they know, by a digest each. A key that is not in the file any more goes on
// verifying until the node ends: jobs may wait under it.
import { createHash } from 'node:crypto';
import { makeCorrelationId, verifyCorrelationId } from '../actors/correlation-id.ts';
import type { CorrelationId, JobKey } from '../actors/ids.ts';
import { Secret } from './config/keys.ts';
import type { VerifiedId } from './replies/record.ts';

/** Keys that one id had before, in memory. */
const MAX_FORMER = 8;
const DIGEST_CHARS = 12;

export class Secrets {
  readonly #cluster: string;
  /** Of each id what the node began with: what those know who list the id alone. */
  readonly #first: ReadonlyMap<string, Secret>;
  #configured: readonly Secret[];
  #kept: readonly Secret[] = [];

  constructor(cluster: string, configured: readonly Secret[]) {
    this.#cluster = cluster;
    this.#configured = configured;
    this.#first = new Map(configured.toReversed().map((secret) => [secret.id, secret]));
  }

  /** Those of the bucket's `_meta`. Once known they go on verifying, whatever becomes of the bucket. */
  learn(kept: readonly Secret[]): void {
    const known = new Set(this.#kept.map(({ id }) => id));
    this.#kept = [...this.#kept, ...kept.filter(({ id }) => !known.has(id))];
  }

  /** The keys that the file of a configured secret holds now, the newest last. */
  reread(id: string, keys: readonly Uint8Array[]): void {
    const own = this.#configured.filter((secret) => secret.id === id);
    const now = keys.map((key) => own.find((secret) => isSame(secret.key, key)) ?? new Secret(id, key, own[0]?.file));
    const former = own.filter((secret) => !now.includes(secret)).slice(-MAX_FORMER);
    const at = this.#configured.findIndex((secret) => secret.id === id);
    const others = (part: readonly Secret[]) => part.filter((secret) => secret.id !== id);
    this.#configured = [
      ...others(this.#configured.slice(0, at)),
      ...former,
      ...now,
      ...others(this.#configured.slice(at)),
    ];
  }

  /** To be written into a bucket that is made anew, before anything else. */
  get kept(): readonly Secret[] {
    return this.#kept;
  }

  /** What this member lists for the others. */
  get ids(): readonly string[] {
    const all = [...this.#configured, ...this.#kept];
    return [
      ...new Set(all.flatMap((secret) => (secret.file === undefined ? [secret.id] : [secret.id, named(secret)]))),
    ];
  }

  /** `others`: what each other live member lists. */
  sign(jobKey: JobKey, attempt: number, others: readonly (readonly string[])[]): CorrelationId {
    const knownToAll = (secret: Secret) => others.every((ids) => this.#isKnown(secret, ids));
    const candidates = [...this.#kept.toReversed(), ...this.#configured];
    const secret = candidates.findLast(knownToAll) ?? candidates.at(-1);
    if (secret === undefined) throw new Error('there is no secret to sign with: neither configured nor in the bucket');
    return makeCorrelationId(secret, this.#cluster, jobKey, attempt);
  }

  /**
   * Ids of configured files of which all other live members know a key, the newest of one of them, that is not known here: what
   * they have signed with it would pass for forged. `others`: what each other live member lists.
   */
  lacking(others: readonly (readonly string[])[]): readonly string[] {
    const own = this.ids;
    const files = new Set(this.#configured.flatMap(({ id, file }) => (file === undefined ? [] : [id])));
    return [...files].filter((id) =>
      others.some((ids) => {
        const newest = ids.findLast((listed) => listed.startsWith(`${id}.`));
        return newest !== undefined && !own.includes(newest) && others.every((known) => known.includes(newest));
      }),
    );
  }

  verify(correlationId: string | Uint8Array): VerifiedId {
    return verifyCorrelationId(correlationId, [...this.#configured, ...this.#kept], this.#cluster);
  }

  /** A member that lists no keys of this id has it from elsewhere, or is of an older version, and reads it at its start only. */
  #isKnown(secret: Secret, ids: readonly string[]): boolean {
    if (!ids.includes(secret.id)) return false;
    if (secret.file === undefined) return true;
    if (ids.includes(named(secret))) return true;
    const listsKeys = ids.some((id) => id.startsWith(`${secret.id}.`));
    return !listsKeys && this.#first.get(secret.id) === secret;
  }
}

const names = new WeakMap<Secret, string>();

/** Asked for each id that is signed. */
function named(secret: Secret): string {
  let name = names.get(secret);
  if (name === undefined) {
    name = `${secret.id}.${createHash('sha256').update(secret.key).digest('hex').slice(0, DIGEST_CHARS)}`;
    names.set(secret, name);
  }
  return name;
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}
