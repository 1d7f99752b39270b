// Makes the topic that the example services read, and deploys the process that asks them: `node deploy/examples/tutorial/deploy.ts`,
// with KAFKA_BOOTSTRAP_SERVERS and ZEEBE_GRPC_ADDRESS set. Elsewhere this is Camunda Modeler's work, and of whoever owns Kafka.
import { fileURLToPath } from 'node:url';
import { Camunda8 } from '@camunda8/sdk';
import { Kafka, logLevel } from 'kafkajs';

const TOPIC = 'payments.requests';
const MODEL = fileURLToPath(new URL('charge-card.bpmn', import.meta.url));

const brokers = (process.env.KAFKA_BOOTSTRAP_SERVERS ?? '').split(',');
const admin = new Kafka({ brokers, logLevel: logLevel.ERROR }).admin();
await admin.connect();
await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: 3 }] });
await admin.disconnect();
console.log(`topic ${TOPIC} is there`);

const zeebe = new Camunda8({ zeebeGrpcSettings: { ZEEBE_CLIENT_LOG_LEVEL: 'NONE' } }).getZeebeGrpcApiClient();
const { deployments } = await zeebe.deployResource({ processFilename: MODEL });
await zeebe.close();
for (const { process: deployed } of deployments)
  console.log(`process ${deployed.bpmnProcessId} is deployed, version ${deployed.version}`);
