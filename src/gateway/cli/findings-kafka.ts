// What is said about Kafka's topics, and about the sizes that Kafka and NATS take: the smallest limit on the way decides,
// and what is larger ends in an incident, so it is named before.
import { formatDuration } from '../../actors/duration.ts';
import type { Config } from '../config/config.ts';
import { largestReply, RECORD_OVERHEAD_BYTES, SNAPSHOT_OVERHEAD_BYTES } from '../intake/routes.ts';
import type { TopicFacts } from '../kafka/topics.ts';
import { DEAD_LETTER_BYTES, topicSpecs } from '../provision.ts';
import { bytes, critical, type Finding, note, problem } from './finding.ts';
import { grant } from './grant.ts';
import { neededRights } from './needed-rights.ts';

export interface KafkaFacts {
  readonly brokers: number;
  /** Only topics that exist. */
  readonly topics: ReadonlyMap<string, TopicFacts>;
  /** Topics that this user may not even see; whether they exist is not known. */
  readonly denied?: ReadonlySet<string>;
}

export function kafkaFindings(config: Config, { brokers, topics, denied = new Set() }: KafkaFacts): Finding[] {
  const found: Finding[] = [...readableByOthers(config)];
  for (const name of denied) {
    const needed = neededRights(config).filter(({ topic }) => topic === name);
    const operations = needed.map(({ operation }) => operation);
    const say = needed.some((right) => right.critical) ? critical : problem;
    found.push(say('Kafka', `this user may not see the topic ${name}`, grant(config, operations, 'topic', name)));
  }
  for (const name of requestTopics(config).filter((name) => !topics.has(name) && !denied.has(name))) {
    const remedy = 'Create it: holdfast never does, and each job of its route would become an incident.';
    found.push(critical('Kafka', `the request topic ${name} does not exist`, remedy));
  }
  for (const { name } of topicSpecs(config).filter(({ name }) => !denied.has(name))) {
    const replicas = topics.get(name)?.replicas;
    if (replicas === undefined) {
      found.push(
        note('Kafka', `the topic ${name} is not made yet`, 'Run "holdfast init", or let the first node make it.'),
      );
    } else if (replicas < 2 && brokers >= 3) {
      found.push(
        problem('Kafka', `the topic ${name} has one copy on ${brokers} brokers`, 'Raise its replication factor to 3.'),
      );
    } else if (replicas >= 3 && topics.get(name)?.config['min.insync.replicas'] === '1') {
      const what = `the topic ${name} takes a record as written when one of its ${replicas} copies has it`;
      found.push(note('Kafka', what, `Set min.insync.replicas=2 on it, or the loss of one broker can lose a record.`));
    }
  }
  const unread = [...topics].filter(([, { configUnread }]) => configUnread !== undefined).map(([name]) => name);
  if (unread.length > 0) {
    const what = `the settings of ${unread.join(', ')} cannot be read, so neither sizes nor retention were looked at`;
    found.push(note('Kafka', what, 'Grant DESCRIBE_CONFIGS on them, or look yourself.'));
  }
  return [...found, ...keepingFindings(config, topics), ...letterSizeFindings(config, topics)];
}

function readableByOthers({ kafkaSecurity: { tls, sasl } }: Config): Finding[] {
  if (tls !== undefined || sasl === undefined || sasl.mechanism.startsWith('SCRAM')) return [];
  const what = `the ${sasl.mechanism === 'PLAIN' ? 'password' : 'token'} goes to Kafka as plain text, and so do all records`;
  return [note('Kafka', what, 'Set KAFKA_SECURITY_PROTOCOL to SASL_SSL where others can listen on the network.')];
}

/** What is on a topic of ours must stay as long as somebody waits for it, each record for itself. */
function keepingFindings(config: Config, topics: KafkaFacts['topics']): Finding[] {
  const { routes, template, replyTopic, deadLetterTopic, ackTopic } = config;
  const waiting = [...routes, ...(template === undefined ? [] : [template])];
  const longest = waiting.reduce((a, b) => (b.replyTimeoutMs > a.replyTimeoutMs ? b : a));
  const kept = [
    {
      ...{ name: replyTopic, title: 'the reply topic', one: 'replies' },
      gone: 'a reply sent during a long outage would be gone before it is read',
    },
    {
      ...{ name: deadLetterTopic, title: 'the dead-letter topic', one: 'dead letters' },
      gone: 'a dead letter would be gone while its call still waits, and could not be driven again',
    },
    // Nobody waits for these.
    { name: ackTopic, title: 'the topic of acknowledgements', one: 'acknowledgements', gone: undefined },
  ];
  const found: Finding[] = [];
  for (const { name, title, one, gone } of kept) {
    const settings = topics.get(name)?.config ?? {};
    const retentionMs = Number(settings['retention.ms'] ?? -1);
    if (gone !== undefined && retentionMs >= 0 && retentionMs < longest.replyTimeoutMs) {
      const what = `${title} keeps records for ${formatDuration(retentionMs)}, and ${longest.jobType} waits up to ${formatDuration(longest.replyTimeoutMs)}`;
      found.push(problem('Kafka', `${what}: ${gone}`, alter(name, `retention.ms=${longest.replyTimeoutMs}`)));
    }
    if (settings['cleanup.policy']?.includes('compact')) {
      const what = `${title} is compacted: of two ${one} with one key, one would vanish`;
      found.push(problem('Kafka', what, alter(name, 'cleanup.policy=delete')));
    }
  }
  return found;
}

/** A dead letter is the reply as it came, and headers of ours. */
function letterSizeFindings({ replyTopic, deadLetterTopic }: Config, topics: KafkaFacts['topics']): Finding[] {
  const most = (name: string) => Number(topics.get(name)?.config['max.message.bytes'] ?? Number.NaN);
  const [reply, letter] = [most(replyTopic), most(deadLetterTopic)];
  if (!(letter < reply)) return [];
  const what = `max.message.bytes is ${letter} on the dead-letter topic and ${reply} on the reply topic: a dead letter that does not fit is cut, and cannot be driven again`;
  const enough = Math.max(DEAD_LETTER_BYTES, reply);
  return [problem('Kafka', what, alter(deadLetterTopic, `max.message.bytes=${enough}`))];
}

function alter(topic: string, setting: string): string {
  return `Run "kafka-configs.sh --alter --topic ${topic} --add-config ${setting}".`;
}

export function sizeFindings(config: Config, maxPayloadBytes: number, { topics }: KafkaFacts): Finding[] {
  const found: Finding[] = [];
  const most = (name: string): number =>
    Number(topics.get(name)?.config['max.message.bytes'] ?? 0) - RECORD_OVERHEAD_BYTES;
  const holds = maxPayloadBytes - SNAPSHOT_OVERHEAD_BYTES;
  for (const name of requestTopics(config).filter((name) => most(name) > holds)) {
    const what = `${name} takes requests up to ${bytes(most(name))}, and a pending job holds ${bytes(holds)}`;
    found.push(note('Kafka', what, 'Larger ones become incidents. Raise max_payload of NATS if you need them.'));
  }
  const taken = largestReply(maxPayloadBytes);
  if (most(config.replyTopic) > taken) {
    const what = `the reply topic takes replies up to ${bytes(most(config.replyTopic))}, and holdfast up to ${bytes(taken)}`;
    found.push(note('Kafka', what, 'Larger ones go to the dead-letter topic and fail their job.'));
  }
  return found;
}

function requestTopics(config: Config): string[] {
  return [...new Set(config.routes.map((route) => route.requestTopic))];
}
