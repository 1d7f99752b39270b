// What an operator sees of the cluster and does to it, put together for one node: reading, acting, dead letters, the audit.
import type { Kafka } from 'kafkajs';
import type { Clock, Random } from '../actors/ports.ts';
import { NatsAuditStream } from '../cluster/nats/audit-stream.ts';
import type { Inbox } from '../cluster/nats/inbox.ts';
import type { Bridge } from './bridge.ts';
import type { Config } from './config/config.ts';
import { KafkaLetterLog } from './kafka/letter-log.ts';
import type { Log } from './log.ts';
import { actOperations } from './operations/acts.ts';
import { AuditTrail, auditOperations } from './operations/audit.ts';
import { type DeadLetterOperations, deadLetterOperations } from './operations/dead-letter-operations.ts';
import type { Operations } from './operations/operations.ts';
import type { RecordWriter } from './ports.ts';
import { productVersion } from './product.ts';

export interface NodeOperationsOptions {
  readonly bridge: Pick<Bridge, 'cluster' | 'operations'>;
  readonly config: Pick<Config, 'cluster' | 'node' | 'deadLetterTopic' | 'replyTopic' | 'headerNames'>;
  readonly inbox: Inbox;
  readonly kafka: Kafka;
  readonly writer: RecordWriter;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Of the streams that this node makes. */
  replicas(): number;
}

export interface NodeOperations extends Operations, Pick<DeadLetterOperations, 'runs'> {
  /** What runs is stopped, and audited. */
  close(): Promise<void>;
}

export function operationsOf(options: NodeOperationsOptions): NodeOperations {
  const { bridge, config, inbox, kafka, writer, clock, random, log, replicas } = options;
  const { cluster, node, deadLetterTopic, replyTopic, headerNames: names } = config;
  const seen = bridge.operations;
  const store = new NatsAuditStream(inbox, cluster, replicas, productVersion());
  const audit = new AuditTrail({ store, clock, random, log, node });
  const letterLog = new KafkaLetterLog(kafka, deadLetterTopic);
  const topics = { log: letterLog, writer, names, replyTopic };
  const letters = deadLetterOperations({ ...topics, seen, audit, clock, random, node });
  return {
    cluster: () => seen.cluster(),
    flow: (seconds) => seen.flow(seconds),
    routes: () => seen.routes(),
    jobs: (query) => seen.jobs(query),
    job: (jobKey, withPayload) => seen.job(jobKey, withPayload),
    outcomes: (query) => seen.outcomes(query),
    ...actOperations({ cluster: bridge.cluster, seen, audit, config }),
    ...auditOperations(audit),
    ...letters,
    close: async () => {
      await letters.close();
      await letterLog.close();
    },
  };
}
