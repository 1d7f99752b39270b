// The closer look of `holdfast doctor` at Kafka: may this user make what is missing, and see the group that reads the replies?
// The first is asked with `validateOnly`, the second by reading the group's offsets: nothing is changed. Whether records may
// be written or read cannot be tried without doing it; `DESCRIBE` and the settings are what findings-kafka.ts looks at.
import { groupOf } from '../bridge.ts';
import type { Config } from '../config.ts';
import { notAuthorized } from '../kafka/errors.ts';
import { topicSpecs } from '../provision.ts';
import { reachKafka } from './look.ts';

const OFFSETS = '__consumer_offsets';

export interface KafkaExamination {
  /** Missing topics that Kafka would not let this user make, with its reason. */
  readonly cannotMake: readonly { readonly topic: string; readonly reason: string }[];
  /** The consumer group, when this user may not use it. */
  readonly deniedGroup: string | undefined;
}

/** @throws when Kafka is away */
export async function examineKafka(config: Config): Promise<KafkaExamination> {
  const topics = reachKafka(config, 'holdfast-doctor');
  try {
    const cannotMake: { topic: string; reason: string }[] = [];
    for (const spec of topicSpecs(config)) {
      if (await topics.exists(spec.name).catch(onlyDenied)) continue;
      const reason = await topics.whyNotCreate(spec);
      if (reason !== undefined) cannotMake.push({ topic: spec.name, reason });
    }
    const group = groupOf(config.cluster);
    // Asking for a group's coordinator would make Kafka's own topic of offsets, where nobody has used a group yet.
    const hasGroups = await topics.exists(OFFSETS).catch(onlyDenied);
    const isDenied = hasGroups && !(await topics.maySeeGroup(group));
    return { cannotMake, deniedGroup: isDenied ? group : undefined };
  } finally {
    await topics.close();
  }
}

/** A topic that may not be seen is not missing; findings-kafka.ts says so. */
function onlyDenied(error: unknown): boolean {
  if (notAuthorized(error)) return true;
  throw error;
}
