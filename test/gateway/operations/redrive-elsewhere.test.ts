// A run over dead letters belongs to one node; any other one answers for it, and stops it. Questions go from node to node here
// through memory; that they do so over NATS is test/cluster/questions.test.ts.
import { beforeEach, expect, test } from 'vitest';
import type { NodeName } from '../../../src/actors/ids.ts';
import type { Cluster } from '../../../src/cluster/cluster.ts';
import { DEFAULT_HEADER_NAMES as names } from '../../../src/gateway/header-names.ts';
import { type Audit, type AuditBeginning, AuditTrail } from '../../../src/gateway/operations/audit.ts';
import type { AuditEnd } from '../../../src/gateway/operations/audit-records.ts';
import { ClusterOperations } from '../../../src/gateway/operations/cluster-operations.ts';
import { deadLetterOperations } from '../../../src/gateway/operations/dead-letter-operations.ts';
import { Flow } from '../../../src/gateway/operations/flow.ts';
import { NodeAnswers } from '../../../src/gateway/operations/node-answers.ts';
import { OperationUnavailable } from '../../../src/gateway/operations/operations.ts';
import type { SendAnswer } from '../../../src/gateway/ports.ts';
import { ManualClock, settled } from '../../support/manual-clock.ts';
import { type LoggedLine, logInto } from '../http/trial-server.ts';
import { MemoryStore } from './memory-audit.ts';
import { letter, MemoryLetters, REPLIES } from './memory-letters.ts';

const ANNA = { name: 'anna', role: 'operator' } as const;
const BOB = { name: 'bob', role: 'operator' } as const;

let clock: ManualClock;
let begun: (AuditBeginning & { readonly node: string })[];
let ended: (AuditEnd & { readonly id: string })[];
let auditAway: boolean;
let sent: number;
let answer: () => SendAnswer | Promise<SendAnswer>;
let nodes: Map<string, NodeAnswers>;
/** Members that hear nothing, or nothing of a kind: `n1`, `n1 redriveStopped`. */
let hung: Set<string>;
/** They have lost their lease, or NATS. */
let outside: Set<string>;

beforeEach(() => {
  clock = new ManualClock();
  begun = [];
  ended = [];
  auditAway = false;
  sent = 0;
  answer = () => ({ kind: 'acked' });
  nodes = new Map();
  hung = new Set();
  outside = new Set();
});

const WITHIN_MS = 1_800;

const FIFTY = new MemoryLetters([Array.from({ length: 50 }, (_, offset) => letter({ offset }))]);

function start(node: string, { log = FIFTY, trail }: { readonly log?: MemoryLetters; readonly trail?: Audit } = {}) {
  const questions = {
    async ask(question: { readonly ask: string }, only: string) {
      const asked = nodes.get(only);
      if (asked === undefined || outside.has(only)) return { answered: [], silent: [] };
      const isHung = hung.has(only) || hung.has(`${only} ${question.ask}`);
      if (question.ask === 'node' && !isHung) return { answered: [{ answer: { version: '0.9.0' } }], silent: [] };
      const said = isHung ? undefined : await asked.answer(question, WITHIN_MS, 50_000);
      return said === undefined ? { answered: [], silent: [only] } : { answered: [{ answer: said }], silent: [] };
    },
  };
  const cluster = {
    get life() {
      return outside.has(node) ? undefined : { questions };
    },
  } as unknown as Cluster;
  const seen = new ClusterOperations({
    ...{ clock, cluster, kv: { get: () => Promise.resolve(undefined) }, tail: undefined },
    config: { cluster: 'c', node: node as NodeName, shards: 4 },
    calls: () => ({ routes: [], template: undefined }),
    waitingFor: () => [],
    correlationId: () => '',
  });
  const double: Audit = {
    async begin(entry: AuditBeginning) {
      if (auditAway) throw new OperationUnavailable('no JetStream');
      return `audit-${begun.push({ ...entry, node })}`;
    },
    async end(id: string, end: AuditEnd) {
      ended.push({ id, ...end });
    },
    async done(entry, end) {
      const id = await double.begin(entry);
      await double.end(id, end);
      return id;
    },
    page: () => Promise.reject(new Error('not asked')),
  };
  const writer = {
    async send() {
      sent += 1;
      return answer();
    },
  };
  let count = 0;
  const random = { float: () => 0.5, bytes: (length: number) => new Uint8Array(length).fill(++count) };
  const operations = deadLetterOperations({
    ...{ log, writer, audit: trail ?? double, clock, random, names, replyTopic: REPLIES, node, seen },
  });
  nodes.set(
    node,
    new NodeAnswers({
      ...{ clock, cluster, node, shards: 4, flow: new Flow(clock), version: '1', startedAtMs: 0 },
      waitingFor: () => [],
      correlationId: () => '',
      redrives: () => operations.runs,
    }),
  );
  return operations;
}

const RUN = { reason: 'it is mended', filter: {}, dryRun: false, perSecond: 1 } as const;

test('its state is the same from any node', async () => {
  const [n1, n2] = [start('n1'), start('n2')];
  const { id } = await n1.redrive(RUN, ANNA);
  expect(id).toMatch(/^n1\.[0-9a-f]{16}$/);
  await clock.advance(2_500);
  const view = await n2.redriveState(id);
  expect(view).toMatchObject({ id, state: 'running', driven: 3 });
  expect(view).toEqual(await n1.redriveState(id));
});

test('it is stopped from another node, and that is an act of its own: who, why, what was and what is', async () => {
  const [n1, n2] = [start('n1'), start('n2')];
  const { id } = await n1.redrive(RUN, ANNA);
  await clock.advance(2_500);
  const stopped = await n2.stopRedrive(id, BOB, 'the service is down again');
  const detail = 'stopped by bob; 4 matched, 3 driven, 0 skipped';
  expect(stopped).toMatchObject({ id, state: 'stopped', driven: 3, detail });
  expect(await n1.redriveState(id)).toEqual(stopped);
  await clock.advance(60_000);
  expect(sent).toBe(3);
  expect(begun[1]).toEqual({
    ...{ node: 'n2', by: BOB, reason: 'the service is down again', act: 'deadLetters.stopRedrive', target: id },
    before: 'running: 4 matched, 3 driven, 0 skipped',
  });
  // The run's own entry has its end too.
  expect(ended.toSorted((a, b) => (a.id < b.id ? -1 : 1))).toEqual([
    { id: 'audit-1', result: 'stopped', after: detail },
    { id: 'audit-2', result: 'done', after: `stopped: ${detail}` },
  ]);
});

test('what cannot be audited is stopped all the same, from any node, and that is said', async () => {
  const [n1, n2] = [start('n1'), start('n2')];
  for (const node of [n1, n2]) {
    auditAway = false;
    const { id } = await n1.redrive(RUN, ANNA);
    await clock.advance(1_500);
    auditAway = true;
    const before = sent;
    expect(await node.stopRedrive(id, BOB, 'stop it')).toMatchObject({
      state: 'stopped',
      detail: expect.stringMatching(/^stopped by bob; .*; this stop is not audited: no JetStream$/),
    });
    await clock.advance(60_000);
    expect(sent).toBe(before);
  }
});

test('while NATS is away its own node stops it at once, goes on trying to audit that, and else logs it', async () => {
  const [store, logged] = [new MemoryStore(), [] as LoggedLine[]];
  const random = { float: () => 0.5, bytes: (length: number) => new Uint8Array(length).fill(store.records.length) };
  const trail = new AuditTrail({ store, clock, random, log: logInto(logged), node: 'n1' });
  const n1 = start('n1', { trail });
  for (const awayMs of [3_000, 60_000]) {
    const { id } = await n1.redrive(RUN, ANNA);
    await clock.advance(1_500);
    const before = sent;
    outside.add('n1');
    store.beforeAppend = () => {
      throw new Error('no link');
    };
    clock.setTimer(awayMs, () => {
      store.beforeAppend = () => undefined;
      outside.clear();
    });
    const stopping = n1.stopRedrive(id, BOB, 'the service is down again');
    await settled();
    expect(await n1.redriveState(id)).toMatchObject({ state: 'stopped' });
    await clock.advance(10_000);
    const { state, detail } = (await stopping)!;
    expect([state, sent]).toEqual(['stopped', before]);
    await clock.advance(60_000);
    const [newest] = (await trail.page({ target: id })).entries;
    if (awayMs < 8_000) {
      expect(detail).toBe('stopped by bob; 3 matched, 2 driven, 0 skipped');
      expect(newest).toMatchObject({
        act: 'deadLetters.stopRedrive',
        who: 'bob',
        result: 'done',
        after: `stopped: ${detail}`,
      });
    } else {
      expect(detail).toMatch(/; this stop is not audited: the audit cannot be reached: no link$/);
      expect(newest?.act).toBe('deadLetters.redrive');
      expect(logged.filter(({ level }) => level === 'warn')).toMatchObject([
        { fields: { act: 'deadLetters.stopRedrive', target: id, who: 'bob', reason: 'the service is down again' } },
      ]);
    }
  }
});

test('the audit finds a run by its id: how it was begun, and who has stopped it', async () => {
  const store = new MemoryStore();
  const random = { float: () => 0.5, bytes: (length: number) => new Uint8Array(length).fill(store.records.length) };
  const trail = new AuditTrail({ store, clock, random, log: logInto([]), node: 'n1' });
  const [n1, n2] = [start('n1', { trail }), start('n2', { trail })];
  const other = await n2.redrive({ ...RUN, max: 1 }, ANNA);
  const { id } = await n1.redrive({ ...RUN, filter: { reason: 'unknown' } }, ANNA);
  await clock.advance(1_500);
  await n2.stopRedrive(id, BOB, 'stop it');
  const { entries } = await trail.page({ target: id });
  expect(entries.map(({ act, who, target }) => [act, who, target])).toEqual([
    ['deadLetters.stopRedrive', 'bob', id],
    ['deadLetters.redrive', 'anna', `${id}: dead letters: reason unknown`],
  ]);
  expect((await trail.page({ target: other.id })).entries).toMatchObject([{ target: `${other.id}: all dead letters` }]);
});

test('a stop that was asked for and not answered may have been done, and is in the audit as that', async () => {
  const [n1, n2] = [start('n1'), start('n2')];
  const { id } = await n1.redrive(RUN, ANNA);
  hung.add('n1 redriveStopped');
  await expect(n2.stopRedrive(id, BOB, 'stop it')).rejects.toMatchObject({ code: 'OPERATION_UNAVAILABLE' });
  expect(begun[1]).toMatchObject({ act: 'deadLetters.stopRedrive', target: id, by: BOB });
  expect(ended).toEqual([{ id: 'audit-2', result: 'error', after: expect.stringContaining('does not answer') }]);
  await n1.close();
});

test('a stop that surely nobody heard is said to be that', async () => {
  const [n1, n2] = [start('n1'), start('n2')];
  const { id } = await n1.redrive(RUN, ANNA);
  // Not even its state is known; then its place is lost before it is asked.
  hung.add('n1');
  await expect(n2.stopRedrive(id, BOB, 'stop it')).rejects.toMatchObject({ code: 'ACT_NOT_DONE' });
  await expect(n2.redriveState(id)).rejects.toMatchObject({ code: 'OPERATION_UNAVAILABLE' });
  hung.clear();
  outside.add('n2');
  await expect(n2.stopRedrive(id, BOB, 'stop it')).rejects.toMatchObject({ code: 'ACT_NOT_DONE' });
  outside.clear();
  const asked = nodes.get('n1')!;
  nodes.set('n1', {
    answer: async (question: { readonly ask: string }, ...limits: [number, number]) => {
      const said = await asked.answer(question, ...limits);
      outside.add('n2');
      return said;
    },
  } as unknown as NodeAnswers);
  await expect(n2.stopRedrive(id, BOB, 'stop it')).rejects.toMatchObject({ code: 'ACT_NOT_DONE' });
  expect(ended).toEqual([{ id: 'audit-2', result: 'notDone', after: expect.stringContaining('nothing was done') }]);
  expect(await n1.redriveState(id)).toMatchObject({ state: 'running' });
  await n1.close();
});

test('a letter that is on its way to Kafka is said to be, and is the last one', async () => {
  const [n1, n2] = [start('n1'), start('n2')];
  const acked = Promise.withResolvers<SendAnswer>();
  answer = () => acked.promise;
  const { id } = await n1.redrive(RUN, ANNA);
  await clock.advance(100);
  const stopping = n2.stopRedrive(id, BOB, 'stop it');
  await clock.advance(2_000);
  expect(await stopping).toMatchObject({ state: 'running', detail: expect.stringMatching(/^asked by bob to stop; /) });
  expect(ended).toEqual([{ id: 'audit-2', result: 'later', after: expect.stringMatching(/^running: asked by bob/) }]);
  acked.resolve({ kind: 'acked' });
  await clock.advance(60_000);
  expect(await n2.redriveState(id)).toMatchObject({ state: 'stopped', driven: 1 });
  expect(sent).toBe(1);
});

test('a node that answers everything else is named with its version: it may be too old to know the question', async () => {
  const [n1, n2] = [start('n1'), start('n2')];
  const { id } = await n1.redrive(RUN, ANNA);
  hung.add('n1 redrive');
  await expect(n2.redriveState(id)).rejects.toMatchObject({
    code: 'OPERATION_UNAVAILABLE',
    message: expect.stringMatching(/^node n1, which ran .* its version, 0\.9\.0, does not know the question yet/),
  });
});

test('a node that is no member is named as that, one that is silent as silent, and one that has forgotten it knows nothing', async () => {
  const [n1, n2] = [start('n1'), start('n2')];
  const { id } = await n1.redrive(RUN, ANNA);
  hung.add('n1');
  const silent = `node n1, which ran ${id}, does not answer; ask again`;
  await expect(n2.redriveState(id)).rejects.toMatchObject({ code: 'OPERATION_UNAVAILABLE', message: silent });
  await expect(n2.stopRedrive(id, BOB, 'stop it')).rejects.toMatchObject({
    code: 'ACT_NOT_DONE',
    message: `${silent}; nothing was done`,
  });
  outside.add('n1');
  const before = sent;
  for (const asked of [n2.redriveState(id), n2.stopRedrive(id, BOB, 'stop it')])
    await expect(asked).rejects.toMatchObject({
      code: 'NO_SUCH_NODE',
      message: expect.stringContaining(
        'node "n1", on which it was begun, is no member now; while its process lives its run may go on',
      ),
    });
  // So it does, and is stopped there.
  await clock.advance(5_000);
  expect(sent).toBeGreaterThan(before);
  expect(await n1.stopRedrive(id, BOB, 'stop it')).toMatchObject({ state: 'stopped' });
  hung.clear();
  outside.clear();
  start('n1'); // anew
  expect(await n2.redriveState(id)).toBeUndefined();
  expect(await n2.stopRedrive(id, BOB, 'stop it')).toBeUndefined();
  expect(await n2.redriveState('../../etc/passwd')).toBeUndefined();
  expect(begun).toHaveLength(2); // its beginning, and where it was stopped
});

test('a node that is no member any more still answers for its own', async () => {
  const n1 = start('n1');
  const { id } = await n1.redrive(RUN, ANNA);
  outside.add('n1');
  expect(await n1.redriveState(id)).toMatchObject({ state: 'running' });
  expect(await n1.stopRedrive(id, BOB, 'stop it')).toMatchObject({ state: 'stopped' });
});

test('samples that are too large for a message are left out', async () => {
  const large = Array.from({ length: 20 }, (_, offset) => letter({ offset, message: 'm'.repeat(20_000) }));
  const [n1, n2] = [start('n1', { log: new MemoryLetters([large]) }), start('n2')];
  const { id } = await n1.redrive({ ...RUN, perSecond: 1_000 }, ANNA);
  await clock.advance(1_000);
  expect((await n1.redriveState(id))?.sample).not.toEqual([]);
  expect(await n2.redriveState(id)).toMatchObject({ state: 'done', driven: 20, sample: [] });
});
