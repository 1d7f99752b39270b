// Looks at a running cluster from outside: the claims in the bucket through a watch of its own, the nodes through their
// logs, the service through its output. What is seen goes into `Ownership` and `ServiceLedger`.
import { parseClaim } from '../../src/cluster/claims.ts';
import { parseKey } from '../../src/cluster/names.ts';
import { bucketName } from '../../src/cluster/nats/bucket.ts';
import { connectNats, type NatsLink } from '../../src/cluster/nats/connection.ts';
import { Inbox } from '../../src/cluster/nats/inbox.ts';
import { NatsKv } from '../../src/cluster/nats/kv.ts';
import type { KvWatch } from '../../src/cluster/ports.ts';
import { readMeta } from '../../src/gateway/meta.ts';
import { LogFollower } from './log-follower.ts';
import { Ownership } from './ownership.ts';
import { ServiceLedger } from './service-ledger.ts';

export class Watch implements AsyncDisposable {
  readonly ownership = new Ownership();
  readonly ledger = new ServiceLedger();
  readonly #followers: LogFollower[] = [];
  #link: NatsLink | undefined;
  #claims: KvWatch | undefined;

  followNode(name: string, logFile: string): void {
    this.#followers.push(new LogFollower(logFile, (line) => this.ownership.logged(name, line)).start());
  }

  followService(logFile: string): void {
    this.#followers.push(new LogFollower(logFile, (line) => this.ledger.read(line)).start());
  }

  /** Follows the claims. The bucket must be there. Answers the number of shards. */
  async followClaims(natsUrl: string, cluster: string): Promise<number> {
    this.#link = await connectNats({ url: natsUrl, name: 'holdfast demo' });
    const kv = new NatsKv(this.#link, new Inbox(this.#link), bucketName(cluster));
    const meta = await readMeta(kv);
    if (meta === undefined) throw new Error(`the bucket ${bucketName(cluster)} has no _meta record`);
    this.#claims = await kv.watch(['*._owner'], {
      onEntry: ({ key, value, revision }) => {
        const name = parseKey(key);
        if (name.kind === 'claim') this.ownership.claimed(name.shard, parseClaim(value, revision).node);
      },
      onCaughtUp: () => undefined,
      onReset: () => undefined,
    });
    return meta.shards;
  }

  /** Reads what the processes have written up to now. */
  async catchUp(): Promise<void> {
    await Promise.all(this.#followers.map((follower) => follower.catchUp()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#followers.map((follower) => follower.stop()));
    this.#claims?.stop();
    await this.#link?.close();
  }
}
