// Writes seeds into a bucket as fast as its server takes them, together with the record of what their incarnation had sent
// (all of it), as a node leaves both behind that was killed. No compare-and-set: the bucket is empty, and nobody else writes.
// Only one in some hundred writes asks for an acknowledgement, which says that all before it, on the same connection, have been
// taken too; at the end the server's count of records must be that of the seeds.
import { type MsgHdrs, MsgHdrsImpl } from '@nats-io/transport-node';
import { ABSENT } from '../../src/actors/ids.ts';
import { CLUSTER_LIMITS } from '../../src/cluster/limits.ts';
import { sentKey, toJson } from '../../src/cluster/names.ts';
import { bucketName, inspectBucket, makeBucket } from '../../src/cluster/nats/bucket.ts';
import { connectNats } from '../../src/cluster/nats/connection.ts';
import { type Answer, Inbox } from '../../src/cluster/nats/inbox.ts';
import { NatsKv } from '../../src/cluster/nats/kv.ts';
import { type SeedPlan, Seeds, seedCount } from './seeds.ts';

const ACK_EVERY = 500;
const UNACKED_MOST = 8;
const ACK_MS = 30_000;
/** The sent record. */
const BESIDE_SEEDS = 1;

export interface Seeded {
  readonly records: number;
  readonly seconds: number;
  /** Of one pending job and one tombstone, as stored. */
  readonly pendingBytes: number;
  readonly tombstoneBytes: number;
}

/** @throws when the bucket stands already, or does not hold what was written */
export async function seed(natsUrl: string, plan: SeedPlan): Promise<Seeded> {
  const beginMs = performance.now();
  await using link = await connectNats({ url: natsUrl, name: 'seeder' });
  const inbox = new Inbox(link);
  const { cluster, incarnation, route, tombstones } = plan;
  if ((await makeBucket(inbox, cluster, 1)) === 'stands') throw new Error(`${bucketName(cluster)} stands already`);
  const seeds = new Seeds(plan);
  const prefix = `$KV.${bucketName(cluster)}.`;
  const acks: Promise<number>[] = [];
  const count = seedCount(plan);
  let upTo = 0;
  for (let index = 0; index < count; index++) {
    const { key, value, ttlMs } = seeds.at(index);
    const headers = ttlMs === undefined ? undefined : ttlHeaders(ttlMs);
    if (index % ACK_EVERY === 0 || index === count - 1) {
      acks.push(inbox.ask(prefix + key, value, ACK_MS, headers).then(sequenceIn));
      if (acks.length > UNACKED_MOST || index === count - 1) upTo = await acks.shift()!;
    } else link.nc.publish(prefix + key, value, headers === undefined ? {} : { headers });
  }
  for (const ack of acks) upTo = await ack;
  const ttlMs = Math.max(CLUSTER_LIMITS.watermarkTtlMinMs, 2 * route.replyTimeoutMs);
  const record = toJson({ upTo, except: [], ttlMs });
  const answer = await new NatsKv(link, inbox, bucketName(cluster)).put(sentKey(incarnation), record, ABSENT, {
    ttlMs,
  });
  if (answer.kind !== 'stored') throw new Error(`the sent record was not stored: ${JSON.stringify(answer)}`);
  const messages = (await inspectBucket(link, inbox, cluster, 1))?.messages;
  if (messages !== count + BESIDE_SEEDS) throw new Error(`the bucket has ${messages} records, not ${count} and one`);
  return {
    records: count,
    seconds: (performance.now() - beginMs) / 1_000,
    pendingBytes: seeds.at(tombstones).value.length,
    tombstoneBytes: tombstones === 0 ? 0 : seeds.at(0).value.length,
  };
}

let tombstoneHeaders: { readonly ttlMs: number; readonly headers: MsgHdrs } | undefined;

/** All tombstones have the same. */
function ttlHeaders(ttlMs: number): MsgHdrs {
  if (tombstoneHeaders?.ttlMs !== ttlMs) {
    tombstoneHeaders = { ttlMs, headers: MsgHdrsImpl.fromRecord({ 'Nats-TTL': [`${Math.ceil(ttlMs / 1_000)}s`] }) };
  }
  return tombstoneHeaders.headers;
}

function sequenceIn(answer: Answer): number {
  if (answer.kind !== 'answer') throw new Error(`a seed was not acknowledged: ${answer.kind}`);
  const { seq, error } = answer.message.json<{ readonly seq?: number; readonly error?: unknown }>();
  if (seq === undefined || error !== undefined) throw new Error(`a seed was refused: ${JSON.stringify(error)}`);
  return seq;
}
