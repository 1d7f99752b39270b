// What is said about NATS: whether the bucket can keep what it acknowledged (JetStream, copies, flushing), whether it is
// made as it must be (bucket.ts knows the rules), and whether it belongs to this configuration.
import type { BucketReport } from '../../cluster/nats/bucket.ts';
import type { Monitoring } from '../../cluster/nats/monitoring.ts';
import type { Config } from '../config/config.ts';
import { wantedReplicas } from '../provision.ts';
import { bytes, count, critical, type Finding, note, problem } from './finding.ts';

export interface NatsFacts {
  readonly version: string;
  readonly jetStream: boolean;
  readonly servers: number;
  readonly monitoring: Monitoring;
  readonly maxPayloadBytes: number;
  readonly bucket: BucketReport | undefined;
  /** As the bucket was made with; undefined: it does not say (yet). */
  readonly shards: number | undefined;
}

const MIN_PAYLOAD_BYTES = 1024 * 1024;

export function natsFindings(config: Config, facts: NatsFacts): Finding[] {
  if (!facts.jetStream) {
    return [
      critical(
        'NATS',
        'JetStream is not enabled for this account',
        'Add a jetstream block to the server, or enable it.',
      ),
    ];
  }
  const found: Finding[] = [];
  if (facts.maxPayloadBytes < MIN_PAYLOAD_BYTES) {
    const remedy = `Raise it to at least ${bytes(MIN_PAYLOAD_BYTES)}: a pending job holds its request and later its reply.`;
    found.push(problem('NATS', `max_payload is ${bytes(facts.maxPayloadBytes)}`, remedy));
  }
  found.push(...copies(config, facts), ...flushing(facts), ...unseenServers(facts));
  if (facts.bucket === undefined) {
    found.push(note('NATS', 'the bucket is not made yet', 'Run "holdfast init", or let the first node make it.'));
  }
  for (const fault of facts.bucket?.faults ?? []) {
    found.push(
      critical(
        'NATS',
        `bucket ${facts.bucket?.bucket}: ${fault}`,
        'Edit its stream, or make it anew when nothing is pending.',
      ),
    );
  }
  if (facts.shards !== undefined && facts.shards !== config.shards) {
    const remedy = `Set shards to ${facts.shards}: the number is fixed for the life of a bucket, and nodes refuse to start.`;
    found.push(critical('NATS', `shards is ${config.shards}, and the bucket was made with ${facts.shards}`, remedy));
  }
  return found;
}

/** A bucket with fewer copies than wanted is a fault that bucket.ts names. */
function copies(config: Config, { servers, bucket }: NatsFacts): Finding[] {
  const wanted = wantedReplicas(config, servers);
  const have = bucket?.replicas ?? wanted;
  const kept = `the bucket ${bucket === undefined ? 'would keep' : 'keeps'} ${count(have, 'copy', 'copies')}`;
  if (wanted > servers) {
    const what = `replicas is ${wanted}, and there ${servers === 1 ? 'is one server' : `are ${servers} servers`}`;
    return [problem('NATS', what, 'Add NATS servers, or lower replicas.')];
  }
  if (have >= 3 || have < wanted) return [];
  return servers >= 3
    ? [
        critical(
          'NATS',
          `${kept} on ${servers} servers`,
          'Set replicas to 3: with fewer, one lost server can lose pending jobs.',
        ),
      ]
    : [note('NATS', kept, 'Enough for development; production wants three NATS servers.')];
}

function flushing({ servers, monitoring }: NatsFacts): Finding[] {
  const late = monitoring.servers.flatMap(({ at, flush }) =>
    flush === undefined || flush.always ? [] : [{ at, intervalMs: flush.intervalMs }],
  );
  return [...Map.groupBy(late, ({ intervalMs }) => intervalMs)].map(([intervalMs, those]) => {
    const where = those.map(({ at }) => at).join(', ');
    const what = `acknowledged writes are flushed to disk only every ${intervalMs / 1000} s on ${where}`;
    return (servers >= 3 ? critical : note)('NATS', what, FLUSH_REMEDY);
  });
}

const FLUSH_REMEDY =
  'Set "sync_interval: always" in the jetstream block, so that what is acknowledged survives a power failure.';

/** One server that does not flush is enough to lose what it acknowledged, so none is taken for the others. */
function unseenServers({ servers, monitoring: { servers: answered, silent } }: NatsFacts): Finding[] {
  const unseen = servers - answered.filter(({ flush }) => flush !== undefined).length;
  if (unseen <= 0) return [];
  const whose = servers === 1 ? 'the server' : `${unseen} of ${servers} servers`;
  const why =
    silent.length > 0
      ? `no answer from ${silent.join(', ')}`
      : `no other was asked than ${answered.map(({ at }) => at).join(', ')}`;
  const remedy =
    'Name the monitoring port of each server in NATS_MONITOR_URL (default: port 8222 of each), and see that it is reached from here.';
  return [note('NATS', `the flush setting and the storage of ${whose} cannot be seen: ${why}`, remedy)];
}
