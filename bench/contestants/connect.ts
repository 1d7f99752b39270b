// kafka-connect-zeebe, the way of two symbols: its source connector polls for jobs, publishes each and completes it as soon as
// Kafka has it; the process then waits in a catch event; its sink connector publishes the service's answer as a message,
// which the engine correlates. No job is held meanwhile: the engine does the waiting.
//
// Tuned after its documents and its source (0.51); what is not named below is its default. A poll interval is not among it:
// nobody reads the `zeebe.client.job.pollinterval` of its examples. An empty poll is followed by a pause of 200 ms, then 400,
// and so on up to the source's `zeebe.client.requestTimeout`. That is left at its second: a shorter one shortens the
// pauses, but it is also the deadline of completions, which are not repeated, and in a trial on a busy machine some
// requests were then executed twice. Its own sample asks for ten seconds, and would pause as long.
import { publishAndWaitProcess } from '../../test/support/bpmn.ts';
import { type Properties, startConnectWorker } from '../parts/connect-worker.ts';
import { type Contestant, clearGround, type Ground, ground, startService } from './contestant.ts';

const TOPIC_HEADER = 'kafka-topic';
/** As many as the naive bridge asks for at a time; its own default is 100. */
const JOBS = 500;
/** The worker is a JVM: it compiles what it runs. */
const WARM_UP_S = 10;

/** @param pluginDir an unpacked release */
export function connect(pluginDir: string): Contestant {
  return {
    name: 'kafka-connect-zeebe',
    what: 'two symbols: a task whose job is completed when Kafka has its record, and a message catch event for the answer',
    warmUpS: WARM_UP_S,
    async start(stage, options = {}) {
      const own = await ground(stage, 'connect', ['requestTopic', 'replyTopic'], twoSymbols);
      await using starting = new AsyncDisposableStack();
      starting.defer(() => clearGround(stage, own));
      const { name, requestTopic, replyTopic } = own;
      const contract = { kind: 'zeebeMessage', messageName: name, replyTopic } as const;
      const service = await startService(stage, requestTopic, options, contract);
      starting.defer(() => service.stop());
      const { zeebeAddress, kafkaBrokers: brokers } = stage;
      const connectors = [sourceOf(own, zeebeAddress, options.lockMs), sinkOf(own, zeebeAddress)];
      const worker = await startConnectWorker({ brokers, pluginDir, connectors });
      starting.defer(() => worker.stop());
      const running = starting.move();
      return {
        processId: name,
        pids: () => [worker.server.pid],
        nats: undefined,
        service,
        stop: () => running.disposeAsync(),
      };
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
    // One per partition of the topic: a task waits for its whole batch before it takes the next.
    'tasks.max': '3',
    ...clientOf(zeebeAddress),
    topics: replyTopic,
    // The service's keys are plain text, and the sink's task dies of the first record that cannot be converted.
    'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
    // As its sample has it: what has not been answered within this time is published again.
    'zeebe.client.requestTimeout': '10000',
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
