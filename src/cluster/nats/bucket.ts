// The one bucket of a cluster, `holdfast_<cluster>_jobs`: how it is made, and whether the one that stands is right.
// It is an ordinary key-value bucket to every NATS tool, made as a stream because the tools' own `create` cannot say
//  - message TTL allowed but no delete markers: tombstones expire silently and for good, and a key that expired can be
//    created at once;
//  - direct gets off: followers and mirrors may answer them with old data;
//  - a number of consumers above the server's default of 1,000, which counts per stream.
import { KvUnavailable } from '../ports.ts';
import { callApi, ErrCode, JsApiError } from './api.ts';
import type { NatsLink } from './connection.ts';
import type { Inbox } from './inbox.ts';

const TIMEOUT_MS = 10_000;
const DAY_NS = 86_400 * 1e9;

export function bucketName(cluster: string): string {
  return `holdfast_${cluster}_jobs`;
}

export interface BucketReport {
  readonly bucket: string;
  /** What differs from what it should be, one readable sentence each; empty: all is well. */
  readonly faults: readonly string[];
  readonly replicas: number;
  readonly messages: number;
  readonly bytes: number;
  readonly serverVersion: string;
  readonly maxPayloadBytes: number;
}

type Config = Readonly<Record<string, unknown>>;

/**
 * Makes the bucket unless one of that name stands; one that stands is left as it is (see `inspectBucket`).
 * @param replicas 3 in production, 1 on a single server
 * @param version of the product; kept in the stream's metadata, as who made it
 * @throws KvUnavailable; JsApiError when the server refuses, also for want of enough servers
 */
export async function makeBucket(
  inbox: Inbox,
  cluster: string,
  replicas: number,
  version = '',
): Promise<'made' | 'stands'> {
  if ((await readStream(inbox, cluster)) !== undefined) return 'stands';
  const stream = `KV_${bucketName(cluster)}`;
  const config = bucketConfig(cluster, replicas);
  await callApi(inbox, `STREAM.CREATE.${stream}`, { ...config, metadata: madeBy(cluster, version) }, TIMEOUT_MS);
  return 'made';
}

/** The metadata of a stream: whose it is, and which version made it, where that is known. */
export function madeBy(cluster: string, version: string): Readonly<Record<string, string>> {
  return { 'holdfast.cluster': cluster, ...(version !== '' && { 'holdfast.made-by': version }) };
}

/**
 * Compares the bucket with what it should be; undefined when there is none.
 * @throws KvUnavailable
 */
export async function inspectBucket(
  link: NatsLink,
  inbox: Inbox,
  cluster: string,
  replicas: number,
): Promise<BucketReport | undefined> {
  const stream = await readStream(inbox, cluster);
  if (stream === undefined) return undefined;
  const { config, state } = stream;
  return {
    bucket: bucketName(cluster),
    faults: faultsOf(config, bucketConfig(cluster, replicas)),
    replicas: Number(config.num_replicas),
    messages: state.messages,
    bytes: state.bytes,
    serverVersion: link.serverVersion(),
    maxPayloadBytes: link.maxPayloadBytes(),
  };
}

function bucketConfig(cluster: string, replicas: number): Config {
  const bucket = bucketName(cluster);
  return {
    name: `KV_${bucket}`,
    description: `holdfast ${cluster}: pending jobs, claims and members`,
    subjects: [`$KV.${bucket}.>`],
    retention: 'limits',
    storage: 'file',
    num_replicas: replicas,
    max_msgs_per_subject: 1,
    max_msgs: -1,
    max_bytes: -1,
    max_age: 0,
    max_msg_size: -1,
    max_consumers: 4_096,
    discard: 'new',
    duplicate_window: 120 * 1e9,
    allow_msg_ttl: true,
    allow_direct: false,
    deny_delete: true,
    deny_purge: false,
    allow_rollup_hdrs: true,
  };
}

function faultsOf(is: Config, should: Config): string[] {
  const faults: string[] = [];
  const differs = (name: string, why: string): void => {
    const found = is[name] ?? false;
    if (String(found) !== String(should[name]))
      faults.push(`${name} is ${String(found)}, should be ${String(should[name])}: ${why}`);
  };
  differs('subjects', 'keys are found under these subjects');
  differs('retention', 'records must stay until they are replaced or expire');
  differs('storage', 'pending jobs must survive a restart of the server');
  differs('max_msgs_per_subject', 'only the newest snapshot of a job counts');
  differs('max_msgs', 'a full bucket refuses new jobs');
  differs('discard', 'a full bucket must refuse a write, never drop an old record');
  differs('allow_msg_ttl', 'without it no tombstone can expire; edit the stream to allow it');
  differs('allow_direct', 'followers would answer reads with old data; edit the stream to turn it off');
  if (Number(is.num_replicas) < Number(should.num_replicas))
    faults.push(
      `num_replicas is ${is.num_replicas}, should be ${should.num_replicas}: jobs are lost with ${is.num_replicas === 1 ? 'the one server' : 'a majority of the servers'}`,
    );
  if (Number(is.subject_delete_marker_ttl ?? 0) > 0)
    faults.push(
      'subject_delete_marker_ttl is set, should not be: an expired key must read as absent; make the bucket anew',
    );
  if (Number(is.max_age ?? 0) > 0)
    faults.push(`max_age is ${Number(is.max_age) / DAY_NS} days, should be 0: pending jobs would expire`);
  if (Number(is.max_bytes ?? -1) > 0)
    faults.push(`max_bytes is ${is.max_bytes}, should be -1: a full bucket refuses new jobs`);
  if (Number(is.max_msg_size ?? -1) > 0)
    faults.push(`max_msg_size is ${is.max_msg_size}, should be -1: the server's max_payload is the limit`);
  if (Number(is.max_consumers ?? -1) < 1_000)
    faults.push(
      `max_consumers is ${is.max_consumers}, should be ${should.max_consumers}: each node opens several watches`,
    );
  if (is.mirror !== undefined || is.sources !== undefined || is.sealed === true)
    faults.push('the stream is a mirror, has sources or is sealed: it must be a plain stream that takes writes');
  return faults;
}

interface StreamState {
  readonly config: Config;
  readonly state: { readonly messages: number; readonly bytes: number };
}

async function readStream(inbox: Inbox, cluster: string): Promise<StreamState | undefined> {
  try {
    return await callApi<StreamState>(inbox, `STREAM.INFO.KV_${bucketName(cluster)}`, {}, TIMEOUT_MS);
  } catch (error) {
    if (error instanceof JsApiError && error.errCode === ErrCode.streamNotFound) return undefined;
    throw error instanceof KvUnavailable ? error : new KvUnavailable((error as Error).message, { cause: error });
  }
}
