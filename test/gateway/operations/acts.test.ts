// Acts by hand before they come to a job: what would make the engine fall over is refused, and that is audited too; and what surely
// was not done is said to be that, to whoever asks and in the audit. What was before an act and after it is in the audit too.
import { describe, expect, test } from 'vitest';
import type { NodeName } from '../../../src/actors/ids.ts';
import type { OperatorAct } from '../../../src/actors/messages.ts';
import type { Snapshot } from '../../../src/actors/snapshot.ts';
import type { Cluster } from '../../../src/cluster/cluster.ts';
import { Lost } from '../../../src/cluster/effects-gate.ts';
import { Untold } from '../../../src/cluster/router.ts';
import { SILENT } from '../../../src/gateway/log.ts';
import { actOperations } from '../../../src/gateway/operations/acts.ts';
import { AuditTrail } from '../../../src/gateway/operations/audit.ts';
import { ClusterOperations } from '../../../src/gateway/operations/cluster-operations.ts';
import type { JobAct, Operator } from '../../../src/gateway/operations/operations.ts';
import { jobViewOf } from '../../../src/gateway/operations/views.ts';
import { HELD, TOMBSTONE } from '../../actors/snapshot-samples.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { type LoggedLine, logInto } from '../http/trial-server.ts';
import { MemoryStore } from './memory-audit.ts';

const ANNA: Operator = { name: 'anna', role: 'operator' };
const deep = (levels: number) => `{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`;

const DONE: Cluster['operated'] = async () => ({ result: 'done', detail: 'the job ended here: completed' });

/** @param job as it is found at one look after the other */
function subject({ answer = DONE, job = [] }: { answer?: Cluster['operated']; job?: readonly Snapshot[] } = {}) {
  const [store, logged] = [new MemoryStore(), [] as LoggedLine[]];
  const random = { float: () => 0.5, bytes: (length: number) => new Uint8Array(length) };
  const audit = new AuditTrail({ store, clock: new ManualClock(), random, log: logInto(logged), node: 'n1' });
  const told: OperatorAct[] = [];
  const looks = job.values();
  const acts = actOperations({
    audit,
    config: { cluster: 'c' },
    cluster: {
      operated: (jobKey, act) => {
        told.push(act);
        return answer(jobKey, act);
      },
    },
    seen: {
      async job(jobKey) {
        const { value } = looks.next();
        const around = { jobKey, shard: 0, correlationId: 'id', revision: 1, node: 'n1', memory: undefined };
        return value && jobViewOf(value, { ...around, withPayload: false });
      },
      ...{ node: async () => undefined, setDrained: async () => true, checkMayAct: () => undefined },
    },
  });
  return { acts, audit, told, logged };
}

const CASES: readonly ((variables: string) => JobAct)[] = [
  (variables) => ({ act: 'complete', variables }),
  (variables) => ({ act: 'throw', errorCode: 'DECLINED', message: '', variables }),
];

test.each(CASES)(
  'variables that the engine never hands out again, or falls over, do not come to the job (%#)',
  async (act) => {
    const { acts, audit, told } = subject();
    for (const levels of [1_000, 6_000, 100_000]) {
      const answer = await acts.act('7', act(deep(levels)), ANNA, 'too deep');
      expect(answer).toMatchObject({
        result: 'refused',
        detail: expect.stringContaining('more than 1000 levels deep'),
      });
    }
    const big = await acts.act('7', act('{"n":123456789012345678901234567890}'), ANNA, 'too big');
    expect(big).toMatchObject({ result: 'refused', detail: expect.stringMatching(/^the variables: n /) });
    expect(told).toEqual([]);
    const { entries } = await audit.page({});
    expect(entries.map(({ result }) => result)).toEqual(['refused', 'refused', 'refused', 'refused']);

    expect(await acts.act('7', act(deep(900)), ANNA, 'deep enough')).toMatchObject({ result: 'done' });
    expect(told).toHaveLength(1);
  },
);

test.each([
  [new Untold('the shard had no owner'), 'ACT_NOT_DONE', /^the shard had no owner; nothing was done$/, 'notDone'],
  [new Lost('nobody has answered'), 'OPERATION_UNAVAILABLE', /it may have been done/, 'error'],
])(
  'an act that came to nobody was not done, one without an answer may have been (%s)',
  async (error, code, message, result) => {
    const { acts, audit } = subject({ answer: () => Promise.reject(error) });
    const act = acts.act('7', { act: 'resend' }, ANNA, 'the service is back');
    await expect(act).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect((await audit.page({})).entries).toMatchObject([{ act: 'job.resend', result }]);
  },
);

test('a job is written down as it was before and after, in short', async () => {
  const { acts, audit } = subject({ job: [HELD, TOMBSTONE] });
  await acts.act('7', { act: 'complete', variables: '{}' }, ANNA, 'by hand');
  expect((await audit.page({})).entries).toMatchObject([
    {
      before: 'held, attempt 1, 3 retries, until 2025-10-09T09:53:20.123Z',
      after: 'completed, attempt 1, 3 retries',
    },
  ]);
});

test.each([
  ['of a job', [HELD, TOMBSTONE], { jobKey: '7', traceId: '4bf92f3577b34da6a3ce929d0e0e4736' }],
  ['of a job that nothing is known of', [], { jobKey: '7' }],
])('the lines in the log %s have its key, and its trace where that is known', async (_, job, wanted) => {
  const { acts, logged } = subject({ job });
  await acts.act('7', { act: 'resend' }, ANNA, 'the service is back');
  expect(logged.map(({ message }) => message)).toEqual(['act', 'act ended']);
  for (const { jobKey, traceId } of logged.map(({ fields }) => fields)) expect({ jobKey, traceId }).toEqual(wanted);
});

describe('a node', () => {
  const ADMIN: Operator = { name: 'root', role: 'admin' };
  /** Members as they are known here; n2 has all shards. `asked` gets the wishes that come to one of them. */
  const [MEMBERS, DEAD, SILENT_ONES] = [['n2', 'n3', 'n4'], ['n3'], ['n4']];
  const SHARDS = 4;

  function cluster({ isMember = () => true }: { readonly isMember?: () => boolean } = {}) {
    const [store, asked] = [new MemoryStore(), [] as string[]];
    let count = 0;
    const random = { float: () => 0.5, bytes: (length: number) => new Uint8Array(length).fill(++count) };
    const clock = new ManualClock();
    const audit = new AuditTrail({ store, clock, random, log: SILENT, node: 'n1' });
    let isDrained = false;
    const answerTo = ({ ask, drained = isDrained }: { ask: string; drained?: boolean }) => {
      const changed = drained !== isDrained;
      isDrained = drained;
      if (ask === 'drained') return { changed };
      return ask === 'node' ? { state: isDrained ? 'draining' : 'ready', shards: [], movements: [] } : null;
    };
    const life = {
      incarnation: 'n1',
      membership: {
        state: 'ready',
        peers: () => new Map(MEMBERS.map((node) => [node, { record: { node, incarnation: node, state: 'ready' } }])),
        isDead: (incarnation: string) => DEAD.includes(incarnation),
      },
      claims: { of: () => ({ node: 'n2', incarnation: 'n2', revision: 1 }) },
      shards: { targetOf: () => undefined },
      questions: {
        async ask(question: { ask: string; drained?: boolean }, node: string) {
          if (!MEMBERS.includes(node) || DEAD.includes(node)) return { answered: [], silent: [] };
          if (question.ask === 'drained') asked.push(node);
          if (SILENT_ONES.includes(node)) return { answered: [], silent: [node] };
          return { answered: [{ node, incarnation: node, answer: answerTo(question) }], silent: [] };
        },
      },
    };
    const subject = {
      get life() {
        return isMember() ? life : undefined;
      },
      operated: async (): Promise<{ result: 'done'; detail: string }> => {
        asked.push('a job');
        return { result: 'done', detail: '' };
      },
    } as unknown as Cluster;
    const seen = new ClusterOperations({
      ...{ clock, cluster: subject, kv: { get: () => Promise.resolve(undefined) }, tail: undefined },
      config: { cluster: 'c', node: 'n1' as NodeName, shards: SHARDS },
      calls: () => ({ routes: [], template: undefined }),
      waitingFor: () => ['NATS: it is away'],
      correlationId: () => '',
    });
    return { acts: actOperations({ audit, cluster: subject, seen, config: { cluster: 'c' } }), audit, asked, store };
  }

  test('is written down as it was before and after: its state, and how many shards it has', async () => {
    const { acts, audit } = cluster();
    expect(await acts.drain('n2', ADMIN, 'new disks')).toMatchObject({ result: 'later' });
    expect(await acts.drain('n2', ADMIN, 'new disks')).toMatchObject({ result: 'done' });
    expect(await acts.resume('n2', ADMIN, 'disks are in')).toMatchObject({ result: 'done' });
    expect((await audit.page({})).entries).toMatchObject([
      { act: 'node.resume', before: 'draining, 4 shards', after: 'ready, 4 shards', result: 'done' },
      { act: 'node.drain', before: 'draining, 4 shards', after: 'draining, 4 shards', result: 'done' },
      { act: 'node.drain', before: 'ready, 4 shards', after: 'draining, 4 shards', result: 'later' },
    ]);
  });

  test('that is known and no member is not asked: surely nothing was done, and the audit says so', async () => {
    const { acts, audit, asked } = cluster();
    await expect(acts.drain('n3', ADMIN, 'maintenance')).rejects.toMatchObject({
      code: 'ACT_NOT_DONE',
      message: expect.stringMatching(/^node n3 is no member now .*nothing was done$/),
    });
    await expect(acts.resume('n9', ADMIN, 'maintenance')).rejects.toMatchObject({ code: 'NO_SUCH_NODE' });
    expect(asked).toEqual([]);
    expect((await audit.page({})).entries).toMatchObject([
      { act: 'node.resume', target: 'n9', before: null, result: 'error' },
      {
        ...{ act: 'node.drain', target: 'n3', before: 'dead, 0 shards', result: 'notDone' },
        after: expect.stringContaining('no member now'),
      },
    ]);
  });

  test('that is asked and silent may have heard it', async () => {
    const { acts, audit, asked } = cluster();
    await expect(acts.drain('n4', ADMIN, 'maintenance')).rejects.toMatchObject({
      code: 'OPERATION_UNAVAILABLE',
      message: expect.stringContaining('it may have heard it all the same'),
    });
    expect(asked).toEqual(['n4']);
    expect((await audit.page({})).entries).toMatchObject([
      { target: 'n4', before: 'silent, 0 shards', result: 'error' },
    ]);
    expect(await acts.drain('n2', ADMIN, 'maintenance')).toMatchObject({ result: 'later' });
  });

  test('that is no member itself begins no act, and writes none down', async () => {
    const { acts, asked, store } = cluster({ isMember: () => false });
    const refused = {
      code: 'ACT_NOT_DONE',
      message: expect.stringMatching(/it waits for NATS: it is away.*nothing was done$/),
    };
    await expect(acts.act('7', { act: 'resend' }, ANNA, 'the service is back')).rejects.toMatchObject(refused);
    await expect(acts.drain('n2', ADMIN, 'maintenance')).rejects.toMatchObject(refused);
    expect([asked, store.records]).toEqual([[], []]);
  });

  test('that loses its place while the act is written down does not do it, and the audit has its end', async () => {
    let stillMember = true;
    const { acts, audit, asked, store } = cluster({ isMember: () => stillMember });
    store.beforeAppend = (kind) => {
      if (kind === 'begin') stillMember = false;
    };
    for (const act of [
      () => acts.act('7', { act: 'resend' }, ANNA, 'the service is back'),
      () => acts.drain('n2', ADMIN, 'maintenance'),
    ]) {
      stillMember = true;
      await expect(act()).rejects.toMatchObject({ code: 'ACT_NOT_DONE' });
    }
    expect(asked).toEqual([]);
    expect((await audit.page({})).entries.map(({ result }) => result)).toEqual(['notDone', 'notDone']);
  });
});
