// What is stored in the bucket, seen from outside. A watch alone would not do: it shows the newest value of a key, and each
// time that its consumer goes with a server (which is what a run does to servers) all that is overwritten meanwhile is missed.
// So the bucket's stream republishes what it stores, and each NATS server is asked for it: whoever of them is left tells.

import { jetstreamManager } from '@nats-io/jetstream';
import { connect, type Msg, type NatsConnection } from '@nats-io/transport-node';
import type { Revision } from '../../src/actors/ids.ts';
import { decodeSnapshot } from '../../src/actors/snapshot-codec.ts';
import { parseClaim } from '../../src/cluster/claims.ts';
import { parseMember } from '../../src/cluster/member-record.ts';
import { parseKey } from '../../src/cluster/names.ts';
import { bucketName } from '../../src/cluster/nats/bucket.ts';
import { connectNats, type NatsLink } from '../../src/cluster/nats/connection.ts';
import { Inbox } from '../../src/cluster/nats/inbox.ts';
import { NatsKv } from '../../src/cluster/nats/kv.ts';
import type { KvEntry, KvWatch } from '../../src/cluster/ports.ts';
import { parseSent } from '../../src/cluster/sent-record.ts';
import { readMeta } from '../../src/gateway/meta.ts';
import { HistoryWriter } from './history.ts';
import { asReal } from './snapshot-patch.ts';

const TOLD_ON = 'chaos';

export class BucketRecorder implements AsyncDisposable {
  /** Versions of snapshots that each node says it reads. */
  readonly versions = new Map<string, readonly number[]>();
  /** How often the watch had to be made anew. */
  resets = 0;
  /** Revisions that only the watch told of. */
  untold = 0;
  readonly shards: number;
  readonly #writer: HistoryWriter;
  readonly #link: NatsLink;
  readonly #ears: readonly NatsConnection[];
  readonly #seen = new Set<number>();
  #watch: KvWatch | undefined;

  private constructor(dir: string, link: NatsLink, ears: readonly NatsConnection[], shards: number) {
    this.#writer = new HistoryWriter(dir, 'bucket');
    this.#link = link;
    this.#ears = ears;
    this.shards = shards;
  }

  /** The bucket must be there. */
  static async open(dir: string, natsUrl: string, cluster: string): Promise<BucketRecorder> {
    const link = await connectNats({ url: natsUrl, name: 'chaos' });
    const kv = new NatsKv(link, new Inbox(link), bucketName(cluster));
    const meta = await readMeta(kv);
    if (meta === undefined) throw new Error(`the bucket ${bucketName(cluster)} has no _meta record`);
    const one = { maxReconnectAttempts: -1, reconnectTimeWait: 50, ignoreClusterUpdates: true } as const;
    const ears = await Promise.all(natsUrl.split(',').map((url) => connect({ ...one, servers: [url] })));
    const recorder = new BucketRecorder(dir, link, ears, meta.shards);
    const subjects = `$KV.${bucketName(cluster)}.`;
    for (const ear of ears) {
      const callback = (_: unknown, message: Msg) => recorder.#told(message, `${TOLD_ON}.${subjects}`);
      ear.subscribe(`${TOLD_ON}.>`, { callback });
    }
    const [ear] = ears;
    if (ear === undefined) throw new Error('no NATS server');
    const { streams } = await jetstreamManager(ear);
    await streams.update(`KV_${bucketName(cluster)}`, {
      republish: { src: `${subjects}>`, dest: `${TOLD_ON}.${subjects}>` },
    });
    let catchingUp = true; // what stood before anybody listened could not be told
    recorder.#watch = await kv.watch(['>'], {
      onEntry: (entry) => {
        if (!catchingUp && !recorder.#seen.has(entry.revision)) recorder.untold += 1;
        recorder.#entry(entry);
      },
      onCaughtUp: () => {
        catchingUp = false;
      },
      onReset: () => {
        recorder.resets += 1;
      },
    });
    return recorder;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch?.stop();
    await Promise.all([this.#link.close(), ...this.#ears.map((ear) => ear.close())]);
    this.#writer[Symbol.dispose]();
  }

  #told({ subject, data, headers }: Msg, before: string): void {
    const revision = Number(headers?.get('Nats-Sequence')) as Revision;
    const writtenMs = Date.parse(headers?.get('Nats-Time-Stamp') ?? '');
    this.#entry({ key: subject.slice(before.length), value: data, revision, writtenMs });
  }

  #entry({ key, value, revision, writtenMs: storedMs }: KvEntry): void {
    if (this.#seen.has(revision)) return;
    this.#seen.add(revision);
    const name = parseKey(key);
    if (name.kind === 'claim') {
      const { node, incarnation } = parseClaim(value, revision);
      const { replacesEpoch: replaces } = JSON.parse(Buffer.from(value).toString()) as { replacesEpoch: number };
      const released = incarnation === '';
      this.#writer.write({
        ...{ kind: 'claimed', shard: name.shard, node, incarnation, released, revision, replaces, storedMs },
      });
    } else if (name.kind === 'member') {
      this.versions.set(name.node, parseMember(value)?.snapshotVersions ?? []);
    } else if (name.kind === 'job') {
      this.#job(name.jobKey, value, revision, storedMs);
    } else if (key.startsWith('_sent.')) {
      const { upTo, except } = parseSent({ key, value, revision, writtenMs: storedMs });
      this.#writer.write({ kind: 'sent', incarnation: key.slice('_sent.'.length), upTo, except, revision, storedMs });
    }
  }

  #job(jobKey: string, value: Uint8Array, revision: number, storedMs: number): void {
    const { kind, attempt, sentAttempt, incarnation, outcome } = decodeSnapshot(asReal(value));
    if (kind === 'held' && sentAttempt !== attempt) {
      this.#writer.write({ kind, jobKey, attempt, incarnation, revision, storedMs });
    } else if (kind === 'ended' && outcome !== undefined) {
      this.#writer.write({ kind, jobKey, attempt, outcome, revision, storedMs });
    }
  }
}
