// Business keys: which job a reply is for when the service was shown a key of the business instead of our correlation id.
//
// One record per key names the job. It is written before the job's hold, so no request leaves under a key that leads
// nowhere; it stays valid for its job, and is taken for others until that job's tombstone is gone. A record whose job has
// left nothing in the bucket belongs to nobody (a node died before it wrote the hold, or all has expired) and may be
// taken over, once it is so old that no hold can still be on its way.
//
// No two records are alike, not even two for the same job: a write in doubt is known by its bytes (store.ts), and one of
// another node, or an older one, would pass for it.
import { ABSENT, type Incarnation, type JobKey, type Revision, shardOf } from '../actors/ids.ts';
import type { AliasAnswer } from '../actors/pending-job/effects.ts';
import type { Clock } from '../actors/ports.ts';
import { aliasKey, fromJson, jobKeyName, toJson } from './names.ts';
import type { KvEntry } from './ports.ts';
import type { Store } from './store.ts';

/** A hold follows its alias at once, and no later than the lease of whoever writes it; this is several of those. */
const ON_ITS_WAY_MS = 120_000;

export interface AliasesOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly incarnation: Incarnation;
  readonly shards: number;
}

interface Alias {
  readonly businessKey: string;
  readonly jobKey: JobKey;
  /** Of this record alone. */
  readonly claim: string;
}

export class Aliases {
  readonly #options: AliasesOptions;
  /** Of each key the last claim under way: one write to a key at a time. */
  readonly #claims = new Map<string, Promise<unknown>>();
  #made = 0;

  constructor(options: AliasesOptions) {
    this.#options = options;
  }

  /** @throws StoreClosed */
  claim(businessKey: string, jobKey: JobKey, ttlMs: number): Promise<AliasAnswer> {
    const before = this.#claims.get(businessKey) ?? Promise.resolve();
    const mine = before
      .catch(() => undefined)
      .then(() => this.#claim({ businessKey, jobKey, claim: `${this.#options.incarnation}/${++this.#made}` }, ttlMs))
      .finally(() => {
        if (this.#claims.get(businessKey) === mine) this.#claims.delete(businessKey);
      });
    this.#claims.set(businessKey, mine);
    return mine;
  }

  /** The job that the key leads to; undefined when it leads to none, or did a moment ago. @throws StoreClosed */
  async jobOf(businessKey: string): Promise<JobKey | undefined> {
    const alias = parse(await this.#options.store.get(aliasKey(businessKey)));
    return alias?.businessKey === businessKey ? alias.jobKey : undefined;
  }

  async #claim(alias: Alias, ttlMs: number): Promise<AliasAnswer> {
    const { store } = this.#options;
    const name = aliasKey(alias.businessKey);
    let standing = await store.get(name);
    for (;;) {
      if (standing !== undefined && !(await this.#isFree(standing, alias.jobKey))) return 'taken';
      const expected: Revision = standing?.revision ?? ABSENT;
      const answer = await store.put(name, toJson(alias), expected, { ttlMs });
      if (answer.kind === 'stored') return 'ours';
      if (answer.kind === 'never') throw new Error(`the business key cannot be recorded: ${answer.reason}`);
      standing = answer.standing;
    }
  }

  async #isFree(standing: KvEntry, jobKey: JobKey): Promise<boolean> {
    const { store, clock, shards } = this.#options;
    const alias = parse(standing);
    if (alias === undefined || alias.jobKey === jobKey) return true;
    if (clock.wallMs() - standing.writtenMs < ON_ITS_WAY_MS) return false;
    return (await store.get(jobKeyName(shardOf(alias.jobKey, shards), alias.jobKey))) === undefined;
  }
}

function parse(entry: KvEntry | undefined): Alias | undefined {
  const value = entry && (fromJson(entry.value) as Partial<Alias> | undefined);
  return typeof value?.businessKey === 'string' && typeof value.jobKey === 'string' ? (value as Alias) : undefined;
}
