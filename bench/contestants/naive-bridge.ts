// The bridge that one would write by hand, as fair as we can: the official SDK's worker takes jobs, `forward()` tells it that
// somebody else will complete them, a map remembers which, kafkajs sends the request and reads the replies, and the reply
// handler completes the job. A poll every 50 ms instead of the SDK's 300, because whoever measures would find that
// setting. Nothing is stored: a crash forgets every job in the map, and drops the replies to them.
import { Camunda8 } from '@camunda8/sdk';
import { Kafka, logLevel } from 'kafkajs';
import { serve } from '../parts/child.ts';

export interface NaiveOrder {
  readonly kind: 'start';
  readonly zeebeAddress: string;
  readonly kafkaBrokers: string;
  readonly jobType: string;
  readonly requestTopic: string;
  readonly replyTopic: string;
  /** Does the reply handler await completeJob? */
  readonly awaited: boolean;
  readonly lockMs: number;
}

export interface NaiveSaid {
  readonly kind: 'ready';
}

const POLL_MS = 50;
const JOBS = 500;

serve<NaiveOrder, NaiveSaid>((order, say) => {
  void start(order).then(() => say({ kind: 'ready' }));
});

async function start(order: NaiveOrder): Promise<void> {
  const { zeebeAddress, kafkaBrokers, jobType, requestTopic, replyTopic, awaited, lockMs } = order;
  const kafka = new Kafka({ clientId: 'naive', brokers: kafkaBrokers.split(','), logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  const consumer = kafka.consumer({ groupId: `naive-${jobType}`, maxWaitTimeInMs: 100 });
  const engine = new Camunda8({
    ZEEBE_GRPC_ADDRESS: `grpc://${zeebeAddress}`,
    CAMUNDA_AUTH_STRATEGY: 'NONE',
    zeebeGrpcSettings: { ZEEBE_CLIENT_LOG_LEVEL: 'NONE' },
  }).getZeebeGrpcApiClient();
  const jobs = new Map<string, string>();

  await Promise.all([producer.connect(), consumer.connect()]);
  await consumer.subscribe({ topics: [replyTopic], fromBeginning: true });
  const joined = new Promise<void>((resolve) => consumer.on(consumer.events.GROUP_JOIN, () => resolve()));
  await consumer.run({
    eachMessage: async ({ message }) => {
      const id = String(message.headers?.kafka_correlationId);
      const jobKey = jobs.get(id);
      if (jobKey === undefined) return; // whose job it was is not known any more
      jobs.delete(id);
      const completed = engine.completeJob({ jobKey, variables: JSON.parse(String(message.value)) });
      if (awaited) await completed;
      else completed.catch(() => undefined);
    },
  });
  await joined;

  engine.createWorker({
    taskType: jobType,
    pollInterval: POLL_MS,
    timeout: lockMs,
    maxJobsToActivate: JOBS,
    taskHandler: async (job) => {
      const id = crypto.randomUUID();
      jobs.set(id, job.key);
      const headers = { kafka_correlationId: id, kafka_replyTopic: replyTopic };
      await producer.send({
        topic: requestTopic,
        messages: [{ key: id, value: JSON.stringify(job.variables), headers }],
      });
      return job.forward();
    },
  });
}
