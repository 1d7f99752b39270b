// What a cluster needs to exist on its servers before the first job, as `holdfast init` makes it (and a starting node, if
// it may): one bucket, the audit's stream, two topics. What stands already is left as it is; `holdfast check` says whether it is right.
import type { NatsLink } from '../cluster/nats/connection.ts';
import type { Config } from './config/config.ts';
import { notAuthorized } from './kafka/errors.ts';
import { type KafkaTopics, type TopicSpec, topicsOf } from './kafka/topics.ts';

const WEEK_MS = 7 * 24 * 3_600_000;
/** A dead letter is a record that Kafka took, and headers of ours: above what any reply topic is likely to take. */
export const DEAD_LETTER_BYTES = 8 * 1024 * 1024;

/** Servers of the NATS cluster that this client was told of. */
export function serverCount(link: NatsLink): number {
  const { info } = link.nc;
  return info?.cluster === undefined ? 1 : Math.max(1, info.connect_urls?.length ?? 1);
}

/** Copies of the bucket: as configured, else three where there are servers for it. */
export function wantedReplicas(config: Pick<Config, 'replicas'>, servers: number): number {
  return config.replicas ?? (servers >= 3 ? 3 : 1);
}

/** A reply must outlive the longest outage that its job does, and a dead letter the wait for somebody who drives it again. */
export function topicSpecs(
  config: Pick<Config, 'cluster' | 'routes' | 'template' | 'acknowledgements'>,
): readonly TopicSpec[] {
  const { replies, deadLetters, acknowledgements } = topicsOf(config.cluster);
  const retentionMs = Math.max(
    WEEK_MS,
    config.template?.replyTimeoutMs ?? 0,
    ...config.routes.map((route) => route.replyTimeoutMs),
  );
  const kept = { 'cleanup.policy': 'delete', 'retention.ms': String(retentionMs) };
  return [
    { ...replies, config: kept },
    { ...deadLetters, config: { ...kept, 'max.message.bytes': String(DEAD_LETTER_BYTES) } },
    ...(config.acknowledgements ? [{ ...acknowledgements, config: { 'cleanup.policy': 'delete' } }] : []),
  ];
}

/**
 * Answers whether it was made now; false: it was there, which needs no right to create topics, nor to read their settings.
 * @throws what KafkaTopics throws; and when the topic is missing and this user may not make it, saying who can
 */
export async function makeTopic(topics: Pick<KafkaTopics, 'create' | 'exists'>, spec: TopicSpec): Promise<boolean> {
  if (await topics.exists(spec.name)) return false;
  try {
    return await topics.create(spec);
  } catch (error) {
    // Made, and not every broker has heard of it yet. Whoever uses the topic tries again anyway.
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'UNKNOWN_TOPIC_OR_PARTITION' || code === 'LEADER_NOT_AVAILABLE') return true;
    if (!notAuthorized(error)) throw error;
    if (await topics.exists(spec.name)) return false; // somebody who may made it at the same moment
    const config = Object.entries(spec.config ?? {}).map((setting) => setting.join('='));
    const how = `${spec.partitions} partitions, ${config.join(', ')}`;
    throw new Error(
      `${spec.name} does not exist, and this user may not create it: have "holdfast init" run by one who may, create it (${how}), ` +
        'or grant CREATE and DESCRIBE on it',
      { cause: error },
    );
  }
}

/** The largest record that each topic takes; and the topics that could not be asked, with the reason. */
export interface RecordBytes {
  readonly known: ReadonlyMap<string, number>;
  readonly unread: ReadonlyMap<string, string>;
}

/** A topic that is not there, or does not say, is left out. @throws what KafkaTopics throws, but for a lack of rights */
export async function recordBytes(
  topics: Pick<KafkaTopics, 'describe'>,
  names: Iterable<string>,
): Promise<RecordBytes> {
  const known = new Map<string, number>();
  const unread = new Map<string, string>();
  for (const name of new Set(names)) {
    try {
      const facts = await topics.describe(name);
      const bytes = Number(facts?.config['max.message.bytes'] ?? Number.NaN);
      if (facts?.configUnread !== undefined) unread.set(name, facts.configUnread);
      else if (Number.isFinite(bytes)) known.set(name, bytes);
    } catch (error) {
      if (!notAuthorized(error)) throw error;
      unread.set(name, (error as Error).message);
    }
  }
  return { known, unread };
}
