// What the kernel promises: order, one message in flight, bounds, an answer for everyone who asked, supervision.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Actor, type Supervision } from '../../src/actors/actor.ts';
import type { ActorFailure } from '../../src/actors/actor-cell.ts';
import { ActorSystem, type ActorSystemOptions } from '../../src/actors/actor-system.ts';
import { ActorStopped, AskTimeout, MailboxFull, NameTaken } from '../../src/actors/kernel-errors.ts';
import { ManualClock, settled } from '../support/manual-clock.ts';

function newSystem(options: Partial<ActorSystemOptions> = {}) {
  const clock = new ManualClock();
  const failures: ActorFailure[] = [];
  const system = new ActorSystem(clock, { onFailure: (failure) => failures.push(failure), ...options });
  const wait = (ms: number) => new Promise<void>((resolve) => clock.setTimer(ms, resolve));
  return { clock, failures, system, wait };
}

/** Does what each message says, and writes down what the kernel did to it. */
class Scripted extends Actor<() => unknown, unknown> {
  readonly log: string[] = [];
  readonly verdict: Supervision | undefined;
  constructor(verdict?: Supervision) {
    super();
    this.verdict = verdict;
  }
  receive(message: () => unknown): unknown {
    return message();
  }
  override beforeStart(): void | Promise<void> {
    this.log.push('beforeStart');
  }
  override afterStart(): void {
    this.log.push('afterStart');
  }
  override beforeShutdown(): void {
    this.log.push('beforeShutdown');
  }
  override afterShutdown(): void | Promise<void> {
    this.log.push('afterShutdown');
  }
  override onError(): Supervision {
    if (!this.verdict) throw new Error('no verdict');
    return this.verdict;
  }
}

const fails = (text: string) => () => {
  throw new Error(text);
};

test('ten times "read, wait, write n + 1" leave n = 10', async () => {
  const { clock, system, wait } = newSystem();
  class Counter extends Actor<'add', number> {
    n = 0;
    async receive(): Promise<number> {
      const read = this.n;
      await wait(10);
      this.n = read + 1;
      return this.n;
    }
  }
  const counter = system.spawn('counter', new Counter());
  const answers = Promise.all(Array.from({ length: 10 }, () => counter.ask('add')));
  await clock.advance(100);
  expect(await answers).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test('messages are handled in the order they were handed over, one at a time, whoever waits for what', async () => {
  const work = fc.record({
    sentAtMs: fc.nat(20),
    takesMs: fc.option(fc.nat(10)),
    fails: fc.boolean(),
    asks: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(work, { maxLength: 30 }), async (works) => {
      const { clock, system, wait } = newSystem();
      const handedOver: number[] = [];
      const begun: number[] = [];
      const answered: [number, unknown][] = [];
      let inFlight = 0;
      class Worker extends Actor<number, number> {
        receive(index: number): number | Promise<number> {
          expect(++inFlight).toBe(1);
          begun.push(index);
          const { takesMs, fails } = works[index]!;
          const end = () => {
            inFlight--;
            if (fails) throw new Error(`${index} failed`);
            return index;
          };
          return takesMs === null ? end() : wait(takesMs).then(end);
        }
      }
      const worker = system.spawn('worker', new Worker());
      for (const [index, { sentAtMs, asks }] of works.entries()) {
        clock.setTimer(sentAtMs, () => {
          handedOver.push(index);
          if (!asks) return worker.send(index);
          worker.ask(index, 1000).then(
            (answer) => answered.push([index, answer]),
            (error) => answered.push([index, error.message]),
          );
        });
      }
      await clock.advance(500);
      expect(begun).toEqual(handedOver);
      const asked = handedOver.filter((index) => works[index]!.asks);
      expect(answered).toEqual(asked.map((index) => [index, works[index]!.fails ? `${index} failed` : index]));
    }),
    { numRuns: 60 },
  );
});

test('handing over a message runs nothing of the receiver before the sender goes on', async () => {
  const { system } = newSystem();
  const seen: string[] = [];
  const actor = system.spawn('a', new Scripted('Resume'));
  await settled();
  actor.send(() => seen.push('receiver'));
  seen.push('sender');
  await settled();
  expect(seen).toEqual(['sender', 'receiver']);
});

test('an actor that sends to itself is not entered twice', async () => {
  const { system } = newSystem();
  const seen: string[] = [];
  const actor = system.spawn('a', new Scripted('Resume'));
  await actor.ask(async () => {
    actor.send(() => seen.push('second'));
    await settled();
    seen.push('first');
  });
  await settled();
  expect(seen).toEqual(['first', 'second']);
});

test('a full mailbox refuses the sender, loses nothing it took, and takes again when there is room', async () => {
  const { clock, system, wait } = newSystem({ mailboxLimit: 2 });
  const seen: number[] = [];
  const actor = system.spawn('a', new Scripted('Resume'));
  const slow = (n: number) => async () => {
    await wait(10);
    seen.push(n);
  };
  actor.send(slow(1));
  await settled();
  // One in flight, two waiting.
  actor.send(slow(2));
  actor.send(slow(3));
  expect(() => actor.send(slow(4))).toThrow(MailboxFull);
  await expect(actor.ask(slow(4))).rejects.toBeInstanceOf(MailboxFull);
  await clock.advance(10);
  actor.send(slow(5));
  await clock.advance(100);
  expect(seen).toEqual([1, 2, 3, 5]);
});

test('each ask has its own deadline; a late answer goes nowhere and the next message gets its own', async () => {
  const { clock, system, wait } = newSystem({ askTimeoutMs: 50 });
  const actor = system.spawn('a', new Scripted('Resume'));
  const outcome = (asked: Promise<unknown>) => asked.catch((error: unknown) => error);
  const short = outcome(actor.ask(() => wait(30).then(() => 'one'), 20));
  const patient = outcome(actor.ask(() => wait(30).then(() => 'two'), 100));
  const usual = outcome(actor.ask(() => 'three'));
  await clock.advance(49);
  expect(await Promise.race([usual, 'pending'])).toBe('pending');
  await clock.advance(51);
  expect(await short).toBeInstanceOf(AskTimeout);
  expect(await patient).toBe('two');
  expect(await usual).toMatchObject({ code: 'ASK_TIMEOUT', message: expect.stringContaining('50 ms') });
});

test.each([
  ['Resume' as const, []],
  ['Restart' as const, ['beforeShutdown', 'afterShutdown', 'beforeStart', 'afterStart']],
])('%s: the asker gets the error, the hooks run, the waiting message is handled', async (verdict, hooks) => {
  const { failures, system } = newSystem();
  const actor = new Scripted(verdict);
  const ref = system.spawn('a', actor);
  const failed = ref.ask(fails('broken'));
  const next = ref.ask(() => actor.log.length);
  await expect(failed).rejects.toThrow('broken');
  expect(await next).toBe(2 + hooks.length);
  expect(actor.log).toEqual(['beforeStart', 'afterStart', ...hooks]);
  expect(failures).toMatchObject([{ actor: 'a', supervision: verdict }]);
});

test('Shutdown, by verdict or because the verdict failed: waiting askers are refused with the cause, the name is free', async () => {
  for (const verdict of ['Shutdown', undefined] as const) {
    const { failures, system } = newSystem();
    const actor = new Scripted(verdict);
    const ref = system.spawn('a', actor);
    ref.send(fails('broken'));
    const waiting = ref.ask(() => 'never');
    await expect(waiting).rejects.toMatchObject({ code: 'ACTOR_STOPPED', cause: { message: 'broken' } });
    await settled();
    expect(actor.log).toEqual(['beforeStart', 'afterStart', 'beforeShutdown', 'afterShutdown']);
    expect(failures).toMatchObject([{ error: { message: 'broken' }, supervision: 'Shutdown' }]);
    expect(() => ref.send(() => 0)).toThrow(ActorStopped);
    await expect(ref.ask(() => 0)).rejects.toBeInstanceOf(ActorStopped);
    expect(system.find('a')).toBeUndefined();
    system.spawn('a', new Scripted());
  }
});

test('without onError an actor is restarted', async () => {
  const { system } = newSystem();
  class Fragile extends Actor<'break' | 'count', number> {
    starts = 0;
    override beforeStart(): void {
      this.starts++;
    }
    receive(message: 'break' | 'count'): number {
      if (message === 'break') throw new Error('broken');
      return this.starts;
    }
  }
  const ref = system.spawn('a', new Fragile());
  ref.send('break');
  expect(await ref.ask('count')).toBe(2);
});

test('messages wait for an async start; a start that fails stops the actor', async () => {
  const { clock, failures, system, wait } = newSystem();
  class Slow extends Scripted {
    override async beforeStart(): Promise<void> {
      await wait(20);
      if (this.verdict === 'Shutdown') throw new Error('no start');
      this.log.push('beforeStart');
    }
  }
  const [good, bad] = [new Slow('Resume'), new Slow('Shutdown')];
  const answer = system.spawn('good', good).ask(() => [...good.log]);
  const refused = system
    .spawn('bad', bad)
    .ask(() => 'never')
    .catch((error: unknown) => error);
  await clock.advance(20);
  expect(await answer).toEqual(['beforeStart', 'afterStart']);
  expect(await refused).toMatchObject({ code: 'ACTOR_STOPPED', cause: { message: 'no start' } });
  await settled();
  expect(bad.log).toEqual(['beforeShutdown', 'afterShutdown']);
  expect(failures).toMatchObject([{ actor: 'bad', supervision: 'Shutdown' }]);
  expect(system.size).toBe(1);
});

test('stop: the message in flight finishes, waiting ones are refused at once, the name stays taken until the end', async () => {
  const { clock, failures, system, wait } = newSystem();
  class SlowEnd extends Scripted {
    override async afterShutdown(): Promise<void> {
      await wait(10);
      this.log.push('afterShutdown');
    }
  }
  const actor = new SlowEnd('Resume');
  const ref = system.spawn('a', actor);
  const inFlight = ref.ask(() => wait(20).then(() => 'done'));
  await settled();
  const waiting = ref.ask(() => 'never').catch((error: unknown) => error);
  ref.send(() => 'never');
  let stopped = false;
  const stop = Promise.all([system.stop(ref), system.stop(ref)]).then(() => {
    stopped = true;
  });
  expect(await waiting).toBeInstanceOf(ActorStopped);
  expect(failures).toMatchObject([{ error: { code: 'ACTOR_STOPPED' }, supervision: undefined }]);
  expect(() => ref.send(() => 0)).toThrow(ActorStopped);
  await clock.advance(29);
  expect(await inFlight).toBe('done');
  expect(stopped).toBe(false);
  expect(() => system.spawn('a', new Scripted())).toThrow(NameTaken);
  await clock.advance(1);
  await stop;
  expect(actor.log).toEqual(['beforeStart', 'afterStart', 'beforeShutdown', 'afterShutdown']);
  const successor = system.spawn('a', new Scripted('Resume'));
  await system.stop(ref);
  expect(await successor.ask(() => 'mine')).toBe('mine');
});

test('a stop in the middle of a restart ends it: nothing is started again, nothing is shut down twice', async () => {
  const { clock, system, wait } = newSystem();
  class SlowEnd extends Scripted {
    override async afterShutdown(): Promise<void> {
      await wait(10);
      this.log.push('afterShutdown');
    }
  }
  const actor = new SlowEnd('Restart');
  const ref = system.spawn('a', actor);
  ref.send(fails('broken'));
  await clock.advance(5);
  const stop = system.stop(ref);
  await clock.advance(50);
  await stop;
  expect(actor.log).toEqual(['beforeStart', 'afterStart', 'beforeShutdown', 'afterShutdown']);
});

test('an answered or refused ask leaves no timer behind', async () => {
  let timers = 0;
  const clock = {
    wallMs: () => 0,
    monotonicMs: () => 0,
    setTimer: () => {
      timers++;
      return { cancel: () => void timers-- };
    },
  };
  const system = new ActorSystem(clock);
  const ref = system.spawn('a', new Scripted('Resume'));
  const answered = ref.ask(() => 'answer');
  const failed = ref.ask(fails('broken'));
  expect(timers).toBe(2);
  await Promise.allSettled([answered, failed]);
  await system.stop(ref);
  await Promise.allSettled([ref.ask(() => 'refused')]);
  expect(timers).toBe(0);
});

test('an ask without a deadline sets no timer, and is answered or refused like any other', async () => {
  const clock = {
    wallMs: () => 0,
    monotonicMs: () => 0,
    setTimer: () => {
      throw new Error('a timer was set');
    },
  };
  const system = new ActorSystem(clock);
  const ref = system.spawn('a', new Scripted('Resume'));
  const forEver = Number.POSITIVE_INFINITY;
  await expect(ref.ask(() => 'answer', forEver)).resolves.toBe('answer');
  await expect(ref.ask(fails('broken'), forEver)).rejects.toThrow('broken');
  await system.stop(ref);
  await expect(ref.ask(() => 'late', forEver)).rejects.toThrow(ActorStopped);
});

test('shutdown stops everybody, also who has not started, and takes nobody in', async () => {
  const { system } = newSystem();
  const [old, young] = [new Scripted('Resume'), new Scripted('Resume')];
  const ref = system.spawn('old', old);
  await settled();
  system.spawn('young', young);
  await system.shutdown();
  expect(system.size).toBe(0);
  expect(old.log).toEqual(['beforeStart', 'afterStart', 'beforeShutdown', 'afterShutdown']);
  expect(young.log).toEqual([]);
  await expect(ref.ask(() => 0)).rejects.toBeInstanceOf(ActorStopped);
  expect(() => system.spawn('late', new Scripted())).toThrow(ActorStopped);
});
