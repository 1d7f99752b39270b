// kafka-connect-zeebe, the way of two symbols: its source connector polls for jobs, publishes each and completes it as soon as
// Kafka has it; the process then waits in a catch event; its sink connector publishes the service's answer as a message,
// which the engine correlates. Nothing is held between the two, and what is in the Connect worker has no state to lose.
import { publishAndWaitProcess } from '../../test/support/bpmn.ts';
import { type Properties, startConnectWorker } from '../parts/connect-worker.ts';
import { type Contestant, type Ground, ground, startService } from './contestant.ts';

const TOPIC_HEADER = 'kafka-topic';
const JOBS = 500;

/** @param pluginDir an unpacked release */
export function connect(pluginDir: string): Contestant {
  return {
    name: 'kafka-connect-zeebe',
    what: 'two symbols: a task whose job is completed when Kafka has its record, and a message catch event for the answer',
    async start(stage, options = {}) {
      const own = await ground(stage, 'connect', twoSymbols);
      const { name, requestTopic, replyTopic } = own;
      const contract = { kind: 'zeebeMessage', messageName: name, replyTopic } as const;
      const service = await startService(stage, requestTopic, options, contract);
      const { zeebeAddress, kafkaBrokers: brokers } = stage;
      const connectors = [sourceOf(own, zeebeAddress, options.lockMs), sinkOf(own, zeebeAddress)];
      try {
        const worker = await startConnectWorker({ brokers, pluginDir, connectors });
        return {
          processId: name,
          pids: () => [worker.server.pid],
          nats: undefined,
          service,
          async stop() {
            await Promise.all([worker.stop(), service.stop()]);
          },
        };
      } catch (error) {
        await service.stop();
        throw error;
      }
    },
  };
}

/** The task names the topic, and the variable `token` is what the message is correlated by. */
export function twoSymbols({ name, requestTopic }: Ground): string {
  return publishAndWaitProcess({
    processId: name,
    jobType: name,
    headers: { [TOPIC_HEADER]: requestTopic },
    messageName: name,
    correlationKey: '=token',
  });
}

export function sourceOf({ name }: Ground, zeebeAddress: string, lockMs?: number): Properties {
  return {
    name: `${name}-source`,
    'connector.class': 'io.zeebe.kafka.connect.ZeebeSourceConnector',
    // Tasks divide job types among themselves; there is one.
    'tasks.max': '1',
    ...clientOf(zeebeAddress),
    'job.types': name,
    'job.header.topics': TOPIC_HEADER,
    'zeebe.client.worker.maxJobsActive': String(JOBS),
    // Its default of 5 s is enough: a job is only locked until its record is in Kafka.
    ...(lockMs === undefined ? {} : { 'zeebe.client.job.timeout': String(lockMs) }),
  };
}

export function sinkOf({ name, replyTopic }: Ground, zeebeAddress: string): Properties {
  return {
    name: `${name}-sink`,
    'connector.class': 'io.zeebe.kafka.connect.ZeebeSinkConnector',
    'tasks.max': '1',
    ...clientOf(zeebeAddress),
    topics: replyTopic,
    // The service's keys are plain text, and the sink's task dies of the first record that cannot be converted.
    'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'message.path.messageName': '$.messageName',
    'message.path.correlationKey': '$.correlationKey',
    'message.path.variables': '$.variables',
  };
}

function clientOf(zeebeAddress: string): Properties {
  return {
    'zeebe.client.gateway.address': zeebeAddress,
    'zeebe.client.security.plaintext': 'true',
  };
}
