// Hostile records through the whole way of a reply short of the cluster: judged, read, interpreted under any settings, settled
// or dead-lettered, in virtual time and on the real code. Each is settled with a documented outcome, the offsets are
// committed to the end, what comes between them is applied, and nothing of them is left in memory.
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JobKey } from '../../src/actors/ids.ts';
import type { CallSettings, Reply, ReplyAnswer } from '../../src/actors/messages.ts';
import { PLAIN_CONTRACT } from '../../src/actors/messages.ts';
import { DEFAULT_HEADER_NAMES } from '../../src/gateway/header-names.ts';
import type { IncomingRecord, OutgoingRecord, ReplyHandlers, ReplyReader } from '../../src/gateway/ports.ts';
import { DeadLetters } from '../../src/gateway/replies/dead-letters.ts';
import { interpret } from '../../src/gateway/replies/interpret.ts';
import { Replies } from '../../src/gateway/replies/replies.ts';
import { DEFAULT_REPLIES_LIMITS } from '../../src/gateway/replies/replies-options.ts';
import { SchemaUnknown } from '../../src/gateway/schema/errors.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { anyHostileRecord, documentedReasons, type HostileRecord, idOf } from './trouble/hostile-records.ts';

const RUNS = Number(process.env.HOLDFAST_PROPERTY_RUNS ?? 60);
const REASONS = documentedReasons(readFileSync(new URL('../../docs/services.md', import.meta.url), 'utf8'));
const ANSWERS: readonly string[] = ['applied', 'duplicate', 'late', 'latePublished', 'lateDropped'];
const GOOD = 'good';
const MB = 1024 * 1024;
/** What is left of five hundred hostile records, which are some 17 MB. */
const MOST_LEFT_MB = 2;

type Settings = Pick<CallSettings, 'resultVariable' | 'resultExpression' | 'errorExpression'>;

const anySettings: fc.Arbitrary<Settings> = fc.record({
  resultVariable: fc.constantFrom('', 'answer', '__proto__'),
  resultExpression: fc.constantFrom('', '{a: response.a}', 'response', '{all: response, h: headers}'),
  errorExpression: fc.constantFrom('', 'if response.a > 1 then bpmnError("E", "m", {a: response.a}) else null', 'null'),
});

class Scene {
  readonly clock = new ManualClock();
  readonly outcomes: string[] = [];
  readonly letters: OutgoingRecord[] = [];
  readonly applied: string[] = [];
  committed = 0n;
  paused = 0;
  keepLetters = true;
  readonly replies: Replies;
  #handlers: ReplyHandlers | undefined;
  #offset = 0;

  constructor(settings: Settings) {
    const { clock } = this;
    const random = { float: () => 0.5, bytes: () => new Uint8Array() };
    const reader: ReplyReader = {
      start: async (handlers) => {
        this.#handlers = handlers;
      },
      commit: async (_, offsets) => {
        this.committed = BigInt(offsets.get(0) ?? 0);
      },
      pause: () => void this.paused++,
      resume: () => void this.paused--,
      endOffsets: async () => new Map([[0, String(this.#offset)]]),
      evict: async () => true,
      stop: async () => {},
    };
    const writer = {
      send: async (_topic: string, records: readonly OutgoingRecord[]) => {
        if (this.keepLetters) this.letters.push(...records);
        return { kind: 'acked' } as const;
      },
      close: async () => {},
    };
    this.replies = new Replies({
      reader,
      deadLetters: new DeadLetters({ writer, clock, random, topic: 'dlq', mayAct: () => true }),
      clock,
      random,
      topic: 'replies',
      group: 'group',
      names: DEFAULT_HEADER_NAMES,
      schemas: {
        decode: async () => {
          throw new SchemaUnknown('schema with id 7');
        },
      },
      verify: (id) => {
        const [, jobKey] = /^id-(\w+)$/.exec(id) ?? [];
        if (jobKey !== undefined) return { kind: 'ok', jobKey: jobKey as JobKey, attempt: 1 };
        return { kind: id.startsWith('hf1-') ? 'forged' : 'unknown' };
      },
      deliver: async (reply) => this.#owner(settings, reply),
      jobOf: async () => undefined,
      onEvent: (event) => {
        if (event.kind === 'settled') this.outcomes.push(event.outcome);
      },
    });
  }

  /** As a job that waits answers, by what the reply means to it. */
  #owner(settings: Settings, { jobKey, content }: Reply): ReplyAnswer {
    const own = jobKey === GOOD ? { resultVariable: '', resultExpression: '', errorExpression: '' } : settings;
    const verdict = interpret({ ...PLAIN_CONTRACT, ...own }, content, { retries: 3 });
    if (verdict.kind === 'malformed') {
      expect(verdict.message).not.toBe('');
      const { reason } = verdict;
      return reason === 'not-object' || reason === 'refused' ? reason : 'malformed';
    }
    if ('variables' in verdict) JSON.parse(verdict.variables);
    if (jobKey === GOOD) this.applied.push('variables' in verdict ? verdict.variables : '');
    return 'applied';
  }

  async begin(): Promise<void> {
    await this.replies.start();
    this.#handlers?.onAssigned('member', 1, [{ partition: 0, committed: '0', earliest: '0' }]);
  }

  /** The records with a good reply behind each, as they come out of Kafka. */
  async take(records: readonly HostileRecord[]): Promise<void> {
    const batch = records.flatMap((record) => [
      this.#incoming(record, idOf(record, 'id-7')),
      this.#incoming({ id: 'ours', key: null, value: Buffer.from('{"ok":1}'), headers: [] }, `id-${GOOD}`),
    ]);
    this.#handlers?.onBatch(0, batch, String(this.#offset));
    await this.clock.advance(10_000);
  }

  #incoming({ key, value, headers }: HostileRecord, id: string | undefined): IncomingRecord {
    const own = id === undefined ? [] : [{ name: 'kafka_correlationId', value: Buffer.from(id) }];
    return { offset: String(this.#offset++), key, value, headers: [...headers, ...own], timestampMs: 0 };
  }
}

test('each hostile record is settled with a documented outcome, and the good ones between them are applied', async () => {
  expect(REASONS).toContain('not-json');
  expect(REASONS).toHaveLength(11);
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyHostileRecord, { maxLength: 25, size: 'max' }),
      anySettings,
      async (records, settings) => {
        const scene = new Scene(settings);
        await scene.begin();
        await scene.take(records);
        const total = 2 * records.length;
        expect(scene.outcomes).toHaveLength(total);
        for (const outcome of scene.outcomes) expect([...ANSWERS, ...REASONS]).toContain(outcome);
        expect(scene.applied).toEqual(records.map(() => '{"ok":1}'));
        expect(scene.committed).toBe(BigInt(total));
        for (const { headers } of scene.letters) {
          const reason = headers.findLast(({ name }) => name === 'holdfast-reason')?.value;
          expect(REASONS).toContain(reason);
          seen.add(String(reason));
        }
        expect((Object.prototype as { polluted?: unknown }).polluted).toBeUndefined();
      },
    ),
    { numRuns: RUNS },
  );
  for (const reason of ['not-json', 'not-object', 'malformed', 'refused', 'schema', 'no-id', 'forged', 'unknown'])
    expect([...seen]).toContain(reason);
});

test(`five hundred of them leave less than ${MOST_LEFT_MB} MB behind`, async () => {
  setFlagsFromString('--expose_gc');
  const collect = runInNewContext('gc') as () => void;
  // What waits for a finalizer goes a turn after it was found dead.
  const heapMb = async () => {
    for (let round = 0; round < 3; round++) {
      collect();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return (heapUsed + arrayBuffers) / MB;
  };
  const scene = new Scene({ resultVariable: 'answer', resultExpression: '{a: response.a}', errorExpression: '' });
  scene.keepLetters = false;
  await scene.begin();
  const batch = (seed: number, numRuns = 100) => fc.sample(anyHostileRecord, { seed, numRuns });
  await scene.take(batch(1));
  const before = await heapMb();
  for (let seed = 2; seed <= 6; seed++) {
    await scene.take(batch(seed));
    expect(scene.replies.unsettled).toBe(0);
  }
  scene.outcomes.length = 0;
  scene.applied.length = 0;
  expect((await heapMb()) - before).toBeLessThan(MOST_LEFT_MB);
  expect(scene.paused).toBe(0);
}, 60_000);

test('header bombs that nobody settles pause their partition before they fill the memory', async () => {
  const scene = new Scene({ resultVariable: '', resultExpression: '', errorExpression: '' });
  await scene.begin();
  const large = Array.from({ length: 60 }, (_, number) => ({
    id: 'garbage' as const,
    key: null,
    value: null,
    headers: [{ name: 'large', value: Buffer.alloc(300_000, number) }],
  }));
  let taken = 0;
  for (const record of large) {
    if (scene.paused > 0) break;
    void scene.take([record]).catch(() => undefined);
    taken += 1;
  }
  // Unknown ids wait for a while, so none is settled yet.
  expect(taken * 300_000).toBeLessThan(DEFAULT_REPLIES_LIMITS.maxUnsettledBytes + 600_000);
  expect(scene.paused).toBe(1);
});
