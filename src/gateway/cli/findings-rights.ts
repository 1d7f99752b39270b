// What `holdfast doctor` makes of its closer look at the servers: rights that are missing, clocks that differ, copies that lag,
// room that runs out. Pure.
import type { KafkaExamination } from './examine-kafka.ts';
import type { Copies, NatsExamination } from './examine-nats.ts';
import { bytes, critical, type Finding, note, problem } from './finding.ts';
import { MAX_SKEW_MS } from './findings-nodes.ts';
import { span } from './words.ts';

/** Log entries behind the leader: what a follower makes good within a moment is not worth a word. */
const MUCH_LAG = 1_000;
const NEARLY_FULL = 0.8;

export function natsExaminationFindings({
  denied,
  cannotMakeBucket,
  skewMs,
  copies,
  storage,
}: NatsExamination): Finding[] {
  const found: Finding[] = denied.map(({ right, subject, need }) => {
    const what = `this user may not ${right} ${right === 'publish' ? `to ${subject}` : `to the subject ${subject}`}`;
    return critical('NATS', `${what}, which a node needs ${need}`, `Grant it: ${right} on ${pattern(subject)}.`);
  });
  if (cannotMakeBucket) {
    const remedy = 'Have "holdfast init" run by a user who may; nodes need not.';
    found.push(problem('NATS', 'the bucket is not made yet, and this user may not make it', remedy));
  }
  if (skewMs === undefined) {
    found.push(note('NATS', 'the clocks were not compared: the server did not tell its time', ''));
  } else if (Math.abs(skewMs) > MAX_SKEW_MS) {
    const what = `the server's clock is ${span(Math.abs(skewMs))} ${skewMs > 0 ? 'ahead of' : 'behind'} the clock here`;
    found.push(
      critical('NATS', what, 'Set both by NTP or chrony: beyond a second a node that runs here is not ready.'),
    );
  }
  if (copies !== undefined) found.push(...copyFindings(copies));
  if (storage !== undefined && storage.usedBytes > storage.mostBytes * NEARLY_FULL) {
    const share = `${bytes(storage.usedBytes)} of the ${bytes(storage.mostBytes)} of storage that the account may use`;
    found.push(problem('NATS', `${share} are used`, 'Raise the limit: in a full store no job can be held any more.'));
  }
  return found;
}

function copyFindings({ leader, followers }: Copies): readonly Finding[] {
  const remedy = 'Look at that NATS server: without it, the loss of another one stops the bucket.';
  return [
    ...(leader === undefined || leader === ''
      ? [critical('NATS', 'the bucket has no leader, and takes no writes', 'Bring a majority of its servers back.')]
      : []),
    ...followers
      .filter(({ offline }) => offline === true)
      .map(({ name }) => problem('NATS', `the copy of the bucket on ${name} is offline`, remedy)),
    ...followers
      .filter(({ offline, current, lag = 0 }) => offline !== true && (!current || lag > MUCH_LAG))
      .map(({ name, lag = 0 }) =>
        problem('NATS', `the copy of the bucket on ${name} is ${lag} entries behind`, remedy),
      ),
  ];
}

export function kafkaExaminationFindings({ cannotMake, deniedGroup }: KafkaExamination): Finding[] {
  const found = cannotMake.map(({ topic, reason }) =>
    problem(
      'Kafka',
      `the topic ${topic} is missing, and this user could not make it: ${reason}`,
      'Have "holdfast init" run by a user who may, or grant CREATE on it.',
    ),
  );
  if (deniedGroup === undefined) return found;
  const what = `this user may not see the consumer group ${deniedGroup}, which reads the replies`;
  return [...found, critical('Kafka', what, 'Grant DESCRIBE and READ on the group.')];
}

/** With the part that was invented for the try as a wildcard. */
function pattern(subject: string): string {
  return subject.replace(
    /\bdoctor_\w+\.\d+$|\bdoctor_\w+\.>$|\bdoctor_\w+\.commands$|\bdoctor_\w+$|(?<=\.)_?doctor$/,
    '>',
  );
}
