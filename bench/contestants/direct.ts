// The ceiling: a worker on the raw gateway protocol, stream and poll, that completes each job at once. No Kafka, nothing
// held, nothing stored: what engine and machine can do at most.
import { Child } from '../parts/child.ts';
import { type Contestant, ground } from './contestant.ts';
import type { WorkerOrder, WorkerSaid } from './direct-worker.ts';

export const direct: Contestant = {
  name: 'direct',
  what: 'a raw gRPC worker that completes at once; no Kafka',
  async start(stage) {
    const { name } = await ground(stage, 'direct', []);
    const order: WorkerOrder = { kind: 'start', zeebeAddress: stage.zeebeAddress, jobType: name };
    const worker = new Child<WorkerOrder, WorkerSaid>(
      'direct worker',
      new URL('direct-worker.ts', import.meta.url),
      order,
    );
    await worker.next('ready', 60_000);
    return {
      processId: name,
      pids: () => [worker.pid],
      nats: undefined,
      service: undefined,
      stop: () => worker.stop(),
    };
  },
};
