// What the other live members list of their secrets (secrets.ts), and whether this node knows all that they sign with.
//
// A node may come back with files of keys as they were before a rotation, and what the others have signed since would pass for
// forged: it reads no replies before it knows those keys, and calls none forged while it may lack one.
import type { Cluster } from '../cluster/cluster.ts';
import type { Secrets } from './secrets.ts';

export class KeysOfOthers {
  readonly #secrets: Secrets;
  readonly #hasKeyFiles: boolean;
  readonly #cluster: () => Pick<Cluster, 'life'>;

  constructor(secrets: Secrets, hasKeyFiles: boolean, cluster: () => Pick<Cluster, 'life'>) {
    this.#secrets = secrets;
    this.#hasKeyFiles = hasKeyFiles;
    this.#cluster = cluster;
  }

  /** What each of them lists. */
  listed(): (readonly string[])[] {
    const life = this.#cluster().life;
    const live = [...(life?.membership.peers().values() ?? [])].filter(
      ({ record }) => record.state !== 'left' && !life?.membership.isDead(record.incarnation),
    );
    return live.map(({ record }) => record.secrets);
  }

  /** Ids of the files that have to be brought up to date. */
  lacking(): readonly string[] {
    return this.#secrets.lacking(this.listed());
  }

  /** There may be keys that are not known here: while it is no member it knows nobody. */
  mayLack(): boolean {
    return this.#hasKeyFiles && (this.#cluster().life === undefined || this.lacking().length > 0);
  }
}
