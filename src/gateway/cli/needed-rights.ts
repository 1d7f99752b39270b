// What a node needs of a Kafka with an authorizer, as deploy/kafka/acls.sh grants it. Rights to see settings are not among it:
// findings-kafka.ts says of which topics those cannot be read.
import type { Config } from '../config/config.ts';
import { mayAsk } from '../config/topic-rules.ts';
import type { Operation } from '../kafka/own-requests.ts';
import { topicsOf } from '../kafka/topics.ts';

export interface NeededRight {
  readonly topic: string;
  readonly operation: Operation & ('READ' | 'WRITE');
  readonly need: string;
  /** Calls stand still without it, or acknowledged work is lost. */
  readonly critical: boolean;
}

/** Of request topics those that are named one by one; which match a pattern, Kafka must be asked (`topicsByPattern`). */
export function neededRights(config: Config): readonly NeededRight[] {
  const { replyTopic, deadLetterTopic, cluster } = config;
  const requestTopics = new Set([
    ...config.routes.map((route) => route.requestTopic),
    ...(config.template?.topics.filter((pattern) => !pattern.includes('*')) ?? []),
  ]);
  const needs = (topic: string, operation: 'READ' | 'WRITE', need: string, critical = true): NeededRight => {
    return { topic, operation, need, critical };
  };
  return [
    needs(replyTopic, 'READ', 'to read replies'),
    needs(replyTopic, 'WRITE', 'to drive dead letters again', false),
    needs(deadLetterTopic, 'WRITE', 'to keep replies that nobody could use'),
    needs(deadLetterTopic, 'READ', 'to show dead letters and to drive them again', false),
    ...(config.acknowledgements
      ? [
          needs(
            topicsOf(cluster).acknowledgements.name,
            'WRITE',
            'to tell services what became of their replies',
            false,
          ),
        ]
      : []),
    ...[...requestTopics].map((topic) => needs(topic, 'WRITE', 'to send requests')),
  ];
}

/** Of `template.topics`, without `*`, which says nothing of what models will name. */
export function topicPatterns({ template }: Config): readonly string[] {
  return template?.topics.filter((pattern) => pattern.includes('*') && pattern !== '*') ?? [];
}

/** Those of `names` that a model may name by a pattern. */
export function topicsByPattern(config: Config, names: readonly string[]): readonly string[] {
  const { replyTopic, deadLetterTopic, cluster } = config;
  const ownTopics = [replyTopic, deadLetterTopic, topicsOf(cluster).acknowledgements.name];
  const rules = { patterns: topicPatterns(config), ownTopics };
  return names.filter((name) => mayAsk(name, rules)).toSorted();
}
