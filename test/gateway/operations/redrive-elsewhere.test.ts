// A run over dead letters belongs to one node; any other one answers for it, and stops it. Questions go from node to node here
// through memory; that they do so over NATS is test/cluster/questions.test.ts.
import { beforeEach, expect, test } from 'vitest';
import type { NodeName } from '../../../src/actors/ids.ts';
import type { Cluster } from '../../../src/cluster/cluster.ts';
import { DEFAULT_HEADER_NAMES as names } from '../../../src/gateway/header-names.ts';
import type { AuditBeginning, AuditEnd } from '../../../src/gateway/operations/audit.ts';
import { ClusterOperations } from '../../../src/gateway/operations/cluster-operations.ts';
import { deadLetterOperations } from '../../../src/gateway/operations/dead-letter-operations.ts';
import { Flow } from '../../../src/gateway/operations/flow.ts';
import { NodeAnswers } from '../../../src/gateway/operations/node-answers.ts';
import { OperationUnavailable } from '../../../src/gateway/operations/operations.ts';
import type { SendAnswer } from '../../../src/gateway/ports.ts';
import { ManualClock } from '../../support/manual-clock.ts';
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
/** Members that hear nothing. */
let hung: Set<string>;

beforeEach(() => {
  clock = new ManualClock();
  begun = [];
  ended = [];
  auditAway = false;
  sent = 0;
  answer = () => ({ kind: 'acked' });
  nodes = new Map();
  hung = new Set();
});

const WITHIN_MS = 1_800;

function start(node: string, log = new MemoryLetters([Array.from({ length: 50 }, (_, offset) => letter({ offset }))])) {
  const questions = {
    async ask(question: unknown, only: string) {
      const asked = nodes.get(only);
      if (asked === undefined) return { answered: [], silent: [] };
      const said = hung.has(only) ? undefined : await asked.answer(question, WITHIN_MS, 50_000);
      return said === undefined ? { answered: [], silent: [only] } : { answered: [{ answer: said }], silent: [] };
    },
  };
  const cluster = { life: { questions } } as unknown as Cluster;
  const seen = new ClusterOperations({
    ...{ clock, cluster, kv: { get: () => Promise.resolve(undefined) }, tail: undefined },
    config: { cluster: 'c', node: node as NodeName, shards: 4 },
    calls: () => ({ routes: [], template: undefined }),
    correlationId: () => '',
  });
  const audit = {
    async begin(entry: AuditBeginning) {
      if (auditAway) throw new OperationUnavailable('no JetStream');
      return `audit-${begun.push({ ...entry, node })}`;
    },
    async end(id: string, end: AuditEnd) {
      ended.push({ id, ...end });
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
    ...{ log, writer, audit, clock, random, names, replyTopic: REPLIES, node, seen },
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

test('what cannot be audited is not stopped', async () => {
  const [n1, n2] = [start('n1'), start('n2')];
  const { id } = await n1.redrive(RUN, ANNA);
  auditAway = true;
  for (const node of [n1, n2])
    await expect(node.stopRedrive(id, BOB, 'stop it')).rejects.toMatchObject({ code: 'OPERATION_UNAVAILABLE' });
  await clock.advance(2_500);
  expect(sent).toBe(3);
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

test('a node that is gone is named as gone, one that is silent as silent, and one that has forgotten it knows nothing', async () => {
  const [n1, n2] = [start('n1'), start('n2')];
  const { id } = await n1.redrive(RUN, ANNA);
  hung.add('n1');
  for (const asked of [n2.redriveState(id), n2.stopRedrive(id, BOB, 'stop it')])
    await expect(asked).rejects.toMatchObject({
      code: 'OPERATION_UNAVAILABLE',
      message: `node n1, which ran ${id}, does not answer; ask again`,
    });
  nodes.delete('n1');
  for (const asked of [n2.redriveState(id), n2.stopRedrive(id, BOB, 'stop it')])
    await expect(asked).rejects.toMatchObject({
      code: 'NO_SUCH_NODE',
      message: expect.stringContaining('node "n1", on which it ran, is gone, and its run ended with it'),
    });
  hung.clear();
  start('n1'); // anew
  expect(await n2.redriveState(id)).toBeUndefined();
  expect(await n2.stopRedrive(id, BOB, 'stop it')).toBeUndefined();
  expect(await n2.redriveState('../../etc/passwd')).toBeUndefined();
  expect(begun).toHaveLength(1); // nothing was there to be stopped
  await n1.close();
});

test('a node that is no member any more still answers for its own', async () => {
  const n1 = start('n1');
  const { id } = await n1.redrive(RUN, ANNA);
  nodes.delete('n1');
  expect(await n1.redriveState(id)).toMatchObject({ state: 'running' });
  expect(await n1.stopRedrive(id, BOB, 'stop it')).toMatchObject({ state: 'stopped' });
});

test('samples that are too large for a message are left out', async () => {
  const large = Array.from({ length: 20 }, (_, offset) => letter({ offset, message: 'm'.repeat(20_000) }));
  const [n1, n2] = [start('n1', new MemoryLetters([large])), start('n2')];
  const { id } = await n1.redrive({ ...RUN, perSecond: 1_000 }, ANNA);
  await clock.advance(1_000);
  expect((await n1.redriveState(id))?.sample).not.toEqual([]);
  expect(await n2.redriveState(id)).toMatchObject({ state: 'done', driven: 20, sample: [] });
});
