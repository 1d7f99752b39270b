// The kernel under any interleaving: what actors wait for, and when they are told, stopped or broken, comes in an order that
// fast-check's scheduler makes up and shrinks. Time stands still, so no deadline helps: who asked is answered.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Actor, type Supervision } from '../../src/actors/actor.ts';
import { ActorSystem } from '../../src/actors/actor-system.ts';
import { ActorStopped, MailboxFull } from '../../src/actors/kernel-errors.ts';
import { ManualClock, settled } from '../support/manual-clock.ts';

const ACTORS = ['a', 'b'] as const;
const MAILBOX = 4;

interface Message {
  readonly number: number;
  /** How often it waits for something while it is handled. */
  readonly waits: number;
  readonly fails: boolean;
}

type Deed =
  | { readonly do: 'ask' | 'send'; readonly to: number; readonly waits: number; readonly fails: boolean }
  | { readonly do: 'stop'; readonly to: number };

const anyDeed: fc.Arbitrary<Deed> = fc.oneof(
  {
    arbitrary: fc.record({
      do: fc.constantFrom('ask' as const, 'send' as const),
      to: fc.nat(ACTORS.length - 1),
      waits: fc.nat(2),
      fails: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
    }),
    weight: 12,
  },
  { arbitrary: fc.record({ do: fc.constant('stop' as const), to: fc.nat(ACTORS.length - 1) }), weight: 1 },
);

/** Reads, waits and writes, as an actor that uses a store does; and watches that nobody else is inside. */
class Counter extends Actor<Message, number> {
  readonly begun: number[] = [];
  readonly breaches: string[] = [];
  count = 0;
  up = 0;
  #inside: string | undefined;
  readonly #wait: (what: string) => Promise<void>;
  readonly #verdict: Supervision;

  constructor(wait: (what: string) => Promise<void>, verdict: Supervision) {
    super();
    this.#wait = wait;
    this.#verdict = verdict;
  }

  receive({ number, waits, fails }: Message): Promise<number> {
    this.begun.push(number);
    if (this.up !== 1) this.breaches.push(`message ${number} while it is ${this.up} times up`);
    return this.#alone(`message ${number}`, async () => {
      const read = this.count;
      for (let wait = 0; wait < waits; wait++) await this.#wait(`message ${number}`);
      this.count = read + 1;
      if (fails) throw new Error(`${number} fails`);
      return number;
    });
  }

  override beforeStart(): Promise<void> {
    this.up += 1;
    return this.#alone('a start', () => this.#wait('start'));
  }

  override beforeShutdown(): Promise<void> {
    return this.#alone('a shutdown', () => this.#wait('shutdown'));
  }

  override afterShutdown(): void {
    this.up -= 1;
  }

  override onError(): Supervision {
    return this.#verdict;
  }

  async #alone<T>(what: string, work: () => Promise<T>): Promise<T> {
    if (this.#inside !== undefined) this.breaches.push(`${what} inside ${this.#inside}`);
    this.#inside = what;
    try {
      return await work();
    } finally {
      this.#inside = undefined;
    }
  }
}

test('whatever comes in whatever order: one inside at a time, first come first served, and an answer for who asks', async () => {
  const seen = { stopped: 0, full: 0, restarted: 0, answered: 0 };
  const verdicts = fc.tuple(
    ...ACTORS.map(() => fc.constantFrom<Supervision>('Resume', 'Resume', 'Restart', 'Shutdown')),
  );
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.array(anyDeed, { maxLength: 25 }), verdicts, async (s, deeds, verdict) => {
      const lost: unknown[] = [];
      const system = new ActorSystem(new ManualClock(), {
        mailboxLimit: MAILBOX,
        onFailure: ({ error, supervision }) => {
          if (error instanceof ActorStopped) lost.push(error);
          if (supervision === 'Restart') seen.restarted += 1;
        },
      });
      const wait = (what: string) => s.schedule(Promise.resolve(), what);
      const actors = verdict.map((each) => new Counter(wait, each));
      const refs = actors.map((actor, index) => system.spawn(ACTORS[index]!, actor));
      const taken: number[][] = actors.map(() => []);
      const answers = new Map<number, unknown[]>();
      let sent = 0;
      const stops: Promise<void>[] = [];

      const act = (deed: Deed, number: number): void => {
        const ref = refs[deed.to]!;
        if (deed.do === 'stop') return void stops.push(system.stop(ref));
        const { waits, fails } = deed;
        const message = { number, waits, fails };
        if (deed.do === 'ask') {
          const said: unknown[] = [];
          answers.set(number, said);
          // Refused at the door, or in the mailbox when it stops.
          const note = (answer: unknown) => void said.push(answer);
          ref.ask(message).then(note, note);
          taken[deed.to]!.push(number);
          return;
        }
        try {
          ref.send(message);
          taken[deed.to]!.push(number);
          sent += 1;
        } catch (error) {
          expect(error instanceof MailboxFull || error instanceof ActorStopped).toBe(true);
        }
      };
      for (const [number, deed] of deeds.entries())
        void s.schedule(Promise.resolve(), deed.do).then(() => act(deed, number));
      await s.waitIdle();
      await settled();
      await s.waitIdle();
      await Promise.all(stops);

      for (const [index, { begun, breaches, count, up }] of actors.entries()) {
        expect(breaches).toEqual([]);
        expect(count).toBe(begun.length);
        // Handled in the order in which they were handed over; what is missing was refused.
        expect(taken[index]!.filter((number) => begun.includes(number))).toEqual(begun);
        expect(up).toBe(system.find(ACTORS[index]!) === undefined ? 0 : 1);
      }
      const begun = new Set(actors.flatMap((actor) => actor.begun));
      for (const [number, said] of answers) {
        expect(said, `${number} is answered once`).toHaveLength(1);
        const [answer] = said;
        if (answer === number) seen.answered += 1;
        else if (answer instanceof MailboxFull) seen.full += 1;
        else if (answer instanceof ActorStopped) seen.stopped += 1;
        else expect(answer).toMatchObject({ message: `${number} fails` });
        const refused = answer instanceof MailboxFull || answer instanceof ActorStopped;
        expect(refused).toBe(!begun.has(number));
      }
      // A message that was sent is handled, or somebody hears that it was not.
      const sentBegun = [...begun].filter((number) => !answers.has(number)).length;
      expect(sentBegun + lost.length).toBe(sent);
    }),
    { numRuns: Number(process.env.HOLDFAST_PROPERTY_RUNS ?? 500) },
  );
  expect(Math.min(...Object.values(seen)), JSON.stringify(seen)).toBeGreaterThan(0);
});
