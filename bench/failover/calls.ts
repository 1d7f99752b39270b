// Calls of a measurement of trouble: those that go on all the while, and those that wait for their replies when it comes.
import { eventually } from '../../test/support/eventually.ts';
import type { Running } from '../contestants/contestant.ts';
import { direct } from '../contestants/direct.ts';
import type { Plan } from '../load/arrivals.ts';
import type { StarterOrder, StarterSaid } from '../load/starter.ts';
import { Child } from '../parts/child.ts';
import type { ServiceSaid } from '../parts/service.ts';
import type { Stage } from '../parts/stage.ts';

export type Load = Child<StarterOrder, StarterSaid>;
export type Counted = Extract<ServiceSaid, { kind: 'counted' }>;
type Serviced = Running & { readonly service: NonNullable<Running['service']> };

const PAYLOAD_BYTES = 134;

export function startLoad(stage: Stage, processId: string, plan: Plan, patienceS = 30): Load {
  const order: StarterOrder = {
    kind: 'start',
    engine: stage.engine,
    processId,
    plan,
    share: 0,
    shares: 1,
    payloadBytes: PAYLOAD_BYTES,
    patienceS,
    warmUpS: 0,
    tellEveryMs: 1_000,
  };
  return new Child<StarterOrder, StarterSaid>('load', new URL('../load/starter.ts', import.meta.url), order);
}

export async function count({ service }: Serviced): Promise<Counted> {
  const counted = service.next('counted');
  service.tell({ kind: 'count' });
  return counted;
}

/** Code that has never run is slow, and no cluster in use is in that state. */
export async function warmUp(stage: Stage, running: Serviced, seconds = 5, perSecond = 60): Promise<void> {
  const phases = [{ seconds, fromPerSecond: perSecond, toPerSecond: perSecond }];
  const load = startLoad(stage, running.processId, { kind: 'open', phases });
  try {
    allEnded(await load.next('done'));
  } finally {
    await load.stop();
  }
}

/** The same of the engine, which compiles itself at the cost of whoever shares its cores, for the first ten thousand jobs. */
export async function warmEngine(stage: Stage, seconds = 25): Promise<void> {
  const running = await direct.start(stage);
  try {
    const load = startLoad(stage, running.processId, { kind: 'closed', inFlight: 50, seconds });
    try {
      await load.next('done');
    } finally {
      await load.stop();
    }
  } finally {
    await running.stop();
  }
}

/** So many instances whose requests the service has, and keeps until it is told to release them. */
export async function waitingCalls(stage: Stage, running: Serviced, calls: number, patienceS: number): Promise<Load> {
  const before = await count(running);
  running.service.tell({ kind: 'hold' });
  const phases = [{ seconds: 2, fromPerSecond: calls / 2, toPerSecond: calls / 2 }];
  const load = startLoad(stage, running.processId, { kind: 'open', phases }, patienceS);
  const there = async () => (await count(running)).requests - before.requests >= calls;
  try {
    await eventually(`the service to have ${calls} requests`, there, {
      deadlineMs: 60_000,
      everyMs: 10,
      diagnose: () => count(running),
    });
    return load;
  } catch (error) {
    await load.stop();
    throw error;
  }
}

/** @throws when an instance failed, or had the answer of another */
export function allEnded({ tally, faults }: Pick<Extract<StarterSaid, { kind: 'done' }>, 'tally' | 'faults'>): void {
  const { started, completed, failed } = tally;
  if (failed + started - completed === 0) return;
  throw new Error(
    `of ${started} instances ${completed} ended with their answer, ${failed} failed: ${faults.slice(0, 3).join('; ')}`,
  );
}
