// Starts one process instance for each card that is named, and says how each ends:
// `node deploy/examples/tutorial/order.ts ok declined slow`, with ZEEBE_GRPC_ADDRESS set.
import { Camunda8 } from '@camunda8/sdk';

const WAIT_MS = 1_800_000;

const zeebe = new Camunda8({ zeebeGrpcSettings: { ZEEBE_CLIENT_LOG_LEVEL: 'NONE' } }).getZeebeGrpcApiClient();
await Promise.all(process.argv.slice(2).map((card, i) => order(`o-${i + 1}`, card)));
await zeebe.close();

/** Waits for its end. */
async function order(orderId: string, card: string): Promise<void> {
  console.log(`${orderId}: an order is placed, to be paid with the card "${card}"`);
  const { variables } = await zeebe.createProcessInstanceWithResult({
    bpmnProcessId: 'tutorial-order',
    variables: { order: { orderId, card, amount: 25 } },
    fetchVariables: ['payment', 'limit'],
    requestTimeout: WAIT_MS,
  });
  console.log(`${orderId}: ended with ${JSON.stringify(variables)}`);
}
