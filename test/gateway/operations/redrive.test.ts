// Driving dead letters again, in virtual time: what is sent, how fast, and how it ends.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Random } from '../../../src/actors/ports.ts';
import { isTechnical, DEFAULT_HEADER_NAMES as names } from '../../../src/gateway/header-names.ts';
import type { Audit, AuditBeginning } from '../../../src/gateway/operations/audit.ts';
import type { AuditEnd } from '../../../src/gateway/operations/audit-records.ts';
import { REDRIVEN } from '../../../src/gateway/operations/dead-letter-decoding.ts';
import {
  type DeadLetterOperations,
  deadLetterOperations,
} from '../../../src/gateway/operations/dead-letter-operations.ts';
import type { RedriveBody, RedriveView } from '../../../src/gateway/operations/model/dead-letters.ts';
import { OperationUnavailable } from '../../../src/gateway/operations/operations.ts';
import { CURABLE } from '../../../src/gateway/operations/redrive-rules.ts';
import type { IncomingRecord, OutgoingRecord, SendAnswer } from '../../../src/gateway/ports.ts';
import { businessHeaders } from '../../../src/gateway/replies/headers.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { letter, MemoryLetters, REPLIES, type Sample } from './memory-letters.ts';

const ANNA = { name: 'anna', role: 'operator' } as const;

class MemoryAudit implements Audit {
  readonly begun: AuditBeginning[] = [];
  readonly ended: (AuditEnd & { readonly id: string })[] = [];
  away = false;

  async begin(entry: AuditBeginning): Promise<string> {
    if (this.away) throw new OperationUnavailable('no JetStream');
    return `audit-${this.begun.push(entry)}`;
  }

  async end(id: string, end: AuditEnd): Promise<void> {
    this.ended.push({ id, ...end });
  }

  async done(entry: AuditBeginning, end: AuditEnd): Promise<string> {
    const id = await this.begin(entry);
    await this.end(id, end);
    return id;
  }

  page = () => Promise.reject(new Error('not asked'));
}

let clock: ManualClock;
let audit: MemoryAudit;
let sent: { readonly topic: string; readonly record: OutgoingRecord; readonly atMs: number }[];
let answer: (record: OutgoingRecord) => SendAnswer | Promise<SendAnswer>;
/** Of the topic, before anything leaves. */
let lookUp: Promise<void>;
/** Whose end was waited for. */
let runs: number;
let count: number;

beforeEach(() => {
  clock = new ManualClock();
  audit = new MemoryAudit();
  sent = [];
  answer = () => ({ kind: 'acked' });
  lookUp = Promise.resolve();
  runs = 0;
  count = 0;
});

const random: Random = { float: () => 0.5, bytes: (length) => new Uint8Array(length).fill(++count) };

/** There is no other node. */
const seen = { redriveState: async () => undefined, stopRedrive: async () => undefined };

function operations(log: MemoryLetters): DeadLetterOperations {
  const writer = {
    async send(topic: string, records: readonly OutgoingRecord[], _deadlineMs: number, mayStart: () => boolean) {
      await lookUp;
      if (!mayStart()) return { kind: 'transient', reason: 'not sent' } as const;
      for (const record of records) sent.push({ topic, record, atMs: clock.monotonicMs() });
      return answer(records[0]!);
    },
  };
  return deadLetterOperations({ log, writer, audit, clock, random, names, replyTopic: REPLIES, node: 'n1', seen });
}

function letters(samples: readonly Sample[]): IncomingRecord[] {
  return samples.map((sample, offset) => letter({ offset, atMs: offset, value: `${offset}`, ...sample }));
}

const body = (more: Partial<RedriveBody> = {}): RedriveBody => ({
  reason: 'why not',
  filter: {},
  dryRun: false,
  ...more,
});
const values = () => sent.map(({ record }) => String(record.value));

/** Until the audit has the end of the run. */
async function ended(operations: DeadLetterOperations, id: string): Promise<RedriveView> {
  const before = runs;
  runs += 1;
  await clock.until(
    () => audit.ended.length > before,
    1_000_000,
    () => `the end of ${id}`,
  );
  return (await operations.redriveState(id))!;
}

describe('what is driven', () => {
  test('goes to the reply topic as the service sent it, and names who drove it', async () => {
    const record = letter({
      correlationId: 'order-1',
      key: 'cust',
      value: '{"a":1}',
      headers: { 'x-tenant': 't', [REDRIVEN]: 'old' },
    });
    const subject = operations(new MemoryLetters([[record]]));
    const { id, auditId } = await subject.redrive(body(), ANNA);
    await ended(subject, id);
    expect(sent.map(({ topic }) => topic)).toEqual([REPLIES]);
    const { key, value, headers } = sent[0]!.record;
    expect([String(key), String(value)]).toEqual(['cust', '{"a":1}']);
    expect(headers.map(({ name, value }) => [name, String(value)])).toEqual([
      ['kafka_correlationId', 'order-1'],
      ['x-tenant', 't'],
      [REDRIVEN, auditId],
    ]);
  });

  test('the header that tells is technical: no expression and no process sees it', () => {
    expect(isTechnical(REDRIVEN, names)).toBe(true);
    const record = letter({ headers: { [REDRIVEN]: 'id', 'x-tenant': 't' } });
    expect(businessHeaders(record, names, {})).toEqual([['x-tenant', 't']]);
  });

  test('no letter that no change can cure, none that is cut, none that is not ours; all are counted', async () => {
    const cut = { 'holdfast-truncated': 'the first 1000 of 2000 bytes' };
    const samples: Sample[] = [
      ...['unknown', 'forged', 'schema', 'unreadable', 'too-large', 'refused', 'malformed', 'not-object', 'no-id'].map(
        (reason) => ({ reason, value: reason }),
      ),
      { reason: 'late' },
      { reason: 'not-json' },
      { reason: 'not-json' },
      { reason: 'unknown', headers: cut },
      { reason: 'unknown', topic: 'somebody.else' },
      { reason: '' },
      { reason: 'constructor' },
    ];
    const subject = operations(new MemoryLetters([letters(samples)]));
    const { id } = await subject.redrive(body({ perSecond: 1000 }), ANNA);
    expect(await ended(subject, id)).toMatchObject({
      state: 'done',
      matched: 16,
      driven: 9,
      skipped: 7,
      detail:
        '16 matched, 9 driven, 7 skipped (late 1, not-json 2, truncated 1, from another topic 1, no dead letter of ours 1, of an unknown reason 1)',
    });
    expect(values()).toEqual(samples.slice(0, 9).map(({ value }) => value));
  });

  test('what the filter says, or single positions, and no others', async () => {
    const log = new MemoryLetters([letters([{}, {}, {}, { reason: 'schema' }]), letters([{}, { reason: 'schema' }])]);
    const subject = operations(log);
    const positions = ['0/3', '1/1', '0/1', '0/1', '1/99', '7/0'].map((at) => {
      const [partition, offset = ''] = at.split('/');
      return { partition: Number(partition), offset };
    });
    const first = await ended(subject, (await subject.redrive(body({ filter: { positions } }), ANNA)).id);
    expect(values()).toEqual(['1', '3', '1']);
    expect(first.detail).toBe('3 matched, 3 driven, 0 skipped, 2 positions without a letter that matches');
    sent = [];
    await ended(subject, (await subject.redrive(body({ filter: { positions, reason: 'schema' } }), ANNA)).id);
    expect(values()).toEqual(['3', '1']);
  });

  test('only what was there at the beginning, each once, although what is driven comes back', async () => {
    const log = new MemoryLetters([letters([{}, {}, {}])], 1);
    answer = ({ headers }) => {
      const partition = log.partitions[0]!;
      const back = letter({
        offset: partition.to,
        value: 'back',
        headers: { [REDRIVEN]: String(headers.at(-1)?.value) },
      });
      partition.records.push(back);
      partition.to += 1n;
      return { kind: 'acked' };
    };
    const subject = operations(log);
    expect(await ended(subject, (await subject.redrive(body(), ANNA)).id)).toMatchObject({ matched: 3, driven: 3 });
    expect(values()).toEqual(['0', '1', '2']);
    const page = await subject.deadLetters({});
    expect(page.letters.map(({ redriven }) => redriven)).toEqual([true, true, true, false, false, false]);
  });

  test('at most as many as were asked for, and at most so many a second', async () => {
    const subject = operations(new MemoryLetters([letters(Array.from({ length: 30 }, () => ({})))]));
    const view = await ended(subject, (await subject.redrive(body({ max: 21, perSecond: 4 }), ANNA)).id);
    expect(view).toMatchObject({ state: 'done', driven: 21 });
    expect(view.detail).toContain('ended at the maximum of 21, before partition 0, offset 21');
    expect(view.sample).toHaveLength(20);
    const gaps = sent.slice(1).map(({ atMs }, i) => atMs - sent[i]!.atMs);
    expect(new Set(gaps)).toEqual(new Set([250]));
  });

  test('a Kafka that was slow is not made up for by a burst', async () => {
    answer = async () => {
      if (sent.length === 2) {
        await new Promise<void>((resolve) => clock.setTimer(5_000, resolve));
      }
      return { kind: 'acked' };
    };
    const subject = operations(new MemoryLetters([letters(Array.from({ length: 6 }, () => ({})))]));
    await ended(subject, (await subject.redrive(body({ perSecond: 10 }), ANNA)).id);
    expect(sent.map(({ atMs }) => atMs)).toEqual([0, 100, 5_100, 5_200, 5_300, 5_400]);
  });
});

test('docs/operations.md says of every reason whether it is driven again', () => {
  const document = readFileSync(join(import.meta.dirname, '../../../docs/operations.md'), 'utf8');
  const rows = [...document.matchAll(/^\| (`[a-z-]+`(?:, `[a-z-]+`)*) \| (yes|no) \|/gm)];
  const said = rows.flatMap(([, reasons = '', driven]) =>
    reasons.split(', ').map((name) => [name.slice(1, -1), driven]),
  );
  expect(Object.fromEntries(said)).toEqual(
    Object.fromEntries(Object.entries(CURABLE).map(([reason, curable]) => [reason, curable ? 'yes' : 'no'])),
  );
});

describe('a preview', () => {
  test('is the default, sends nothing, and is not audited', async () => {
    const subject = operations(new MemoryLetters([letters([{}, { reason: 'late' }, {}])]));
    const view = await subject.redrive({ reason: 'look', filter: {} }, ANNA);
    expect(view).toMatchObject({ state: 'preview', auditId: null, matched: 3, driven: 0, skipped: 1 });
    expect(view.detail).toBe('3 match, 2 would be driven, 1 skipped (late 1)');
    expect(view.sample.map(({ offset }) => offset)).toEqual(['0', '2']);
    expect(await subject.redriveState(view.id)).toEqual(view);
    await clock.advance(10_000);
    expect([sent, audit.begun]).toEqual([[], []]);
  });

  test('says how far it counted', async () => {
    const log = new MemoryLetters([letters(Array.from({ length: 20 }, () => ({})))], 5);
    const most = await operations(log).redrive({ reason: 'look', filter: {}, max: 7 }, ANNA);
    expect(most).toMatchObject({
      matched: 7,
      detail: 'counted up to the maximum of 7; 7 match, 7 would be driven, 0 skipped',
    });
    log.beforeRead = () => clock.advance(2_500);
    const slow = await operations(log).redrive({ reason: 'look', filter: {} }, ANNA);
    expect(slow).toMatchObject({ matched: 10 });
    expect(slow.detail).toContain('as far as partition 0, offset 10; there may be more');
  });
});

describe('the end of a run', () => {
  const many = () => new MemoryLetters([letters(Array.from({ length: 50 }, () => ({})))]);

  test('is in the audit, with what came of it', async () => {
    const subject = operations(many());
    const view = await subject.redrive(
      body({ filter: { reason: 'unknown' }, reason: 'the registry is back', max: 2 }),
      ANNA,
    );
    expect(audit.begun).toEqual([
      {
        by: ANNA,
        reason: 'the registry is back',
        act: 'deadLetters.redrive',
        target: `${view.id}: dead letters: reason unknown`,
        before: 'partition/offsets 0/0–49; at most 2, 10 per second',
      },
    ]);
    expect(view).toMatchObject({ state: 'running', auditId: 'audit-1' });
    await ended(subject, view.id);
    expect(audit.ended).toEqual([{ id: 'audit-1', result: 'done', after: expect.stringContaining('2 driven') }]);
  });

  test('comes at once when it is stopped, also in the middle of its pause', async () => {
    const subject = operations(many());
    const { id } = await subject.redrive(body({ perSecond: 1 }), ANNA);
    await clock.advance(2_500);
    expect(sent).toHaveLength(3);
    await subject.stopRedrive(id, { name: 'bob', role: 'operator' }, 'the service is down again');
    const view = await subject.redriveState(id);
    expect(view).toMatchObject({
      state: 'stopped',
      driven: 3,
      detail: 'stopped by bob; 4 matched, 3 driven, 0 skipped',
    });
    await clock.advance(60_000);
    expect(sent).toHaveLength(3);
    expect(audit.ended.map(({ result }) => result).toSorted()).toEqual(['done', 'stopped']);
    const again = await subject.stopRedrive(id, ANNA, 'to be sure');
    expect(again).toMatchObject({ state: 'stopped', detail: view?.detail });
  });

  test('stopped while Kafka is being asked for the topic: the letter does not leave', async () => {
    lookUp = new Promise((resolve) => clock.setTimer(500, resolve));
    const subject = operations(many());
    const { id } = await subject.redrive(body(), ANNA);
    await clock.advance(100);
    const stopping = subject.stopRedrive(id, ANNA, 'stop it');
    await clock.advance(1_000);
    await stopping;
    expect(sent).toEqual([]);
    expect(await subject.redriveState(id)).toMatchObject({ state: 'stopped', driven: 0 });
  });

  test.each([
    [
      'transient',
      'no leader; at partition 0, offset 2, which may have been written all the same; 3 matched, 2 driven, 0 skipped',
    ],
    ['refused', 'no leader; at partition 0, offset 2; 3 matched, 2 driven, 0 skipped'],
  ] as const)(
    'comes with the first letter that Kafka does not take (%s), and nothing is sent twice',
    async (kind, detail) => {
      answer = () => (sent.length === 3 ? { kind, reason: 'no leader' } : { kind: 'acked' });
      const subject = operations(many());
      const { id } = await subject.redrive(body(), ANNA);
      expect(await ended(subject, id)).toMatchObject({ state: 'failed', driven: 2, detail });
      expect(values()).toEqual(['0', '1', '2']);
      expect(audit.ended).toMatchObject([{ result: 'failed', after: detail }]);
    },
  );

  test('reading is tried again, for a while', async () => {
    const log = many();
    let failures = 3;
    log.beforeRead = () => {
      if (failures-- > 0) throw new OperationUnavailable('the leader has moved');
    };
    const subject = operations(log);
    expect(await ended(subject, (await subject.redrive(body({ max: 5 }), ANNA)).id)).toMatchObject({ driven: 5 });
    failures = Number.POSITIVE_INFINITY;
    const { id } = await subject.redrive(body(), ANNA);
    expect(await ended(subject, id)).toMatchObject({ state: 'failed', detail: expect.stringContaining('has moved') });
  });
});

describe('runs of one node', () => {
  const many = () => new MemoryLetters([letters(Array.from({ length: 50 }, () => ({})))]);

  test('are one at a time, also when two are asked for in the same moment', async () => {
    const subject = operations(many());
    const both = await Promise.allSettled([subject.redrive(body(), ANNA), subject.redrive(body(), ANNA)]);
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    await expect(subject.redrive(body(), ANNA)).rejects.toMatchObject({ code: 'TOO_MANY' });
    await subject.close();
    expect(audit.ended).toMatchObject([{ result: 'stopped', after: expect.stringContaining('the end of node n1') }]);
    // Its node ends: nothing would stop another one.
    await expect(subject.redrive(body({ max: 1 }), ANNA)).rejects.toMatchObject({ code: 'ACT_NOT_DONE' });
  });

  test('are not begun when their node ends while they are written down, and the audit says so', async () => {
    const subject = operations(many());
    const begin = audit.begin.bind(audit);
    audit.begin = async (entry) => {
      const id = await begin(entry);
      await subject.close();
      return id;
    };
    await expect(subject.redrive(body(), ANNA)).rejects.toMatchObject({ code: 'ACT_NOT_DONE' });
    await clock.advance(1_000);
    expect(sent).toEqual([]);
    expect(audit.ended).toEqual([{ id: 'audit-1', result: 'notDone', after: 'the node ended before it began' }]);
  });

  test('are not begun while the letters cannot be read; to count them may be asked again', async () => {
    const log = many();
    log.bounds = () => Promise.reject(new OperationUnavailable('Kafka is away'));
    const subject = operations(log);
    await expect(subject.redrive(body(), ANNA)).rejects.toMatchObject({ code: 'ACT_NOT_DONE' });
    await expect(subject.redrive(body({ dryRun: true }), ANNA)).rejects.toMatchObject({
      code: 'OPERATION_UNAVAILABLE',
    });
    expect(audit.begun).toEqual([]);
  });

  test('are not begun when they cannot be audited, and the next one can', async () => {
    audit.away = true;
    const subject = operations(many());
    await expect(subject.redrive(body(), ANNA)).rejects.toMatchObject({ code: 'OPERATION_UNAVAILABLE' });
    await clock.advance(1_000);
    expect(sent).toEqual([]);
    audit.away = false;
    await expect(subject.redrive(body(), ANNA)).resolves.toMatchObject({ state: 'running' });
  });

  test('are remembered, sixteen of them, and the one that runs in any case', async () => {
    const subject = operations(many());
    const running = await subject.redrive(body({ perSecond: 1 }), ANNA);
    const previews: string[] = [];
    for (let i = 0; i < 20; i++) previews.push((await subject.redrive(body({ dryRun: true }), ANNA)).id);
    const known = await Promise.all([running.id, ...previews].map((id) => subject.redriveState(id)));
    expect(known.map((view) => view !== undefined)).toEqual([true, ...previews.map((_, i) => i >= 5)]);
    expect(await subject.stopRedrive('n2.0000', ANNA, 'stop it')).toBeUndefined();
    await subject.close();
  });

  test('no more than four people read letters through one node at the same time', async () => {
    const log = many();
    const gate = Promise.withResolvers<void>();
    log.beforeRead = () => gate.promise;
    const subject = operations(log);
    const four = Array.from({ length: 4 }, () => subject.deadLetters({}));
    await expect(subject.deadLetters({})).rejects.toMatchObject({ code: 'TOO_MANY' });
    gate.resolve();
    await Promise.all(four);
    await expect(subject.deadLetters({})).resolves.toMatchObject({ next: null });
  });
});

test('one letter is found by its position, or not at all', async () => {
  const records = letters([{ offset: 5 }, { offset: 9 }]);
  const subject = operations(new MemoryLetters([records]));
  expect(await subject.deadLetter(0, '9', true)).toMatchObject({ offset: '9', value: '1' });
  for (const [partition, offset] of [
    [0, '7'],
    [0, '4'],
    [0, '10'],
    [1, '5'],
    [0, '5x'],
    [0, '-1'],
  ] as const) {
    expect(await subject.deadLetter(partition, offset, true)).toBeUndefined();
  }
});
