// Makes the topic that the example services read, and deploys the process that asks them: `node deploy/examples/tutorial/deploy.ts`,
// with KAFKA_BOOTSTRAP_SERVERS and ZEEBE_GRPC_ADDRESS set; harmless to repeat. Elsewhere this is done with Camunda Modeler and
// Kafka's own tools.
import { readFile } from 'node:fs/promises';
import { connectKafka } from '../../../src/gateway/kafka/connect.ts';
import { SILENT } from '../../../src/gateway/log.ts';
import { deployProcesses } from '../../../src/gateway/zeebe/deploy.ts';

const TOPIC = 'payments.requests';
const FILE = 'charge-card.bpmn';

const brokers = (process.env.KAFKA_BOOTSTRAP_SERVERS ?? '').split(',');
const admin = connectKafka({ brokers }, SILENT).admin();
await admin.connect();
const isNew = await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: 3 }] });
await admin.disconnect();
console.log(`topic ${TOPIC} ${isNew ? 'is made' : 'is there already'}`);

const bpmn = await readFile(new URL(FILE, import.meta.url), 'utf8');
for (const { bpmnProcessId, version } of await deployProcesses([{ name: FILE, bpmn }]))
  console.log(`process ${bpmnProcessId} is deployed, version ${version}`);
