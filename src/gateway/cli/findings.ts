// What `holdfast check` makes of what it saw. Pure: whoever looked at the servers is in check.ts.
import { olderThan } from '../../cluster/nats/connection.ts';
import type { Config } from '../config/config.ts';
import { ANY_TOPIC, allowedTopics } from '../config/topic-rules.ts';
import type { Topology } from '../zeebe/client.ts';
import { count, critical, type Finding, note, problem } from './finding.ts';
import { type KafkaFacts, kafkaFindings, sizeFindings } from './findings-kafka.ts';
import { type NatsFacts, natsFindings } from './findings-nats.ts';

/** What was seen of a server, or why nothing was. */
export type Seen<T> =
  | { readonly kind: 'seen'; readonly facts: T }
  | { readonly kind: 'unseen'; readonly reason: string };

export interface Seeing {
  readonly nats: Seen<NatsFacts>;
  readonly kafka: Seen<KafkaFacts>;
  readonly zeebe: Seen<Topology>;
}

const ZEEBE_FLOOR = '8.6.0';
const ZEEBE_TESTED = '8.8.21';

export function findings(config: Config, seeing: Seeing): readonly Finding[] {
  const { nats, kafka, zeebe } = seeing;
  return [
    ...templateFindings(config),
    ...(nats.kind === 'seen' ? natsFindings(config, nats.facts) : [unreached('NATS', 'NATS_URL', nats.reason)]),
    ...(kafka.kind === 'seen'
      ? kafkaFindings(config, kafka.facts)
      : [unreached('Kafka', 'KAFKA_BOOTSTRAP_SERVERS', kafka.reason)]),
    ...(nats.kind === 'seen' && kafka.kind === 'seen'
      ? sizeFindings(config, nats.facts.maxPayloadBytes, kafka.facts)
      : []),
    ...(zeebe.kind === 'seen' ? zeebeFindings(zeebe.facts) : [unreached('Zeebe', 'ZEEBE_GRPC_ADDRESS', zeebe.reason)]),
  ];
}

/** Not a fault: without a list a new call needs no change of the bridge. Whoever wants one should know of it. */
function templateFindings({ template }: Config): Finding[] {
  if (template === undefined || template.topics !== ANY_TOPIC) return [];
  const what = `process models may name ${allowedTopics({ patterns: template.topics, ownTopics: [] })} as their request topic`;
  return [
    note('configuration', what, 'List those that they may name in template.topics, or set template.enabled: false.'),
  ];
}

function unreached(about: Finding['about'], setting: string, reason: string): Finding {
  // It is there, and something else is wrong: the reason says which setting to look at.
  if (/\b(check|set) [A-Z]+_[A-Z_]+/.test(reason)) {
    return critical(about, reason, 'Nodes wait, and try again with what the settings and their files say then.');
  }
  return critical(
    about,
    `it cannot be reached: ${reason}`,
    `Look at ${setting}, the network between, and whether it runs; nodes wait until it answers.`,
  );
}

function zeebeFindings({ gatewayVersion, brokerVersions, partitions, partitionsWithLeader }: Topology): Finding[] {
  const found: Finding[] = [];
  for (const version of new Set([gatewayVersion, ...brokerVersions])) {
    const newer = !olderThan(version, ZEEBE_TESTED) && !version.startsWith('8.8.');
    if (olderThan(version, ZEEBE_FLOOR))
      found.push(
        problem(
          'Zeebe',
          `${version} is older than ${ZEEBE_FLOOR}`,
          `Upgrade it; ${ZEEBE_FLOOR} to ${ZEEBE_TESTED} are supported.`,
        ),
      );
    else if (newer)
      found.push(note('Zeebe', `${version} is newer than ${ZEEBE_TESTED}, the newest that was tested`, ''));
  }
  if (partitions === 0)
    found.push(
      problem(
        'Zeebe',
        'no partition is known yet',
        'Wait until the brokers have formed their cluster, and check again.',
      ),
    );
  if (partitionsWithLeader < partitions) {
    found.push(
      critical(
        'Zeebe',
        `${partitions - partitionsWithLeader} of ${count(partitions, 'partition')} have no leader`,
        'Their jobs wait: look at the brokers.',
      ),
    );
  }
  return found;
}
