// Looks at each server once, with a deadline, changes nothing, and never throws: what cannot be seen is `unseen` with its
// reason. What it means is for findings.ts to say.
import type { Kafka } from 'kafkajs';
import { callApi, JsApiError } from '../../cluster/nats/api.ts';
import { bucketName, inspectBucket } from '../../cluster/nats/bucket.ts';
import { connectNats, type NatsLink } from '../../cluster/nats/connection.ts';
import { Inbox } from '../../cluster/nats/inbox.ts';
import { NatsKv } from '../../cluster/nats/kv.ts';
import { type Monitoring, readMonitoring, serversIn } from '../../cluster/nats/monitoring.ts';
import type { Config } from '../config/config.ts';
import { natsLink } from '../config/nats.ts';
import { engineSettings } from '../config/zeebe.ts';
import { connectKafka } from '../kafka/connect.ts';
import { notAuthorized } from '../kafka/errors.ts';
import { within } from '../kafka/renewable.ts';
import { KafkaTopics, type TopicFacts } from '../kafka/topics.ts';
import { SILENT } from '../log.ts';
import { readMeta } from '../meta.ts';
import { serverCount, topicSpecs, wantedReplicas } from '../provision.ts';
import { openZeebe, type Topology } from '../zeebe/client.ts';
import type { Seeing, Seen } from './findings.ts';
import type { KafkaFacts } from './findings-kafka.ts';
import type { NatsFacts } from './findings-nats.ts';

/** Per server. */
const DEADLINE_MS = 5_000;
const MONITOR_PORT = 8222;

export async function look(config: Config): Promise<Seeing> {
  const [nats, kafka, zeebe] = await Promise.all([
    seen(lookAtNats(config)),
    seen(lookAtKafka(config)),
    seen(lookAtZeebe(config)),
  ]);
  return { nats, kafka, zeebe };
}

export async function seen<T>(looking: Promise<T>): Promise<Seen<T>> {
  try {
    return { kind: 'seen', facts: await looking };
  } catch (error) {
    return { kind: 'unseen', reason: error instanceof Error ? error.message : String(error) };
  }
}

/** Connects for one command. @throws with the last reason why not */
export async function reachNats(config: Config, name: string): Promise<NatsLink> {
  let reason = 'no answer';
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const connecting = connectNats({
    ...natsLink(config),
    name,
    signal,
    onStatus: (status) => {
      if (status.kind === 'waiting') reason = status.reason;
    },
  });
  return connecting.catch((error: unknown) => {
    throw signal.aborted ? new Error(reason) : error;
  });
}

async function lookAtNats(config: Config): Promise<NatsFacts> {
  await using link = await reachNats(config, 'holdfast check');
  const inbox = new Inbox(link);
  const common = {
    ...(await lookAtServers(config, link)),
    version: link.serverVersion(),
    maxPayloadBytes: link.maxPayloadBytes(),
  };
  if (!(await hasJetStream(inbox))) return { ...common, jetStream: false, bucket: undefined, shards: undefined };
  const replicas = wantedReplicas(config, common.servers);
  const bucket = await within(DEADLINE_MS, inspectBucket(link, inbox, config.cluster, replicas));
  const meta = bucket && (await within(DEADLINE_MS, readMeta(new NatsKv(link, inbox, bucketName(config.cluster)))));
  return { ...common, jetStream: true, bucket, shards: meta?.shards };
}

/** How many there are, and what their monitoring ports tell. */
export async function lookAtServers(
  config: Config,
  link: NatsLink,
): Promise<{ readonly servers: number; readonly monitoring: Monitoring }> {
  const advertised = serverCount(link);
  const monitoring = await readMonitoring(monitorUrls(config, link.nc.info?.connect_urls ?? []));
  return { servers: serversIn(advertised, monitoring), monitoring };
}

/**
 * Those that are named; else of every server that is known. A name in NATS_URL may stand for several, an address that a server
 * advertises is its own: these come first, to be what it is called by.
 */
export function monitorUrls(
  { natsMonitorUrls, natsUrls }: Pick<Config, 'natsMonitorUrls' | 'natsUrls'>,
  advertised: readonly string[],
): readonly string[] {
  if (natsMonitorUrls.length > 0) return natsMonitorUrls;
  const urls = [...advertised, ...natsUrls].map((address) => `http://${hostOf(address)}:${MONITOR_PORT}`);
  return [...new Set(urls)].filter((url) => URL.canParse(url));
}

/** Of `nats://user:password@host:4222`, `host:4222`, `[::1]:4222`. */
function hostOf(address: string): string {
  return address
    .replace(/^\w+:\/\//, '')
    .replace(/^.*@/, '')
    .replace(/:\d+$/, '');
}

/** An account without JetStream is told so by the server, or nobody listens on its API. */
async function hasJetStream(inbox: Inbox): Promise<boolean> {
  try {
    await callApi(inbox, 'INFO', {}, DEADLINE_MS);
    return true;
  } catch (error) {
    if (error instanceof JsApiError || /noResponders/.test(String(error))) return false;
    throw error;
  }
}

/** For one command; it connects when it is first asked. */
export function reachKafka(config: Config, clientId: string): KafkaTopics {
  return new KafkaTopics(kafkaOf(config, clientId), DEADLINE_MS);
}

export function kafkaOf({ kafkaBrokers, kafkaSecurity }: Config, clientId: string): Kafka {
  return connectKafka({ brokers: kafkaBrokers, security: kafkaSecurity, clientId }, SILENT);
}

async function lookAtKafka(config: Config): Promise<KafkaFacts> {
  const topics = reachKafka(config, 'holdfast-check');
  try {
    const { brokers } = await topics.facts();
    const names = new Set([
      ...config.routes.map((route) => route.requestTopic),
      ...topicSpecs(config).map(({ name }) => name),
    ]);
    const found = new Map<string, TopicFacts>();
    const denied = new Set<string>();
    for (const name of names) {
      try {
        const topic = await topics.describe(name);
        if (topic !== undefined) found.set(name, topic);
      } catch (error) {
        if (!notAuthorized(error)) throw error;
        denied.add(name);
      }
    }
    return { brokers: brokers.length, topics: found, denied };
  } finally {
    await topics.close();
  }
}

async function lookAtZeebe(config: Config): Promise<Topology> {
  const zeebe = await openZeebe(() => engineSettings(config.engineSecrets));
  try {
    return await zeebe.topology(DEADLINE_MS);
  } finally {
    zeebe.close();
  }
}
