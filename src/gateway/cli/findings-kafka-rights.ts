// What `holdfast doctor` makes of its closer look at Kafka: each right that is missing, with the command that grants it, and which
// version it is. Pure.
import { groupOf } from '../bridge.ts';
import type { Config } from '../config/config.ts';
import type { KafkaExamination } from './examine-kafka.ts';
import { count, critical, type Finding, note, problem } from './finding.ts';
import { grant } from './grant.ts';
import { KAFKA_TESTED, releaseOf } from './kafka-release.ts';
import { topicPatterns } from './needed-rights.ts';

/** Topics that are listed. */
const SHOWN = 5;

/** @param denied topics that may not even be seen: findings-kafka.ts names them with what they need */
export function kafkaExaminationFindings(
  config: Config,
  examination: KafkaExamination,
  denied: ReadonlySet<string>,
): readonly Finding[] {
  const { cannotMake } = examination;
  const missing = examination.missing?.filter(({ topic }) => !denied.has(topic)) ?? [];
  return [
    ...cannotMake.map(({ topic, reason }) =>
      problem(
        'Kafka',
        `the topic ${topic} is missing, and this user could not make it: ${reason}`,
        'Have "holdfast init" run by a user who may, or grant CREATE and DESCRIBE on it.',
      ),
    ),
    ...missing.map((right) => {
      const what = `this user may not ${right.operation} the topic ${right.topic}, which a node needs ${right.need}`;
      return (right.critical ? critical : problem)(
        'Kafka',
        what,
        grant(config, [right.operation], 'topic', right.topic),
      );
    }),
    ...patternFindings(config, examination),
    ...groupFindings(config, examination),
    ...unsaid(examination),
    ...versionFindings(examination),
  ];
}

/** A task that names such a topic would be an incident, and no other one. */
function patternFindings(config: Config, { byPattern, missing }: KafkaExamination): readonly Finding[] {
  if (missing === undefined) return [];
  if (config.template?.topics.includes('*')) {
    const what = 'the rights on topics that models name were not looked at: they may name any (template.topics)';
    return [note('Kafka', what, '')];
  }
  if (byPattern === undefined) return [];
  const { looked, more, unwritable } = byPattern;
  const patterns = topicPatterns(config).join(', ');
  const unlooked = `Kafka has ${count(more, 'topic')} more that match ${patterns}, and the rights on them were not looked at`;
  if (looked === 0) {
    const what = `no topic that this user may see matches ${patterns}, so its rights on what models name were not looked at`;
    return [note('Kafka', what, 'Have those topics made, and grant WRITE on them.')];
  }
  const [first = ''] = unwritable;
  const all = `${unwritable.slice(0, SHOWN).join(', ')}${unwritable.length > SHOWN ? ', …' : ''}`;
  const of = `${unwritable.length} of the ${count(looked, 'topic')} that models may name as ${patterns}`;
  return [
    ...(unwritable.length === 0
      ? []
      : [
          problem(
            'Kafka',
            `this user may not WRITE ${of}: ${all}`,
            `Each. ${grant(config, ['WRITE'], 'topic', first)}`,
          ),
        ]),
    ...(more === 0 ? [] : [note('Kafka', unlooked, '')]),
  ];
}

function groupFindings(config: Config, { group }: KafkaExamination): readonly Finding[] {
  if (group === undefined || group.kind === 'unsaid' || (group.kind === 'said' && group.may.has('READ'))) return [];
  const name = groupOf(config.cluster);
  const what = `this user may not ${group.kind === 'denied' ? 'see' : 'READ'} the consumer group ${name}, which reads the replies`;
  return [critical('Kafka', what, grant(config, ['READ'], 'group', name))];
}

function unsaid({ missing, group }: KafkaExamination): readonly Finding[] {
  if (missing !== undefined && group?.kind !== 'unsaid') return [];
  const what = missing === undefined ? 'the rights of this user were' : 'the rights on the consumer group were';
  const why = missing === undefined ? 'Kafka is older than 2.3 and does not tell them' : 'Kafka did not tell them';
  return [note('Kafka', `${what} not looked at: ${why}`, '')];
}

function versionFindings({ levels }: KafkaExamination): readonly Finding[] {
  const { supported, finalized } = levels ?? {};
  if (supported === undefined) {
    return [note('Kafka', 'its version was not seen: brokers tell it since 3.3', '')];
  }
  const [release, agreed] = [releaseOf(supported), releaseOf(finalized ?? supported)];
  if (release.startsWith('newer')) {
    const what = `it is newer than ${KAFKA_TESTED}, the newest that was tested (its metadata.version goes up to ${supported})`;
    return [note('Kafka', what, '')];
  }
  if (release === agreed) return [];
  const what = `the broker is of Kafka ${release}, and the cluster still works as ${agreed} (metadata.version ${finalized})`;
  return [
    note(
      'Kafka',
      what,
      `When all brokers are of ${release}: "kafka-features.sh upgrade --release-version ${release}".`,
    ),
  ];
}

/** `, 4.3`; nothing when it is not known. */
export function kafkaRelease({ levels }: KafkaExamination): string {
  return levels?.supported === undefined ? '' : `, ${releaseOf(levels.supported)}`;
}
