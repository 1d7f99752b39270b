// Calls that wait before the load begins: instances are started as fast as the engine takes them, while the service holds
// its answers back, until the nodes say that they hold so many.

import { ZeebeCallError } from '../../src/gateway/zeebe/answers.ts';
import { openZeebe } from '../../src/gateway/zeebe/client.ts';
import type { ZeebeSettings } from '../../src/gateway/zeebe/connection.ts';

const IN_FLIGHT = 100;
const CALL_MS = 30_000;
const RETRY_MS = 200;

/** Resolves when the engine has so many more instances. @param progress told of every thousandth */
export async function startInstances(
  settings: ZeebeSettings,
  processId: string,
  count: number,
  payloadBytes: number,
  progress: (started: number) => void,
): Promise<void> {
  const engine = await openZeebe(settings);
  let [asked, started] = [0, 0];
  const one = async () => {
    while (asked < count) {
      asked += 1;
      const variables = JSON.stringify({ token: crypto.randomUUID(), filler: 'x'.repeat(payloadBytes) });
      for (let made = false; !made; ) {
        try {
          await engine.call('CreateProcessInstance', { bpmnProcessId: processId, version: -1, variables }, CALL_MS);
          made = true;
        } catch (error) {
          if (!(error instanceof ZeebeCallError)) throw error;
          await new Promise((resolve) => setTimeout(resolve, RETRY_MS * (0.5 + Math.random())));
        }
      }
      started += 1;
      if (started % 1_000 === 0) progress(started);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, count) }, one));
  } finally {
    engine.close();
  }
}
