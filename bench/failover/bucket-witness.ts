// What the bucket says of each job while something goes wrong: who held it first, how often it ended, and up to where each
// incarnation's requests count as sent. With that, a request that was executed twice can be told from one that should not
// have been (I8): only what the dead node's record does not cover is published again.
import type { Incarnation, JobKey, Revision } from '../../src/actors/ids.ts';
import { decodeSnapshot } from '../../src/actors/snapshot-codec.ts';
import { parseMember } from '../../src/cluster/member-record.ts';
import { parseKey } from '../../src/cluster/names.ts';
import { bucketName } from '../../src/cluster/nats/bucket.ts';
import { connectNats, type NatsLink } from '../../src/cluster/nats/connection.ts';
import { Inbox } from '../../src/cluster/nats/inbox.ts';
import { NatsKv } from '../../src/cluster/nats/kv.ts';
import type { KvEntry, KvWatch } from '../../src/cluster/ports.ts';
import { covers, parseSent, type SentRecord } from '../../src/cluster/sent-record.ts';
import { partsOf } from '../../test/support/service.ts';

export interface FirstHold {
  readonly incarnation: string;
  readonly attempt: number;
  readonly revision: Revision;
}

export class BucketWitness implements AsyncDisposable {
  readonly holds = new Map<JobKey, FirstHold>();
  /** How often an end was written. */
  readonly ends = new Map<JobKey, number>();
  readonly sent = new Map<string, SentRecord>();
  /** By the name of the node, the present one. */
  readonly incarnations = new Map<string, Incarnation>();
  readonly #link: NatsLink;
  #watch: KvWatch | undefined;

  private constructor(link: NatsLink) {
    this.#link = link;
  }

  /** The bucket is there. */
  static async open(natsUrl: string, cluster: string): Promise<BucketWitness> {
    const link = await connectNats({ url: natsUrl, name: 'witness' });
    const witness = new BucketWitness(link);
    const kv = new NatsKv(link, new Inbox(link), bucketName(cluster));
    const caughtUp = Promise.withResolvers<void>();
    witness.#watch = await kv.watch(['>'], {
      onEntry: (entry) => witness.#entry(entry),
      onCaughtUp: () => caughtUp.resolve(),
      onReset: () => undefined,
    });
    await caughtUp.promise;
    return witness;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch?.stop();
    await this.#link.close();
  }

  /** Jobs of which an end was written more than once. */
  endedTwice(): number {
    return [...this.ends.values()].filter((times) => times > 1).length;
  }

  #entry(entry: KvEntry): void {
    const { key, value, revision } = entry;
    const name = parseKey(key);
    if (name.kind === 'member') {
      const record = parseMember(value);
      if (record !== undefined) this.incarnations.set(record.node, record.incarnation);
    } else if (key.startsWith('_sent.')) {
      this.sent.set(key.slice('_sent.'.length), parseSent(entry));
    } else if (name.kind === 'job') {
      const { kind, incarnation, attempt } = decodeSnapshot(value);
      if (kind === 'ended') this.ends.set(name.jobKey, (this.ends.get(name.jobKey) ?? 0) + 1);
      else if (!this.holds.has(name.jobKey)) this.holds.set(name.jobKey, { incarnation, attempt, revision });
    }
  }
}

/** Of requests that came to the service twice, those that the record of the node that was lost does cover, or that were not its own. */
export function unexplained(
  againIds: readonly string[],
  holds: ReadonlyMap<JobKey, FirstHold>,
  { incarnation, sent }: { readonly incarnation: string | undefined; readonly sent: SentRecord | undefined },
): string[] {
  return againIds.filter((id) => {
    const { jobKey, attempt } = partsOf(id);
    const hold = holds.get(jobKey);
    if (hold === undefined || hold.incarnation !== incarnation || hold.attempt !== attempt) return true;
    return sent !== undefined && covers(sent, hold.revision, jobKey, attempt);
  });
}
