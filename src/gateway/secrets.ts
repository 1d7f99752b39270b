// Which secrets verify correlation ids, and which one signs. All of the configuration and of the bucket verify; the last
// of the configured ones that every live member can verify signs, so that a new secret is harmless until all nodes have it.
import { makeCorrelationId, verifyCorrelationId } from '../actors/correlation-id.ts';
import type { CorrelationId, JobKey } from '../actors/ids.ts';
import type { Secret } from './config.ts';
import type { VerifiedId } from './reply-record.ts';

export class Secrets {
  readonly #cluster: string;
  readonly #configured: readonly Secret[];
  #kept: readonly Secret[] = [];

  constructor(cluster: string, configured: readonly Secret[]) {
    this.#cluster = cluster;
    this.#configured = configured;
  }

  /** Those of the bucket's `_meta`. Once known they go on verifying, whatever becomes of the bucket. */
  learn(kept: readonly Secret[]): void {
    const known = new Set(this.#kept.map(({ id }) => id));
    this.#kept = [...this.#kept, ...kept.filter(({ id }) => !known.has(id))];
  }

  /** To be written into a bucket that is made anew, before anything else. */
  get kept(): readonly Secret[] {
    return this.#kept;
  }

  get ids(): readonly string[] {
    return [...this.#configured, ...this.#kept].map(({ id }) => id);
  }

  /** `others`: the secret ids that each other live member lists. */
  sign(jobKey: JobKey, attempt: number, others: readonly (readonly string[])[]): CorrelationId {
    const knownToAll = (secret: Secret) => others.every((ids) => ids.includes(secret.id));
    const candidates = [...this.#kept.toReversed(), ...this.#configured];
    const secret = candidates.findLast(knownToAll) ?? candidates.at(-1);
    if (secret === undefined) throw new Error('there is no secret to sign with: neither configured nor in the bucket');
    return makeCorrelationId(secret, this.#cluster, jobKey, attempt);
  }

  verify(correlationId: string | Uint8Array): VerifiedId {
    return verifyCorrelationId(correlationId, [...this.#configured, ...this.#kept], this.#cluster);
  }
}
