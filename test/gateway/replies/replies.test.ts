// From the reply topic to the owners and back: what is delivered, dead-lettered, settled and committed, in virtual time.
import { beforeEach, describe, expect, it } from 'vitest';
import type { JobKey } from '../../../src/actors/ids.ts';
import type { Reply, ReplyAnswer } from '../../../src/actors/messages.ts';
import { DEFAULT_HEADER_NAMES } from '../../../src/gateway/header-names.ts';
import { MOST_HEADERS } from '../../../src/gateway/kafka/header-decoding.ts';
import type {
  IncomingRecord,
  OutgoingRecord,
  RecordWriter,
  ReplyHandlers,
  ReplyReader,
  SendAnswer,
} from '../../../src/gateway/ports.ts';
import { Acknowledgements, ackAnswerOf } from '../../../src/gateway/replies/acknowledgements.ts';
import { DeadLetters } from '../../../src/gateway/replies/dead-letters.ts';
import { Replies } from '../../../src/gateway/replies/replies.ts';
import type { RepliesEvent, RepliesLimits } from '../../../src/gateway/replies/replies-options.ts';
import { RegistryUnavailable, SchemaUnknown } from '../../../src/gateway/schema/errors.ts';
import { RESULT } from '../../actors/pending-job-world.ts';
import { type ClockView, ManualClock } from '../../support/manual-clock.ts';

const ANSWERS: Readonly<Record<string, ReplyAnswer>> = { 2: 'not-object', 6: 'refused', 7: 'late' };
const random = { float: () => 0.5, bytes: () => new Uint8Array() };

let clock: ManualClock;
let ownClock: ClockView;
let handlers: ReplyHandlers;
let commits: string[];
let commitAnswers: (() => Promise<void>)[];
let paused: Set<number>;
let ends: Map<number, string>;
let letters: OutgoingRecord[];
let sendAnswers: SendAnswer[];
/** What Kafka says of everything that is not among `sendAnswers`. */
let sendAnswer: SendAnswer;
let deliveries: { reply: Reply; answer(answer: ReplyAnswer | Error): Promise<void> }[];
let events: RepliesEvent[];
let replies: Replies;

const reader: ReplyReader = {
  start: async (given) => {
    handlers = given;
  },
  commit: async (generation, offsets) => {
    const answer = commitAnswers.shift();
    if (answer !== undefined) await answer();
    commits.push(`${generation}: ${[...offsets].map(([partition, offset]) => `${partition}@${offset}`).join(' ')}`);
  },
  pause: (partitions) => partitions.forEach((partition) => void paused.add(partition)),
  resume: (partitions) => partitions.forEach((partition) => void paused.delete(partition)),
  endOffsets: async () => ends,
  evict: async () => true,
  stop: async () => {},
};

const writer: RecordWriter = {
  send: async (_topic, records) => {
    const answer = sendAnswers.shift() ?? sendAnswer;
    if (answer.kind === 'acked') letters.push(...records);
    return answer;
  },
  close: async () => {},
};

/** What the registry makes of the next values; asked for more, the test is wrong. */
let registry: (string | Error)[] = [];
const schemas = {
  decode: async () => {
    const next = registry.shift() ?? new Error('asked without need');
    if (next instanceof Error) throw next;
    return next;
  },
};
const businessKeys = new Map<string, JobKey>();
/** How long the bucket takes to say what it knew when it was asked. */
let lookMs = 0;
let lacksKeys = false;
/** Ids that are signed by a key that came late. */
let learnt = new Set<string>();

async function start(limits: Partial<RepliesLimits> = {}, acks = false, followed = false): Promise<void> {
  const deadLetters = new DeadLetters({ writer, clock, random, topic: 'dlq', mayAct: () => true });
  replies = new Replies({
    reader,
    deadLetters,
    clock: ownClock,
    random,
    topic: 'replies',
    group: 'group',
    names: DEFAULT_HEADER_NAMES,
    schemas,
    verify: (id) => {
      const [, jobKey] = /^id-(\d+)$/.exec(id) ?? [];
      if (learnt.has(id)) return { kind: 'ok', jobKey: '77' as JobKey, attempt: 1 };
      if (jobKey !== undefined) return { kind: 'ok', jobKey: jobKey as JobKey, attempt: 1 };
      return { kind: id.startsWith('id-') ? 'forged' : 'unknown' };
    },
    lacksKeys: () => lacksKeys,
    deliver: (reply) =>
      new Promise((resolve, reject) => {
        const answer = (given: ReplyAnswer | Error) => {
          if (given instanceof Error) reject(given);
          else resolve(given);
          return clock.advance(1);
        };
        deliveries.push({ reply, answer });
      }),
    acknowledgements: acks
      ? new Acknowledgements({ writer, clock, random, topic: 'acks', names: DEFAULT_HEADER_NAMES, mayAct: () => true })
      : undefined,
    jobOf: async (businessKey) => {
      const found = businessKeys.get(businessKey);
      if (lookMs > 0) await new Promise<void>((resolve) => clock.setTimer(lookMs, resolve));
      return found;
    },
    limits,
    followed,
    onEvent: (event) => events.push(event),
  });
  await replies.start();
}

function record(offset: number, id: string | undefined, value: string | Uint8Array | null = '{}'): IncomingRecord {
  return {
    offset: String(offset),
    key: Buffer.from('key'),
    value: typeof value === 'string' ? Buffer.from(value) : value,
    headers: id === undefined ? [] : [{ name: 'kafka_correlationId', value: Buffer.from(id) }],
    timestampMs: 1_700_000_000_000,
  };
}

function assign(generation: number, ...partitions: number[]): void {
  const shares = partitions.map((partition) => ({ partition, committed: '10', earliest: '0' }));
  handlers.onAssigned('member', generation, shares);
}

const reasons = () =>
  letters.map(({ headers }) => String(headers.find(({ name }) => name === 'holdfast-reason')?.value));
const outcomes = () => events.flatMap((event) => (event.kind === 'settled' ? [event.outcome] : []));

beforeEach(async () => {
  lookMs = 0;
  lacksKeys = false;
  learnt = new Set();
  clock = new ManualClock();
  ownClock = clock.view();
  commits = [];
  commitAnswers = [];
  paused = new Set();
  ends = new Map();
  letters = [];
  sendAnswers = [];
  sendAnswer = { kind: 'acked' };
  deliveries = [];
  events = [];
});

describe('replies', () => {
  it('go to their owner as the service wrote them', async () => {
    await start();
    assign(1, 3);
    const text = '{ "n": 12345678901234567890, "s": "ü" }';
    handlers.onBatch(3, [record(10, 'id-7', text)], '11');
    await clock.advance(1);
    expect(deliveries[0]?.reply).toEqual({
      jobKey: '7',
      attempt: 1,
      position: { partition: 3, offset: '10' },
      content: { ...RESULT, body: text },
    });
  });

  it('under a business key go to its job, asked for again while that is not known, and else are nobody\u2019s', async () => {
    await start();
    assign(1, 0);
    businessKeys.set('order-7', '7' as JobKey);
    handlers.onBatch(0, [record(10, 'order-7'), record(11, 'order-8')], '12');
    await clock.advance(1);
    expect(deliveries.map(({ reply }) => [reply.jobKey, reply.attempt])).toEqual([['7', 0]]);
    await deliveries[0]?.answer('lateDropped');
    await clock.advance(1_900);
    expect(reasons()).toEqual([]);
    await clock.advance(1_000);
    expect(commits.at(-1)).toBe('1: 0@12');
    expect(reasons()).toEqual(['unknown']);
  });

  it('under a business key are not lost to a read from the past, and unknown ones do not wait one after another', async () => {
    await start();
    assign(1, 0);
    businessKeys.delete('order-9');
    const nobodys = Array.from({ length: 50 }, (_, index) => record(11 + index, 'order-8'));
    handlers.onBatch(0, [record(10, 'order-9'), ...nobodys], '61');
    await clock.advance(1_000);
    businessKeys.set('order-9', '9' as JobKey);
    await clock.advance(1_100);
    expect(deliveries.map(({ reply }) => reply.jobKey)).toEqual(['9']);
    expect(reasons()).toEqual(nobodys.map(() => 'unknown'));
  });

  it('under a business key are nobody\u2019s only by a look that began late enough, not by one that was answered late', async () => {
    lookMs = 5_000;
    await start();
    assign(1, 0);
    businessKeys.delete('order-9');
    handlers.onBatch(0, [record(10, 'order-9')], '11');
    await clock.advance(1_000);
    businessKeys.set('order-9', '9' as JobKey);
    await clock.advance(9_100);
    expect(deliveries.map(({ reply }) => reply.jobKey)).toEqual(['9']);
    expect(reasons()).toEqual([]);
  });

  it('are acknowledged before they are settled, with what became of them; refused acknowledgements hold up nothing', async () => {
    await start({}, true);
    assign(1, 0);
    sendAnswers.push({ kind: 'transient', reason: 'away' });
    handlers.onBatch(0, [record(10, 'id-1')], '11');
    await clock.advance(1);
    await deliveries[0]?.answer('applied');
    expect(outcomes()).toEqual([]);
    await clock.advance(1_000);
    expect(outcomes()).toEqual(['applied']);
    expect(String(letters[0]?.value)).toBe('{"answer":"applied","reason":"applied"}');
    expect(letters[0]?.key).toBe('id-1');
    sendAnswers.push({ kind: 'refused', reason: 'no topic' });
    handlers.onBatch(0, [record(11, 'id-2')], '12');
    await clock.advance(1);
    await deliveries[1]?.answer('latePublished');
    await clock.advance(1_000);
    expect(commits.at(-1)).toBe('1: 0@12');
  });

  it('are settled without, once Kafka itself takes no acknowledgement for a minute; not while it is away', async () => {
    await start({}, true);
    assign(1, 0);
    const reply = async (offset: number) => {
      handlers.onBatch(0, [record(offset, `id-${offset}`)], String(offset + 1));
      await clock.advance(1);
      await deliveries[offset - 10]?.answer('applied');
    };
    sendAnswer = { kind: 'transient', reason: 'nobody answers' };
    await reply(10);
    await clock.advance(600_000);
    expect(outcomes()).toEqual([]);
    sendAnswer = { kind: 'transient', reason: 'no leader', answered: true };
    await clock.advance(55_000);
    await reply(11);
    expect(outcomes()).toEqual([]);
    await clock.advance(10_000);
    expect(outcomes()).toEqual(['applied', 'applied']);
    // And from then on at once, until it takes one.
    await reply(12);
    await clock.advance(1_000);
    expect(outcomes()).toHaveLength(3);
    expect(commits.at(-1)).toBe('1: 0@13');
    // A while later it is another story.
    await clock.advance(3_600_000);
    await reply(13);
    await clock.advance(50_000);
    expect(outcomes()).toHaveLength(3);
    sendAnswer = { kind: 'acked' };
    await clock.advance(10_000);
    expect(letters.map(({ key }) => key)).toEqual(['id-13']);
    sendAnswer = { kind: 'transient', reason: 'no leader', answered: true };
    await reply(14);
    await clock.advance(50_000);
    expect(outcomes()).toHaveLength(4);
  });

  it('that their owner refuses are dead letters with its reason', async () => {
    await start();
    assign(1, 0);
    const answers = ['not-object', 'malformed', 'refused', 'late', 'unreadable'] as const;
    handlers.onBatch(
      0,
      answers.map((_, index) => record(10 + index, `id-${index}`)),
      '15',
    );
    await clock.advance(1);
    for (const [index, answer] of answers.entries()) await deliveries[index]?.answer(answer);
    await clock.advance(1_000);
    expect(reasons()).toEqual([...answers]);
    expect(commits).toEqual(['1: 0@15']);
  });

  it('with a schema are read once it is known, in order with others of their job, and asked for again meanwhile', async () => {
    await start();
    assign(1, 0);
    const framed = Uint8Array.of(0, 0, 0, 0, 7, 1);
    registry = [new RegistryUnavailable('http://r', 'is away'), '{"n":9007199254740993}'];
    handlers.onBatch(0, [record(10, 'id-1', framed), record(11, 'id-1'), record(12, 'id-2')], '13');
    await clock.advance(1);
    expect(deliveries.map(({ reply }) => reply.jobKey)).toEqual(['2']);
    await clock.advance(1_000);
    expect(deliveries[1]?.reply).toMatchObject({
      jobKey: '1',
      position: { offset: '10' },
      content: { body: '{"n":9007199254740993}' },
    });
    await deliveries[1]?.answer('applied');
    expect(deliveries[2]?.reply.position.offset).toBe('11');
  });

  it('that no schema can read are malformed: at once, or when the registry was away for too long', async () => {
    await start();
    assign(1, 0);
    const framed = Uint8Array.of(0, 0, 0, 0, 7, 1);
    registry = [new SchemaUnknown('schema with id 7')];
    handlers.onBatch(0, [record(10, 'id-1', framed)], '11');
    await clock.advance(1);
    expect(deliveries[0]?.reply.content).toMatchObject({
      kind: 'malformed',
      reason: 'schema',
      message: expect.stringMatching(/id 7/),
    });
    registry = Array.from({ length: 1_000 }, () => new RegistryUnavailable('http://r', 'is away'));
    handlers.onBatch(0, [record(11, 'id-2', framed)], '12');
    await clock.advance(59_000);
    expect(deliveries).toHaveLength(1);
    await clock.advance(10_000);
    expect(deliveries[1]?.reply.content).toMatchObject({
      kind: 'malformed',
      reason: 'schema',
      message: expect.stringMatching(/is away/),
    });
  });

  it('whose id is forged or of nobody ask no registry for anything', async () => {
    await start();
    assign(1, 0);
    registry = [];
    handlers.onBatch(0, [record(10, 'id-forged', Uint8Array.of(0, 0, 0, 0, 7, 1))], '11');
    await clock.advance(1);
    expect(reasons()).toEqual(['forged']);
  });

  it('commit the end of the settled run only, and try again when Kafka does not take it', async () => {
    await start();
    assign(1, 0);
    handlers.onBatch(0, [record(10, 'id-1'), record(11, 'id-2'), record(12, 'id-3')], '15');
    await clock.advance(1);
    await deliveries[1]?.answer('applied');
    await deliveries[2]?.answer('duplicate');
    await clock.advance(5_000);
    expect(commits).toEqual([]);
    commitAnswers.push(() => Promise.reject(new Error('away')));
    await deliveries[0]?.answer('applied');
    await clock.advance(5_000);
    expect(commits).toEqual(['1: 0@15']);
    expect(outcomes()).toEqual(['applied', 'duplicate', 'applied']);
    await clock.advance(60_000);
    expect(commits).toHaveLength(1);
  });

  it('that look forged wait while others may have signed with a key that is not known here yet', async () => {
    await start();
    assign(1, 0);
    lacksKeys = true;
    handlers.onBatch(0, [record(10, 'id-late'), record(11, 'id-forged'), record(12, 'id-1')], '13');
    await clock.advance(60_000);
    expect([reasons(), deliveries.map(({ reply }) => reply.jobKey)]).toEqual([[], ['1']]);
    learnt.add('id-late');
    lacksKeys = false;
    await clock.advance(6_000);
    expect([reasons(), deliveries.map(({ reply }) => reply.jobKey)]).toEqual([['forged'], ['1', '77']]);
    for (const { answer } of deliveries) await answer('applied');
    await clock.advance(200);
    expect(commits.at(-1)).toBe('1: 0@13');
  });

  it('that nobody can use are dead letters with their reason, and hinder nobody', async () => {
    await start({ maxReplyBytes: 100 });
    assign(1, 0);
    const bad = [
      record(10, undefined),
      record(11, 'id-forged'),
      record(12, 'something else'),
      record(13, 'id-1', 'no json'),
      record(14, 'id-2', '[1]'),
      record(15, 'id-3', `"${'x'.repeat(100)}"`),
      record(16, 'id-4', null),
      record(17, 'id-5', Buffer.from([0x22, 0xff, 0x22])),
      record(18, 'id-6'),
      record(19, 'id-7'),
    ];
    handlers.onBatch(0, bad, '20');
    await clock.advance(2_001);
    // What carries a verified id is told to the job's owner first.
    expect(
      deliveries.map(({ reply }) => (reply.content.kind === 'malformed' ? reply.content.reason : 'result')),
    ).toEqual(['not-json', 'result', 'too-large', 'not-json', 'not-json', 'result', 'result']);
    expect(reasons()).toEqual(['no-id', 'forged', 'unknown']);
    for (const { answer, reply } of deliveries) await answer(ANSWERS[reply.jobKey] ?? 'applied');
    await clock.advance(200);
    expect(reasons()).toEqual([
      'no-id',
      'forged',
      'unknown',
      'not-json',
      'not-object',
      'too-large',
      'not-json',
      'not-json',
      'refused',
      'late',
    ]);
    expect(commits.at(-1)).toBe('1: 0@20');
    const headers = new Map(letters[1]?.headers.map(({ name, value }) => [name, value]));
    expect(letters[1]).toMatchObject({ key: Buffer.from('key'), value: Buffer.from('{}') });
    expect(headers.get('kafka_correlationId')).toEqual(Buffer.from('id-forged'));
    expect(headers.get('kafka_dlt-original-topic')).toBe('replies');
    expect(headers.get('kafka_dlt-original-offset')).toEqual(Buffer.from([0, 0, 0, 0, 0, 0, 0, 11]));
  });

  it('are settled by their dead letter only when Kafka has it, cut when Kafka refuses it whole', async () => {
    await start();
    assign(1, 0);
    sendAnswers = [
      { kind: 'transient', reason: 'away' },
      { kind: 'refused', reason: 'too large' },
      { kind: 'refused', reason: 'no such topic' },
      { kind: 'refused', reason: 'too large' },
    ];
    handlers.onBatch(0, [record(10, undefined, 'x'.repeat(5_000))], '11');
    await clock.advance(10);
    expect(commits).toEqual([]);
    await clock.advance(5_000);
    expect(letters).toHaveLength(1);
    expect(letters[0]?.value).toHaveLength(1_000);
    expect(letters[0]?.headers.find(({ name }) => name === 'holdfast-truncated')?.value).toContain('5000');
    expect(commits).toEqual(['1: 0@11']);
  });

  it('that Kafka refuses for their key or headers are cut there too, and keep the headers that fit', async () => {
    await start();
    assign(1, 0);
    sendAnswers = [{ kind: 'refused', reason: 'too large' }];
    const bomb = { name: 'bomb', value: Buffer.alloc(100_000) };
    const small = { name: 'small', value: Buffer.from('s') };
    const large = { ...record(10, 'id-forged'), key: Buffer.alloc(5_000) };
    handlers.onBatch(0, [{ ...large, headers: [bomb, ...large.headers, small] }], '11');
    await clock.advance(1_000);
    expect(commits).toEqual(['1: 0@11']);
    const [letter] = letters;
    expect(letter?.key).toHaveLength(1_000);
    expect(String(letter?.value)).toBe('{}');
    const names = letter?.headers.map(({ name }) => name);
    expect(names?.[0]).toBe('holdfast-reason');
    expect(names?.slice(-2)).toEqual(['kafka_correlationId', 'small']);
    expect(letter?.headers.find(({ name }) => name === 'holdfast-truncated')?.value).toBe(
      'the first 1000 of 5000 bytes of the key, 2 of 3 headers',
    );
  });

  it('keep their reason for whoever reads no more headers than a reply may have', async () => {
    await start();
    assign(1, 0);
    const many = Array.from({ length: MOST_HEADERS }, (_, i) => ({ name: `h${i}`, value: Buffer.from('v') }));
    handlers.onBatch(0, [{ ...record(10, 'id-forged'), headers: [...record(10, 'id-forged').headers, ...many] }], '11');
    await clock.advance(1_000);
    const read = letters[0]?.headers.slice(0, MOST_HEADERS).map(({ name }) => name) ?? [];
    expect(read).toEqual(
      expect.arrayContaining(['holdfast-reason', 'kafka_dlt-original-offset', 'kafka_correlationId']),
    );
  });

  it('of which the many headers are empty are cut all the same: each takes its two lengths', async () => {
    await start();
    assign(1, 0);
    sendAnswers = [{ kind: 'refused', reason: 'too large' }];
    const empty = { name: '', value: Buffer.alloc(0) };
    const bomb = { ...record(10, 'id-forged'), headers: Array.from({ length: 10_000 }, () => empty) };
    handlers.onBatch(0, [bomb], '11');
    await clock.advance(1_000);
    expect(commits).toEqual(['1: 0@11']);
    expect(letters[0]?.headers.find(({ name }) => name === 'holdfast-truncated')?.value).toBe('8192 of 10000 headers');
  });

  it('pause their partition by all that they hold in memory, keys and headers included', async () => {
    await start({ maxUnsettledBytes: 1_000_000 });
    assign(1, 0, 1, 2);
    const bomb = { name: 'bomb', value: Buffer.alloc(600_000) };
    const of = (offset: number, more: Partial<IncomingRecord>) => ({ ...record(offset, `id-${offset}`), ...more });
    handlers.onBatch(0, [of(10, { headers: [...record(10, 'id-1').headers, bomb] })], '11');
    expect([...paused]).toEqual([]);
    handlers.onBatch(0, [of(11, { headers: [...record(11, 'id-2').headers, bomb] })], '12');
    expect([...paused]).toEqual([0]);
    handlers.onBatch(1, [of(10, { key: Buffer.alloc(1_100_000) })], '11');
    expect([...paused]).toEqual([0, 1]);
  });

  it('to one job are delivered one after another, to others at once', async () => {
    await start();
    assign(1, 0);
    handlers.onBatch(0, [record(10, 'id-1'), record(11, 'id-1'), record(12, 'id-2')], '13');
    await clock.advance(1);
    expect(deliveries.map(({ reply }) => reply.position.offset)).toEqual(['10', '12']);
    await deliveries[0]?.answer(new Error('lease lost'));
    await clock.advance(1_000);
    expect(deliveries.map(({ reply }) => reply.position.offset)).toEqual(['10', '12', '10']);
    await deliveries[2]?.answer('applied');
    expect(deliveries.map(({ reply }) => reply.position.offset)).toEqual(['10', '12', '10', '11']);
  });

  it('of an older assignment count no more: not settled, not delivered, not dead-lettered, not committed', async () => {
    await start();
    assign(1, 0);
    sendAnswers = [{ kind: 'transient', reason: 'away' }];
    handlers.onBatch(0, [record(10, 'id-1'), record(11, 'id-2'), record(12, undefined)], '13');
    await clock.advance(1);
    await deliveries[0]?.answer(new Error('lease lost'));
    handlers.onUnassigned();
    expect([replies.assigned, replies.memberId]).toEqual([[], 'member']);
    await deliveries[1]?.answer('applied');
    await clock.advance(30_000);
    expect([deliveries.length, letters, commits, outcomes()]).toEqual([2, [], [], []]);
    assign(2, 0);
    handlers.onBatch(0, [record(10, 'id-1')], '11');
    await clock.advance(1);
    await deliveries[0]?.answer('applied');
    expect(replies.unsettled).toBe(1);
    await deliveries[2]?.answer('applied');
    await clock.advance(200);
    expect(commits).toEqual(['2: 0@11']);
  });

  it('stop being read at the limit of one partition, and are read again below half of it', async () => {
    await start({ maxUnsettled: 4 });
    assign(1, 0, 1);
    handlers.onBatch(
      0,
      [10, 11, 12].map((offset) => record(offset, `id-${offset}`)),
      '13',
    );
    await clock.advance(1);
    expect(paused).toEqual(new Set());
    handlers.onBatch(0, [record(13, 'id-13')], '14');
    await clock.advance(1);
    expect(paused).toEqual(new Set([0]));
    await deliveries[0]?.answer('applied');
    await deliveries[1]?.answer('applied');
    expect(paused).toEqual(new Set([0]));
    await deliveries[2]?.answer('applied');
    expect(paused).toEqual(new Set());
  });

  it('tell how far they have come: up to the last query whose log end is settled', async () => {
    await start();
    let assigned = false;
    void replies.assignedOnce.then(() => {
      assigned = true;
    });
    await clock.advance(1);
    expect(assigned).toBe(false);
    ends = new Map([
      [0, '11'],
      [1, '10'],
    ]);
    assign(1, 0, 1);
    const asked = clock.wallMs() + 999;
    await clock.advance(1_500);
    expect(assigned).toBe(true);
    expect([...replies.progress()]).toEqual([[1, asked]]);
    handlers.onBatch(0, [record(10, 'id-1')], '11');
    await clock.advance(1);
    expect(replies.progress().has(0)).toBe(false);
    await deliveries[0]?.answer('applied');
    expect(replies.progress().get(0)).toBe(asked);
    handlers.onUnassigned();
    expect(replies.progress().size).toBe(0);
  });

  it('lag by what is in Kafka and not settled, read or not', async () => {
    await start();
    assign(1, 0, 1);
    expect([...replies.lag()]).toEqual([]);
    ends = new Map([
      [0, '13'],
      [1, '10'],
    ]);
    await clock.advance(1_500);
    expect([...replies.lag()]).toEqual([
      [0, 3],
      [1, 0],
    ]);
    handlers.onBatch(0, [record(10, 'id-1'), record(11, 'id-2')], '12');
    await clock.advance(1);
    expect(replies.lag().get(0)).toBe(3);
    await deliveries[1]?.answer('applied');
    expect(replies.lag().get(0), 'one before it is not settled').toBe(3);
    await deliveries[0]?.answer('applied');
    expect(replies.lag().get(0)).toBe(1);
    // Settled beyond the end that was asked for last.
    handlers.onBatch(0, [record(12, 'id-3'), record(13, 'id-4')], '14');
    await clock.advance(1);
    for (const { answer } of deliveries.slice(2)) await answer('applied');
    expect(replies.lag().get(0)).toBe(0);
    handlers.onUnassigned();
    expect([...replies.lag()]).toEqual([]);
  });

  it("tell owners of the service's trace only where calls are followed", async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    for (const followed of [false, true]) {
      deliveries = [];
      await start({}, false, followed);
      assign(1, 0);
      const plain = record(10, 'id-1');
      const headers = [...plain.headers, { name: 'traceparent', value: Buffer.from(traceparent) }];
      handlers.onBatch(0, [{ ...plain, headers }], '11');
      await clock.advance(1);
      expect(deliveries[0]?.reply.seen).toEqual(followed ? { correlationId: 'id-1', traceparent } : undefined);
    }
  });

  it('have come no further than that because the wall clock was wrong then, or is set now', async () => {
    await start();
    ends = new Map([[0, '10']]);
    ownClock.setSkew(8_000);
    assign(1, 0);
    await clock.advance(1_500);
    const asked = clock.wallMs() - 500;
    ends = new Map([[0, '11']]); // a reply that is not read yet
    expect(replies.progress().get(0)).toBe(asked + 8_000);
    await clock.advance(3_000);
    ownClock.setSkew(0);
    expect(replies.progress().get(0)).toBe(asked);
    ownClock.setSkew(20_000);
    expect(replies.progress().get(0)).toBe(asked + 8_000);
  });

  it('are committed a last time on stop', async () => {
    await start({ commitEveryMs: 10_000 });
    assign(1, 0);
    handlers.onBatch(0, [record(10, 'id-1')], '11');
    await clock.advance(1);
    await deliveries[0]?.answer('applied');
    await replies.stop();
    expect(commits).toEqual(['1: 0@11']);
  });
});

it.each([
  ['applied', 'applied'],
  ['duplicate', 'duplicate'],
  ['late', 'late'],
  ['lateDropped', 'late'],
  ['latePublished', 'late'],
  ['unknown', 'rejected'],
  ['forged', 'rejected'],
  ['not-json', 'rejected'],
  ['refused', 'rejected'],
] as const)('%s is acknowledged as %s', (outcome, answer) => {
  expect(ackAnswerOf(outcome)).toBe(answer);
});
