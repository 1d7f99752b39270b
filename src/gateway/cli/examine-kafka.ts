// The closer look of `holdfast doctor` at Kafka: what this user may do, and of which version it is. Rights are what the broker
// says they are; whether a missing topic could be made is asked with `validateOnly`. Nothing is tried, and nothing is changed.
import { groupOf } from '../bridge.ts';
import type { Config } from '../config/config.ts';
import { notAuthorized } from '../kafka/errors.ts';
import type { FeatureLevels } from '../kafka/own-requests.ts';
import { type GroupRights, KafkaRights } from '../kafka/rights.ts';
import type { KafkaTopics } from '../kafka/topics.ts';
import { topicSpecs } from '../provision.ts';
import { kafkaOf, reachKafka } from './look.ts';
import { type NeededRight, neededRights, topicPatterns, topicsByPattern } from './needed-rights.ts';

const OFFSETS = '__consumer_offsets';

export interface KafkaExamination {
  /** Missing topics that Kafka would not let this user make, with its reason. */
  readonly cannotMake: readonly { readonly topic: string; readonly reason: string }[];
  /** On topics that are there. Undefined: Kafka is too old to say it. */
  readonly missing: readonly NeededRight[] | undefined;
  /** Undefined: `template.topics` has no pattern that says more than `*`, or Kafka is too old to say it. */
  readonly byPattern: RightsByPattern | undefined;
  /** Undefined: nobody has used a group yet, and to ask would change something. */
  readonly group: GroupRights | undefined;
  /** Undefined: Kafka is older than 2.4. */
  readonly levels: FeatureLevels | undefined;
}

/** On the topics that are there, may be seen, and match a pattern of those that models may name. */
export interface RightsByPattern {
  readonly looked: number;
  /** Further ones that were not looked at. */
  readonly more: number;
  readonly unwritable: readonly string[];
}

/** One request asks for all of them. */
const MOST_BY_PATTERN = 1_000;

/** @throws when Kafka is away */
export async function examineKafka(config: Config): Promise<KafkaExamination> {
  const topics = reachKafka(config, 'holdfast-doctor');
  const rights = new KafkaRights(kafkaOf(config, 'holdfast-doctor'), groupOf(config.cluster));
  try {
    return {
      cannotMake: await whatCannotBeMade(config, topics),
      missing: await missingOf(neededRights(config), rights),
      byPattern: await lookByPattern(config, topics, rights),
      // Asking for a group's coordinator would make Kafka's own topic of offsets.
      group: (await topics.exists(OFFSETS).catch(onlyDenied)) ? await rights.onGroup() : undefined,
      levels: await rights.levels(),
    };
  } finally {
    await Promise.all([topics.close(), rights.close()]);
  }
}

async function whatCannotBeMade(config: Config, topics: KafkaTopics): Promise<KafkaExamination['cannotMake']> {
  const cannotMake: { topic: string; reason: string }[] = [];
  for (const spec of topicSpecs(config)) {
    if (await topics.exists(spec.name).catch(onlyDenied)) continue;
    const reason = await topics.whyNotCreate(spec);
    if (reason !== undefined) cannotMake.push({ topic: spec.name, reason });
  }
  return cannotMake;
}

async function missingOf(
  needed: readonly NeededRight[],
  rights: KafkaRights,
): Promise<readonly NeededRight[] | undefined> {
  const granted = await rights.onTopics([...new Set(needed.map(({ topic }) => topic))]);
  return granted && needed.filter(({ topic, operation }) => granted.get(topic)?.has(operation) === false);
}

async function lookByPattern(
  config: Config,
  topics: KafkaTopics,
  rights: KafkaRights,
): Promise<RightsByPattern | undefined> {
  if (topicPatterns(config).length === 0) return undefined;
  const matching = topicsByPattern(config, await topics.names());
  const looked = matching.slice(0, MOST_BY_PATTERN);
  const granted = await rights.onTopics(looked);
  if (granted === undefined) return undefined;
  const unwritable = looked.filter((name) => granted.get(name)?.has('WRITE') === false);
  return { looked: looked.length, more: matching.length - looked.length, unwritable };
}

/** A topic that may not be seen is not missing; findings-kafka.ts says so. */
function onlyDenied(error: unknown): boolean {
  if (notAuthorized(error)) return true;
  throw error;
}
