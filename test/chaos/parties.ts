// The two ends of a chaos run, with what they write down: the driver, whose instances carry a token and an amount that no
// double can hold, and the service, which takes its time, is sometimes late, sometimes answers twice,
// and sometimes fails at the first attempt or lets the reply timeout pass. Some instances are cancelled at once.

import { SeededRandom } from '../sim/random.ts';
import { Driver } from '../support/driver.ts';
import { ExampleService, partsOf, type ServiceRequest } from '../support/service.ts';
import { HistoryWriter } from './history.ts';

/** Of the service's answers. */
const PACE = { soonMs: 250, lateRate: 0.02, lateMs: 6_000, twiceRate: 0.03, againMs: 4_000 } as const;
/** Of first attempts: those that fail, and those of which nothing is heard until long after the reply timeout. */
const TROUBLE = { failureRate: 0.03, silentRate: 0.01, silentMs: 90_000 } as const;
/** Of instances. */
const CANCEL_RATE = 0.01;
/** Faults cost tries too: no instance may run out of them, for an incident never passes. */
const RETRIES = 20;

/** 60 bits of the token: most are above what a double holds. */
export function amountOf(token: string): string {
  return BigInt(`0x${token.replaceAll('-', '').slice(0, 15)}`).toString();
}

export async function openDriver(
  dir: string,
  zeebeAddress: string,
  jobType: string,
  seed: number,
): Promise<Driver & Disposable> {
  const writer = new HistoryWriter(dir, 'driver');
  const random = new SeededRandom(seed).fork('cancels');
  const driver = await Driver.open(zeebeAddress, jobType, {
    finish: true,
    retries: RETRIES,
    cancels: () => random.chance(CANCEL_RATE),
    variables: (token) => ({ amount: exactly(amountOf(token)) }),
    witness: {
      creating: (token) => writer.write({ kind: 'creating', token, amount: amountOf(token) }),
      started: (token, instanceKey) => writer.write({ kind: 'started', token, instanceKey }),
      cancelled: (token) => writer.write({ kind: 'cancelled', token }),
      passed: (token, doneKey, variables) => {
        const { answer } = JSON.parse(variables) as { answer?: { token?: unknown; number?: unknown } };
        const amount = /"answer":\{[^{}]*"amount":(-?[\d.eE+]+)/.exec(variables)?.[1];
        const [answerToken, number] = [String(answer?.token), Number(answer?.number ?? -1)];
        writer.write({ kind: 'passed', token, doneKey, answerToken, number, amount });
      },
    },
  });
  return Object.assign(driver, { [Symbol.dispose]: () => writer[Symbol.dispose]() });
}

export interface ChaosService extends ExampleService, Disposable {
  /** What is owed is answered now, and from now on nothing late or twice: the service too is whole again. */
  heal(): void;
}

export async function startService(
  dir: string,
  kafkaBrokers: string,
  topic: string,
  seed: number,
): Promise<ChaosService> {
  const writer = new HistoryWriter(dir, 'service');
  const random = new SeededRandom(seed);
  const troubled = random.fork('trouble');
  /** By correlation id: a request that is read again is answered as before. */
  const moods = new Map<string, 'fails' | 'silent' | 'answers'>();
  const owed = new Map<NodeJS.Timeout, () => void>();
  let healed = false;
  let number = 0;
  const moodFor = (correlationId: string) => {
    const known = moods.get(correlationId);
    if (known !== undefined) return known;
    const drawn = partsOf(correlationId).attempt === 1 && !healed ? troubled.between(0, 1) : 1;
    const { failureRate, silentRate } = TROUBLE;
    const mood = drawn < failureRate ? 'fails' : drawn < failureRate + silentRate ? 'silent' : 'answers';
    moods.set(correlationId, mood);
    return mood;
  };
  const answer = (request: ServiceRequest, token: string, amount: string, inMs: number) => {
    const timer = setTimeout(() => send(), healed ? 0 : inMs);
    const send = () => {
      owed.delete(timer);
      number += 1;
      writer.write({ kind: 'replied', correlationId: request.correlationId, token, number });
      if (moodFor(request.correlationId) === 'fails') {
        service.reply(request, null, { 'reply-status': 'failure', 'error-message': 'not at the first attempt' });
        return;
      }
      service.reply(request, `{"answer":{"token":${JSON.stringify(token)},"number":${number},"amount":${amount}}}`);
    };
    owed.set(timer, send);
  };
  const take = (request: ServiceRequest) => {
    if (request.value === null) return undefined; // nobody waits any more: a cancel record
    const { correlationId, record, body, writtenMs } = request;
    const { token } = JSON.parse(body) as { token: string };
    const amount = /"amount":(-?[\d.eE+]+)/.exec(body)?.[1] ?? 'null';
    writer.write({ kind: 'requested', record, correlationId, ...partsOf(correlationId), token, writtenMs, amount });
    if (moodFor(correlationId) === 'silent') return void answer(request, token, amount, TROUBLE.silentMs);
    const late = random.chance(PACE.lateRate);
    answer(request, token, amount, random.between(0, late ? PACE.lateMs : PACE.soonMs));
    if (random.chance(PACE.twiceRate) && !healed) answer(request, token, amount, random.between(0, PACE.againMs));
    return undefined;
  };
  const service: ExampleService = await ExampleService.start(kafkaBrokers, [topic], take);
  return Object.assign(service, {
    heal: () => {
      healed = true;
      for (const [timer, send] of [...owed]) {
        clearTimeout(timer);
        send();
      }
    },
    [Symbol.dispose]: () => {
      for (const timer of owed.keys()) clearTimeout(timer);
      writer[Symbol.dispose]();
    },
  });
}

/** A number in JSON with exactly these digits. */
function exactly(digits: string): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(digits);
}
