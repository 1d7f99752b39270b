// The request publisher against a Kafka that the test plays: every send waits for the test's answer.
import { beforeEach, describe, expect, it } from 'vitest';
import type { CorrelationId, JobKey, Lane } from '../../../src/actors/ids.ts';
import type { OutgoingRequest } from '../../../src/actors/messages.ts';
import { DEFAULT_HEADER_NAMES } from '../../../src/gateway/header-names.ts';
import type { OutgoingRecord, RecordWriter, SendAnswer } from '../../../src/gateway/ports.ts';
import { RequestPublisher, type RequestPublisherOptions } from '../../../src/gateway/requests/requests.ts';
import { RegistryUnavailable, SchemaUnknown } from '../../../src/gateway/schema/errors.ts';
import { World as Job } from '../../actors/pending-job-world.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const ACKED: SendAnswer = { kind: 'acked' };
const LATER: SendAnswer = { kind: 'transient', reason: 'leader away' };
const REFUSED: SendAnswer = { kind: 'refused', reason: 'too large' };

interface Send {
  readonly topic: string;
  readonly keys: string[];
  readonly records: readonly OutgoingRecord[];
  readonly atMs: number;
  readonly mayStart: () => boolean;
  answer(answer: SendAnswer): Promise<void>;
}

let clock: ManualClock;
let sends: Send[];
let settled: string[];
let mayAct: boolean;

const writer: RecordWriter = {
  send: (topic, records, _, mayStart) =>
    new Promise((resolve) => {
      sends.push({
        topic,
        records,
        keys: records.map(({ key }) => String(key)),
        atMs: clock.monotonicMs(),
        mayStart,
        answer: (answer) => {
          resolve(answer);
          return clock.advance(1);
        },
      });
    }),
  close: () => Promise.resolve(),
};

function publisher(options: Partial<RequestPublisherOptions> = {}): RequestPublisher {
  const made = new RequestPublisher({
    writer,
    clock,
    random: { float: () => 0.999, bytes: () => new Uint8Array() },
    replyTopic: 'replies',
    cluster: 'c',
    names: DEFAULT_HEADER_NAMES,
    mayAct: () => mayAct,
    ...options,
    limits: { paceMs: 0, ...options.limits },
  });
  made.open();
  return made;
}

function request(job: number, topic = 'a', body = '{}'): OutgoingRequest {
  const jobKey = String(job) as JobKey;
  return {
    jobKey,
    attempt: 1,
    correlationId: `c${job}` as CorrelationId,
    lane: 'lane' as Lane,
    content: { topic, key: '', body, schema: undefined, headers: [['x', 'y']] },
    profile: 'spring',
    origin: new Job().activation().origin,
    replyDeadlineMs: 0,
    trace: '',
  };
}

function publish(to: RequestPublisher, ...jobs: OutgoingRequest[]): void {
  for (const job of jobs) to.publish(job, (outcome) => settled.push(`${job.jobKey} ${outcome.kind}`));
}

beforeEach(() => {
  clock = new ManualClock();
  sends = [];
  settled = [];
  mayAct = true;
});

describe('publishing requests', () => {
  it('tells of each try that Kafka could have taken, and of none that was held back', async () => {
    const tries: string[] = [];
    const to = publisher({ onTry: ({ answer, reason }) => tries.push(`${answer} ${reason}`) });
    publish(to, request(1));
    await clock.advance(1);
    await sends[0]?.answer(LATER);
    await clock.advance(1_000);
    mayAct = false;
    expect(sends[1]?.mayStart()).toBe(false);
    await sends[1]?.answer({ kind: 'transient', reason: 'not sent' });
    mayAct = true;
    await clock.advance(1_000);
    expect(sends[2]?.mayStart()).toBe(true);
    await sends[2]?.answer(ACKED);
    expect(tries).toEqual(['transient leader away', 'acked ']);
  });

  it('writes key, headers and the body as it is', async () => {
    publish(publisher(), request(1, 'a', '{"n":1e400}'));
    await clock.advance(1);
    expect(sends[0]?.records).toEqual([
      {
        key: 'c1',
        value: '{"n":1e400}',
        headers: [
          { name: 'kafka_correlationId', value: 'c1' },
          { name: 'kafka_replyTopic', value: 'replies' },
          { name: 'job-id', value: '1' },
          { name: 'attempt', value: '1' },
          { name: 'process', value: 'order' },
          { name: 'element', value: 'task' },
          { name: 'reply-deadline', value: '1970-01-01T00:00:00.000Z' },
          { name: 'traceparent', value: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/) },
          { name: 'x', value: 'y' },
        ],
      },
    ]);
  });

  it('sends nothing before it is opened', async () => {
    const closed = new RequestPublisher({
      writer,
      clock,
      random: { float: () => 0, bytes: () => new Uint8Array() },
      replyTopic: 'replies',
      cluster: 'c',
      names: DEFAULT_HEADER_NAMES,
      mayAct: () => true,
    });
    publish(closed, request(1));
    await clock.advance(10_000);
    expect(sends).toHaveLength(0);
    closed.open();
    await clock.advance(1);
    expect(sends).toHaveLength(1);
  });

  it('gathers what comes in one turn, within its limits, one batch of a topic at a time', async () => {
    const to = publisher({ limits: { maxRecords: 3, maxBytes: 1_000 } });
    publish(to, request(1), request(2), request(3), request(4), request(5, 'a', 'x'.repeat(950)), request(6));
    await clock.advance(1);
    expect(sends.map(({ keys }) => keys)).toEqual([['c1', 'c2', 'c3']]);
    await sends[0]?.answer(ACKED);
    expect(sends[1]?.keys).toEqual(['c4']);
    await sends[1]?.answer(ACKED);
    expect(sends[2]?.keys).toEqual(['c5']);
    await sends[2]?.answer(ACKED);
    expect(sends[3]?.keys).toEqual(['c6']);
    expect(settled).toEqual(['1 acked', '2 acked', '3 acked', '4 acked', '5 acked']);
    expect(to.size).toBe(1);
  });

  it('sends what comes one by one at once, and gathers for a moment after a batch of several', async () => {
    const to = publisher({ limits: { paceMs: 5 } });
    const startMs = clock.monotonicMs();
    const answered = async (index: number) => {
      await clock.advance(1);
      await sends[index]?.answer(ACKED);
    };
    publish(to, request(1));
    await answered(0);
    publish(to, request(2), request(3));
    await answered(1);
    publish(to, request(4));
    await clock.advance(1);
    publish(to, request(5));
    await clock.advance(2);
    await answered(2);
    await clock.advance(10);
    publish(to, request(6));
    await answered(3);
    expect(sends.map(({ keys, atMs }) => [atMs - startMs, ...keys])).toEqual([
      [0, 'c1'],
      [2, 'c2', 'c3'],
      [7, 'c4', 'c5'],
      [19, 'c6'],
    ]);
  });

  it('lets no topic wait for another', async () => {
    const to = publisher();
    publish(to, request(1, 'slow'), request(2, 'fast'));
    await clock.advance(1);
    await sends.find(({ topic }) => topic === 'fast')?.answer(ACKED);
    publish(to, request(3, 'fast'));
    await clock.advance(1);
    expect(sends.map(({ keys }) => keys)).toEqual([['c1'], ['c2'], ['c3']]);
  });

  it('tries for as long as it takes, with growing pauses, in order, and asks before each try', async () => {
    const to = publisher();
    publish(to, request(1), request(2));
    const pauses: number[] = [];
    for (let tries = 0; tries < 9; tries++) {
      await clock.until(
        () => sends.length > tries,
        10_000,
        () => `try ${tries}`,
      );
      pauses.push(sends[tries]!.atMs - (sends[tries - 1]?.atMs ?? 0));
      expect(sends[tries]?.keys).toEqual(['c1', 'c2']);
      await sends[tries]?.answer(LATER);
    }
    expect(pauses.slice(1, 4).every((pause, i) => pause >= 99 * 2 ** i && pause <= 102 * 2 ** i)).toBe(true);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(5_002);
    mayAct = false;
    await clock.advance(60_000);
    expect(sends).toHaveLength(9);
    mayAct = true;
    to.kick();
    await clock.advance(1);
    expect(sends).toHaveLength(10);
    await sends[9]?.answer(ACKED);
    expect(settled).toEqual(['1 acked', '2 acked']);
  });

  it('is asked again when a batch leaves: after the lease, or once it is forgotten, it does not', async () => {
    const to = publisher();
    publish(to, request(1));
    await clock.advance(1);
    expect(sends[0]?.mayStart()).toBe(true);
    mayAct = false;
    expect(sends[0]?.mayStart()).toBe(false);
    // The next incarnation may act; what the former one was about to send is not its.
    mayAct = true;
    to.discardAll();
    expect(sends[0]?.mayStart()).toBe(false);
  });

  it('finds the culprit of a refused batch, and the others go on', async () => {
    const to = publisher();
    publish(to, request(1), request(2), request(3));
    await clock.advance(1);
    publish(to, request(4));
    await sends[0]?.answer(REFUSED);
    expect(settled).toEqual([]);
    for (const [index, answer] of [ACKED, REFUSED, ACKED, ACKED].entries()) {
      expect(sends[index + 1]?.keys).toEqual([`c${index + 1}`]);
      await sends[index + 1]?.answer(answer);
    }
    expect(settled).toEqual(['1 acked', '2 refused', '3 acked', '4 acked']);
    // What a topic once refused is no measure for the day.
    publish(to, ...[5, 6, 7].map((job) => request(job, 'a', 'x'.repeat(8_000))));
    await clock.advance(1);
    expect(sends.at(-1)?.keys).toEqual(['c5', 'c6', 'c7']);
  });

  it('takes back what waits, not what is in flight', async () => {
    const to = publisher();
    publish(to, request(1));
    await clock.advance(1);
    publish(to, request(2), request(3));
    expect(to.withdraw('1' as JobKey, 1)).toBe('inFlight');
    expect(to.withdraw('2' as JobKey, 1)).toBe('withdrawn');
    expect(to.withdraw('2' as JobKey, 1)).toBe('unknown');
    expect(to.withdraw('3' as JobKey, 2)).toBe('unknown');
    await sends[0]?.answer(LATER);
    expect(to.withdraw('1' as JobKey, 1)).toBe('withdrawn');
    await clock.advance(1_000);
    expect(sends[1]?.keys).toEqual(['c3']);
    await sends[1]?.answer(ACKED);
    expect(settled).toEqual(['3 acked']);
    expect(to.size).toBe(0);
  });

  it('gives up what is in flight: not sent again, but told if Kafka took it', async () => {
    const to = publisher();
    publish(to, request(1), request(2));
    await clock.advance(1);
    publish(to, request(3), request(4));
    for (const job of [1, 3, 5]) to.giveUp(String(job) as JobKey, 1);
    expect(to.size).toBe(3);
    await sends[0]?.answer(LATER);
    expect(to.size).toBe(2);
    await clock.advance(1_000);
    expect(sends[1]?.keys).toEqual(['c2', 'c4']);
    to.giveUp('2' as JobKey, 1);
    await sends[1]?.answer(ACKED);
    expect(settled).toEqual(['2 acked', '4 acked']);
    await clock.advance(10_000);
    expect(sends).toHaveLength(2);
    expect(to.size).toBe(0);
  });

  it('lets no batch leave with something in it that was given up: the rest of it goes at once, without that', async () => {
    const to = publisher();
    publish(to, request(1), request(2));
    await clock.advance(1);
    // The writer may still be looking for the topic, or for the broker.
    expect(sends[0]?.mayStart()).toBe(true);
    to.giveUp('1' as JobKey, 1);
    expect(sends[0]?.mayStart()).toBe(false);
    publish(to, request(1));
    expect(sends[0]?.mayStart()).toBe(true);
    to.giveUp('1' as JobKey, 1);
    await sends[0]?.answer(LATER);
    await clock.advance(1);
    expect(sends[1]?.keys).toEqual(['c2']);
    expect(sends[1]?.mayStart()).toBe(true);
    await sends[1]?.answer(ACKED);
    expect(settled).toEqual(['2 acked']);
    expect(to.size).toBe(0);
  });

  it('does not send what was given up again record by record either', async () => {
    const to = publisher();
    publish(to, request(1), request(2));
    await clock.advance(1);
    to.giveUp('1' as JobKey, 1);
    await sends[0]?.answer(REFUSED);
    await clock.advance(1_000);
    expect(sends.map(({ keys }) => keys)).toEqual([['c1', 'c2'], ['c2']]);
  });

  it('takes a request up again that was given up in flight', async () => {
    const to = publisher();
    publish(to, request(1));
    await clock.advance(1);
    to.giveUp('1' as JobKey, 1);
    to.publish(request(1), () => settled.push('later caller'));
    await sends[0]?.answer(LATER);
    await clock.advance(1_000);
    expect(sends.map(({ keys }) => keys)).toEqual([['c1'], ['c1']]);
    await sends[1]?.answer(ACKED);
    expect(settled).toEqual(['later caller']);
  });

  it('sends a request once that is published twice, and tells the later caller', async () => {
    const to = publisher();
    publish(to, request(1));
    to.publish(request(1), () => settled.push('later caller'));
    await clock.advance(1);
    expect(sends[0]?.keys).toEqual(['c1']);
    await sends[0]?.answer(ACKED);
    expect(settled).toEqual(['later caller']);
  });

  it('forgets everything with its incarnation, and serves the next one', async () => {
    const to = publisher();
    publish(to, request(1));
    await clock.advance(1);
    publish(to, request(2), request(3));
    expect(to.size).toBe(3);
    to.discardAll();
    expect(to.size).toBe(0);
    publish(to, request(2));
    await sends[0]?.answer(LATER);
    await clock.advance(10_000);
    expect(sends.map(({ keys }) => keys)).toEqual([['c1'], ['c2']]);
    await sends[1]?.answer(ACKED);
    expect(settled).toEqual(['2 acked']);
  });

  it('closes when what is in flight has settled', async () => {
    const to = publisher();
    publish(to, request(1));
    await clock.advance(1);
    publish(to, request(2));
    let closed = false;
    void to.close().then(() => {
      closed = true;
    });
    await clock.advance(1);
    expect(closed).toBe(false);
    await sends[0]?.answer(ACKED);
    expect(closed).toBe(true);
    await clock.advance(10_000);
    expect(settled).toEqual(['1 acked']);
    expect(sends).toHaveLength(1);
  });
});

describe('requests with a schema', () => {
  const framed = (job: number): OutgoingRequest => {
    const plain = request(job);
    return { ...plain, content: { ...plain.content, schema: { id: 7, message: 'Order' } } };
  };
  const BYTES = Uint8Array.of(0, 0, 0, 0, 7, 1);

  it('are written in the schema that was pinned, again while the registry is away', async () => {
    const asked: unknown[] = [];
    const answers = [new RegistryUnavailable('http://r', 'is away'), BYTES];
    const schemas = {
      encodeWith: async (...what: unknown[]) => {
        asked.push(what);
        const next = answers.shift();
        if (next instanceof Uint8Array) return next;
        throw next;
      },
    };
    publish(publisher({ schemas }), framed(1));
    await clock.advance(1_000);
    expect(asked).toEqual([
      [7, '{}', 'Order'],
      [7, '{}', 'Order'],
    ]);
    expect(sends[0]?.records[0]?.value).toEqual(BYTES);
    await sends[0]?.answer({ kind: 'acked' });
    expect(settled).toEqual(['1 acked']);
  });

  it('that the schema refuses are refused; those withdrawn meanwhile are not sent', async () => {
    const refused = publisher({ schemas: { encodeWith: () => Promise.reject(new SchemaUnknown('schema with id 7')) } });
    publish(refused, framed(1));
    await clock.advance(1);
    expect(settled).toEqual(['1 refused']);
    const later = Promise.withResolvers<Uint8Array>();
    const waiting = publisher({ schemas: { encodeWith: () => later.promise } });
    publish(waiting, framed(2));
    expect(waiting.withdraw('2' as JobKey, 1)).toBe('withdrawn');
    later.resolve(BYTES);
    await clock.advance(1_000);
    expect(sends).toEqual([]);
    expect(waiting.size).toBe(0);
  });

  it('without a registry are refused with what to set', async () => {
    const reasons: string[] = [];
    publisher().publish(framed(3), (outcome) => reasons.push(outcome.kind === 'refused' ? outcome.reason : ''));
    await clock.advance(1);
    expect(reasons.join()).toMatch(/SCHEMA_REGISTRY_URL/);
  });
});
