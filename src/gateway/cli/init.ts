// `holdfast init`: makes the bucket, the audit and the topics, and says of each whether it was made or stands. Harmless to repeat.
// A server that is away does not keep the other one from being prepared.
import { auditStreamName, makeAuditStream } from '../../cluster/nats/audit-stream.ts';
import { bucketName, makeBucket } from '../../cluster/nats/bucket.ts';
import { Inbox } from '../../cluster/nats/inbox.ts';
import { NatsKv } from '../../cluster/nats/kv.ts';
import type { Config } from '../config/config.ts';
import { connectKafka } from '../kafka/connect.ts';
import { KafkaTopics } from '../kafka/topics.ts';
import { SILENT } from '../log.ts';
import { ensureMeta } from '../meta.ts';
import { productVersion } from '../product.ts';
import { makeTopic, serverCount, topicSpecs, wantedReplicas } from '../provision.ts';
import { SystemRandom } from '../system-clock.ts';
import { EXIT } from './exit.ts';
import { reachNats } from './look.ts';

/** Answers the exit code. */
export async function init(config: Config): Promise<number> {
  const steps = await Promise.allSettled([initNats(config), initKafka(config)]);
  let code: number = EXIT.fine;
  for (const step of steps) {
    if (step.status === 'fulfilled') {
      process.stdout.write(step.value.map((line) => `${line}\n`).join(''));
    } else {
      code = EXIT.failed;
      process.stderr.write(`holdfast: ${step.reason instanceof Error ? step.reason.message : step.reason}\n`);
    }
  }
  return code;
}

async function initNats(config: Config): Promise<string[]> {
  await using link = await reachNats(config, 'holdfast init');
  const inbox = new Inbox(link);
  const replicas = wantedReplicas(config, serverCount(link));
  const made = await makeBucket(inbox, config.cluster, replicas, productVersion());
  const bucket = bucketName(config.cluster);
  await ensureMeta(new NatsKv(link, inbox, bucket), config, new SystemRandom());
  const audit = await makeAuditStream(inbox, config.cluster, replicas, productVersion());
  return [
    `bucket ${bucket}: ${made === 'made' ? `made, replicas ${replicas}, ${config.shards} shards` : 'stands'}`,
    `audit ${auditStreamName(config.cluster)}: ${audit === 'made' ? `made, replicas ${replicas}` : 'stands'}`,
  ];
}

async function initKafka(config: Config): Promise<string[]> {
  const kafka = connectKafka(
    { brokers: config.kafkaBrokers, security: config.kafkaSecurity, clientId: 'holdfast-init' },
    SILENT,
  );
  const topics = new KafkaTopics(kafka);
  try {
    const lines: string[] = [];
    for (const spec of topicSpecs(config)) {
      const made = await makeTopic(topics, spec);
      lines.push(`topic ${spec.name}: ${made ? `made, partitions ${spec.partitions}` : 'stands'}`);
    }
    return lines;
  } finally {
    await topics.close();
  }
}
