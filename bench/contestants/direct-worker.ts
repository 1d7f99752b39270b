// The worker of `direct`, a process of its own. It takes jobs with the product's own source (stream and poll) and client,
// so that between it and the product stands only what the product does more.
import type { JobKey } from '../../src/actors/ids.ts';
import { JobSource } from '../../src/gateway/intake/source.ts';
import type { ActivatedJob } from '../../src/gateway/ports.ts';
import { SystemClock, SystemRandom } from '../../src/gateway/system-clock.ts';
import { openZeebe } from '../../src/gateway/zeebe/client.ts';
import { serve } from '../parts/child.ts';

export interface WorkerOrder {
  readonly kind: 'start';
  readonly zeebeAddress: string;
  readonly jobType: string;
}

export interface WorkerSaid {
  readonly kind: 'ready';
}

const LOCK_MS = 60_000;
const CALL_MS = 10_000;

serve<WorkerOrder, WorkerSaid>((order, say) => {
  void start(order).then(() => say({ kind: 'ready' }));
});

async function start({ zeebeAddress, jobType }: WorkerOrder): Promise<void> {
  const engine = await openZeebe({ ZEEBE_GRPC_ADDRESS: `grpc://${zeebeAddress}`, CAMUNDA_AUTH_STRATEGY: 'NONE' });
  const complete = async ({ key, variables }: ActivatedJob) => {
    const { token } = JSON.parse(variables) as { token: string };
    await engine.complete(key as JobKey, JSON.stringify({ answer: { token, filler: '' } }), CALL_MS);
  };
  new JobSource({
    engine,
    clock: new SystemClock(),
    random: new SystemRandom(),
    query: () => ({ jobType, worker: 'direct', lockMs: LOCK_MS, fetchVariables: [], tenantIds: ['<default>'] }),
    wants: () => 500,
    onJob: (job) => void complete(job),
    onEvent: () => {},
  });
}
