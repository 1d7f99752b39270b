// The bucket of a cluster as any NATS tool sees it: who claims which shard, and what stands for the jobs.
import { Kvm } from '@nats-io/kv';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { Snapshot } from '../../src/actors/snapshot.ts';
import { decodeSnapshot } from '../../src/actors/snapshot-codec.ts';
import { parseKey } from '../../src/cluster/names.ts';
import { bucketName } from '../../src/cluster/nats/bucket.ts';

export interface ClaimView {
  readonly node: string;
  readonly incarnation: string;
  readonly revision: number;
}

export class BucketView {
  readonly connection: NatsConnection;
  readonly #bucket: string;

  private constructor(connection: NatsConnection, bucket: string) {
    this.connection = connection;
    this.#bucket = bucket;
  }

  static async open(natsUrl: string, cluster: string): Promise<BucketView> {
    const connection = await connect({ servers: natsUrl.split(','), maxReconnectAttempts: -1, reconnectTimeWait: 200 });
    return new BucketView(connection, bucketName(cluster));
  }

  get stream(): string {
    return `KV_${this.#bucket}`;
  }

  /** Per shard. */
  async claims(): Promise<ReadonlyMap<number, ClaimView>> {
    const claims = new Map<number, ClaimView>();
    for (const { key, value, revision } of await this.#entries('*._owner')) {
      const name = parseKey(key);
      const claim = JSON.parse(Buffer.from(value).toString()) as { node: string; incarnation: string };
      if (name.kind === 'claim') claims.set(name.shard, { ...claim, revision });
    }
    return claims;
  }

  /** Names of the nodes that own shards, sorted. */
  async owners(): Promise<string[]> {
    const claims = await this.claims();
    return [...new Set([...claims.values()].map(({ node }) => node))].filter((node) => node !== '').sort();
  }

  async jobs(): Promise<Snapshot[]> {
    const entries = await this.#entries('*.*');
    return entries.filter(({ key }) => parseKey(key).kind === 'job').map(({ value }) => decodeSnapshot(value));
  }

  close(): Promise<void> {
    return this.connection.close();
  }

  async #entries(filter: string): Promise<{ key: string; value: Uint8Array; revision: number }[]> {
    const kv = await new Kvm(this.connection).open(this.#bucket);
    const entries: { key: string; value: Uint8Array; revision: number }[] = [];
    for await (const entry of await kv.history({ key: filter })) {
      if (entry.operation === 'PUT') entries.push(entry);
    }
    return entries;
  }
}
