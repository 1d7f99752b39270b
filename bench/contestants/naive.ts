// What one would write by hand without durability (naive-bridge.ts), in both ways in which one would write it.
import { Child } from '../parts/child.ts';
import type { Stage } from '../parts/stage.ts';
import { type Contestant, type ContestOptions, clearGround, ground, type Running, startService } from './contestant.ts';
import type { NaiveOrder, NaiveSaid } from './naive-bridge.ts';

export interface NaiveRunning extends Running {
  readonly service: NonNullable<Running['service']>;
  /** SIGKILL, and at once another process in its place; resolves when that one has joined the group. */
  killAndStart(): Promise<void>;
}

export interface Naive extends Contestant {
  start(stage: Stage, options?: ContestOptions): Promise<NaiveRunning>;
}

export const naive = contestant('naive', 'SDK worker, a map of jobs, kafkajs; the completion is not awaited', false);
export const naiveAwaited = contestant('naive, awaited', 'the same; the reply handler awaits completeJob', true);

function contestant(name: string, what: string, awaited: boolean): Naive {
  return {
    name,
    what,
    async start(stage, options = {}) {
      const own = await ground(stage, 'naive', ['requestTopic', 'replyTopic']);
      await using starting = new AsyncDisposableStack();
      starting.defer(() => clearGround(stage, own));
      const { name: jobType, requestTopic, replyTopic } = own;
      const service = await startService(stage, requestTopic, options);
      starting.defer(() => service.stop());
      const { zeebeAddress, kafkaBrokers } = stage;
      const { lockMs = 60_000 } = options;
      const order: NaiveOrder = {
        kind: 'start',
        zeebeAddress,
        kafkaBrokers,
        jobType,
        requestTopic,
        replyTopic,
        awaited,
        lockMs,
      };
      const program = new URL('naive-bridge.ts', import.meta.url);
      const another = () => new Child<NaiveOrder, NaiveSaid>(name, program, order);
      let bridge = another();
      starting.defer(() => bridge.stop());
      await bridge.next('ready', 60_000);
      const running = starting.move();
      return {
        processId: jobType,
        pids: () => [bridge.pid],
        nats: undefined,
        service,
        async killAndStart() {
          bridge.kill('SIGKILL');
          bridge = another();
          await bridge.next('ready', 120_000);
        },
        stop: () => running.disposeAsync(),
      };
    },
  };
}
