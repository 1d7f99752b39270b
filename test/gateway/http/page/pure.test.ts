// The smaller pure parts of the page: its pace, its sparklines, movements told together, the bodies of acts, its words.
import Value from 'typebox/value';
import { describe, expect, test } from 'vitest';
import { actsIn, bodyOf, faultsIn, jobAct, REASON } from '../../../../src/gateway/http/page/browser/acts.ts';
import type { Answer } from '../../../../src/gateway/http/page/browser/api.ts';
import { indented } from '../../../../src/gateway/http/page/browser/json-text.ts';
import { grouped } from '../../../../src/gateway/http/page/browser/movements.ts';
import { nextDelayMs } from '../../../../src/gateway/http/page/browser/pace.ts';
import { redriveBody } from '../../../../src/gateway/http/page/browser/redrive-body.ts';
import { acted, acting, heard, isWatched, NOT_BEGUN } from '../../../../src/gateway/http/page/browser/redrive-run.ts';
import { recentRate, scaleOf, sparkOf } from '../../../../src/gateway/http/page/browser/spark.ts';
import { verdictOn } from '../../../../src/gateway/http/page/browser/verdict.ts';
import {
  JOB,
  JOB_STATES,
  LETTER_REASONS,
  mayAct,
  NODE,
  named,
  OUTCOME,
  OUTCOMES,
} from '../../../../src/gateway/http/page/browser/words.ts';
import { JOB_ACTS, type JobActName } from '../../../../src/gateway/operations/model/acts.ts';
import {
  type Movement,
  NODE_STATES,
  type NodeView,
  type ShardView,
} from '../../../../src/gateway/operations/model/cluster.ts';
import { RedriveBody, type RedriveView } from '../../../../src/gateway/operations/model/dead-letters.ts';
import * as jobs from '../../../../src/gateway/operations/model/jobs.ts';
import { CURABLE } from '../../../../src/gateway/operations/redrive-rules.ts';
import { BODIES } from './fake-api.ts';

describe('the pace', () => {
  const calm = { hidden: false, failures: 0, tookMs: 20, retryAfterMs: 0, random: 0.5 };

  test('is a second, and slower where answering takes long or nobody looks', () => {
    expect(nextDelayMs(calm)).toBe(1_000);
    expect(nextDelayMs({ ...calm, tookMs: 600 })).toBe(2_400);
    expect(nextDelayMs({ ...calm, tookMs: 60_000 })).toBe(15_000);
    expect(nextDelayMs({ ...calm, hidden: true })).toBe(15_000);
  });

  test('doubles with each failure, up to a limit, and is spread', () => {
    const delay = (failures: number, random: number) => nextDelayMs({ ...calm, failures, random });
    expect([1, 2, 3, 4, 5, 6, 100].map((n) => delay(n, 1))).toEqual([
      1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000,
    ]);
    expect([delay(3, 0), delay(3, 0.5)]).toEqual([2_000, 3_000]);
  });

  test('is never faster than the node has asked for', () => {
    expect(nextDelayMs({ ...calm, failures: 1, retryAfterMs: 30_000, random: 0 })).toBe(30_000);
    expect(nextDelayMs({ ...calm, retryAfterMs: 5_000 })).toBe(5_000);
  });
});

describe('a sparkline', () => {
  test('is a step for each second; what is not zero is seen, and nothing leaves its box', () => {
    const { line, area } = sparkOf([0, 10, 1], 1_000, 30, 40);
    expect(line).toBe('M0.0 40.0L10.0 40.0L10.0 38.5L20.0 38.5L20.0 38.5L30.0 38.5');
    expect(area).toBe(`${line}L30 40L0 40Z`);
    expect(sparkOf([1_000], 1_000, 10, 40).line).toBe('M0.0 1.0L10.0 1.0');
    expect(sparkOf([], 1, 30, 40)).toEqual({ line: '', area: '' });
  });

  test('has a round scale that is not below the largest count', () => {
    expect([[[]], [[0]], [[1]], [[7, 2], [11]], [[1_001]], [[180], [199]]].map(scaleOf)).toEqual([
      1, 1, 1, 15, 1_500, 200,
    ]);
  });

  test('the rate is the mean of the last seconds', () => {
    expect(recentRate([100, 0, 0, 0, 0, 5])).toBe(1);
    expect(recentRate([])).toBe(0);
  });
});

describe('movements', () => {
  const move = (atMs: number, shard: number, from: string | null, to: string, kind: Movement['kind']) => ({
    ...{ atMs, shard, from, to, kind, tookMs: shard, jobs: 2 },
  });

  test('of one node’s death are one line, whoever took its shards', () => {
    expect(
      grouped([
        move(10_900, 5, 'n3', 'n1', 'takeover'),
        move(10_400, 9, 'n3', 'n2', 'takeover'),
        move(10_300, 7, 'n3', 'n1', 'takeover'),
      ]),
    ).toEqual([
      {
        ...{ atMs: 10_900, kind: 'takeover', about: 'n3', shards: [5, 9, 7], jobs: 6, tookMs: 9 },
        others: [
          ['n1', 2],
          ['n2', 1],
        ],
      },
    ]);
  });

  test('to a node that has joined are one line, whoever gave them', () => {
    const [line, ...rest] = grouped([move(200, 1, 'n1', 'n4', 'handover'), move(100, 2, 'n2', 'n4', 'handover')]);
    expect(rest).toEqual([]);
    expect(line).toMatchObject({
      about: 'n4',
      others: [
        ['n1', 1],
        ['n2', 1],
      ],
    });
  });

  test('far apart, or of another kind, are told apart', () => {
    const all = [
      move(20_000, 1, 'n3', 'n1', 'takeover'),
      move(19_000, 2, null, 'n1', 'first'),
      move(14_999, 3, 'n3', 'n1', 'takeover'),
    ];
    expect(grouped(all).map(({ shards }) => shards)).toEqual([[1], [2], [3]]);
  });
});

describe('an act', () => {
  const job = { jobKey: '2251799813685249', state: 'held', retries: 3, replyDeadlineMs: 0 } as const;
  const typed = {
    resend: {},
    extend: { replyTimeoutMs: '2 h' },
    complete: { variables: '{"n":12345678901234567890,"a":[1.10]}' },
    fail: { message: 'no "luck"', retries: '0', backoffMs: '' },
    throw: { errorCode: 'E1', message: '', variables: '' },
    drop: {},
  };

  test.each(JOB_ACTS)('%s: what was typed makes a body that the API takes', (act) => {
    const fields = [...jobAct(act, job).fields, REASON];
    const values = { ...typed[act], reason: 'it was asked for' };
    expect(faultsIn(fields, values)).toEqual({});
    const body: unknown = JSON.parse(bodyOf(fields, values));
    expect([...Value.Errors(BODIES[act], body)]).toEqual([]);
    expect(Value.Check(BODIES[act], {})).toBe(false);
  });

  test('sends JSON as it was typed, whatever its numbers', () => {
    const fields = [...jobAct('complete', job).fields, REASON];
    expect(bodyOf(fields, { ...typed.complete, reason: 'so it was' })).toBe(
      '{"variables":{"n":12345678901234567890,"a":[1.10]},"reason":"so it was"}',
    );
  });

  test('says what is wrong with each field', () => {
    const faults = (act: JobActName, values: Record<string, string>) =>
      faultsIn([...jobAct(act, job).fields, REASON], values);
    expect(faults('extend', { replyTimeoutMs: 'soon', reason: 'x' })).toEqual({
      replyTimeoutMs: '"soon" is not a duration such as 30 min, 2 h or PT45M.',
      reason: 'A reason has at least 3 characters.',
    });
    expect(faults('extend', { replyTimeoutMs: '0.5 s', reason: 'ok then' })).toEqual({
      replyTimeoutMs: 'At least 1 s, at most 366 d.',
    });
    expect(Object.keys(faults('fail', { retries: '-1' }))).toEqual(['message', 'retries', 'reason']);
    expect(faults('complete', { variables: '[1]', reason: 'ok then' }).variables).toMatch(/not an object/);
    expect(faults('complete', { variables: '{', reason: 'ok then' }).variables).toMatch(/not JSON/);
  });

  test('says before it is done whether an incident will follow', () => {
    const { will } = jobAct('fail', job);
    expect(will({ retries: '' })).toMatch(/with 2 left/);
    expect(will({ retries: '0' })).toMatch(/an incident is raised/);
    expect(jobAct('fail', { ...job, retries: 1 }).will({})).toMatch(/an incident is raised/);
  });

  test('nothing is offered for what has ended', () => {
    expect(actsIn('ended')).toEqual([]);
    expect(actsIn('held')).toEqual(JOB_ACTS);
    expect([actsIn('failing'), actsIn('replied'), actsIn('parked')]).toEqual([['complete'], [], ['drop']]);
  });
});

describe('a re-drive', () => {
  const typed = { reason: ' mended ', perSecond: '25', max: '300' };

  test('of all that match asks for what the list shows', () => {
    const scope = { kind: 'filter', query: { reason: 'late', sinceMs: '1700000000000', text: 'card' } } as const;
    const body = redriveBody(scope, typed, true);
    expect(body).toEqual({
      ...{ reason: 'mended', dryRun: true, perSecond: 25, max: 300 },
      filter: { reason: 'late', sinceMs: 1_700_000_000_000, text: 'card' },
    });
    expect(Value.Check(RedriveBody, body)).toBe(true);
  });

  test('of chosen ones asks for these and no others', () => {
    const positions = [{ partition: 1, offset: '9007199254740993' }];
    expect(redriveBody({ kind: 'positions', positions }, typed, false)).toMatchObject({
      dryRun: false,
      filter: { positions },
    });
  });
});

describe('a run of a re-drive', () => {
  const view = (state: RedriveView['state'], driven = 0): RedriveView => ({
    ...{ id: 'n1.a', auditId: 'a1', matched: 9, skipped: 0, sample: [], detail: '', state, driven },
  });
  const told = (state: RedriveView['state'], driven = 0) => ({ ok: true, value: view(state, driven) }) as const;
  const refused = (status: number, code: string): Answer<RedriveView> => ({
    ok: false,
    failure: { kind: 'problem', status, code, title: 'No', detail: code, retryAfterMs: 0, act: undefined },
  });
  const AWAY = {
    kind: 'away',
    status: 0,
    code: '',
    title: 'No answer',
    detail: '',
    retryAfterMs: 0,
    act: undefined,
  } as const;
  const running = acted(acting(NOT_BEGUN), told('running'), true);

  test('a stop that failed is said until the next act, however often the run is asked for', () => {
    const failed = acted(acting(running), refused(503, 'OPERATION_UNAVAILABLE'), true);
    const later = heard(heard(failed, told('running', 3)), refused(503, 'OPERATION_UNAVAILABLE'));
    expect(later).toMatchObject({ failure: { status: 503 }, busy: false, seen: { driven: 3 } });
    expect(isWatched(later)).toBe(true);
    expect(acted(acting(later), told('stopped', 3), true)).toEqual({ ...NOT_BEGUN, seen: view('stopped', 3) });
  });

  test('a stop that is under way is not begun twice, whatever is heard meanwhile', () => {
    const stopping = acting(running);
    expect(heard(stopping, told('running', 1)).busy).toBe(true);
    expect(heard(stopping, refused(500, 'INTERNAL')).busy).toBe(true);
  });

  test.each(['NO_SUCH_NODE', 'NOT_FOUND'])('is not asked for any more at %s, and that is said', (code) => {
    const lost = heard(heard(running, told('running', 4)), refused(404, code));
    expect(lost).toMatchObject({ lost: { code }, seen: { driven: 4 }, failure: undefined });
    expect(isWatched(lost)).toBe(false);
    // Its node is a member again, and takes the stop.
    expect(acted(acting(lost), told('stopped', 5), true)).toEqual({ ...NOT_BEGUN, seen: view('stopped', 5) });
  });

  test('may have begun, or ended, when nobody has answered; a preview changes nothing', () => {
    const away = { ok: false, failure: AWAY } as const;
    const previewed = acted(acting(NOT_BEGUN), told('preview'), false);
    expect(acted(acting(NOT_BEGUN), away, false)).toMatchObject({ failure: AWAY, unsure: false });
    expect(acted(acting(previewed), away, true)).toMatchObject({
      failure: AWAY,
      unsure: true,
      seen: { state: 'preview' },
    });
    expect(acted(acting(running), away, true).unsure).toBe(true);
    // A preview does not answer it, whatever becomes of that.
    const driven = acted(acting(previewed), away, true);
    const refusal = refused(503, 'UNAVAILABLE');
    expect(acted(acting(driven), told('preview'), false)).toMatchObject({ failure: AWAY, unsure: true, busy: false });
    expect(acted(acting(driven), refusal, false)).toMatchObject({ failure: AWAY, unsure: true, busy: false });
    expect(acted(acting(driven), told('running'), true)).toMatchObject({ failure: undefined, unsure: false });
    expect(acted(acting(running), refused(409, 'TOO_MANY'), true).unsure).toBe(false);
    expect(acted(acted(acting(running), away, true), told('stopped'), true).unsure).toBe(false);
  });

  test('that has ended does not run again by an answer that comes late', () => {
    expect(heard(acted(acting(running), told('stopped'), true), told('running')).seen?.state).toBe('stopped');
  });

  test('is asked for only while it runs', () => {
    expect(isWatched(running)).toBe(true);
    for (const state of ['preview', 'done', 'stopped', 'failed'] as const)
      expect(isWatched(acted(NOT_BEGUN, told(state), true))).toBe(false);
  });
});

describe('the verdict', () => {
  const node = (name: string, state: NodeView['state']): NodeView => ({
    ...{ node: name, incarnation: name, state, version: null, startedAtMs: null, leaseRemainingMs: null },
    ...{ shardsOwned: 1, pending: 0, clockSkewMs: null, waitingFor: [] },
  });
  const shard = (n: number, owner: string | null, state: ShardView['state'] = 'owned', target = owner) => ({
    ...{ shard: n, node: owner, incarnation: owner, epoch: 1, state, target },
  });
  const on = (nodes: NodeView[], shards: ShardView[], missing: string[] = []) =>
    verdictOn({ cluster: 'shop', atMs: 0, answeredBy: 'n1', missing, nodes, shards, movements: [] }).text;
  const [n1, n2] = [node('n1', 'ready'), node('n2', 'ready')];
  const well = [shard(0, 'n1'), shard(1, 'n2')];

  test('is the worst of what there is to say', () => {
    expect(on([n1, n2], well)).toBe('All shards owned, all nodes ready');
    expect(on([n1, node('n2', 'draining')], well)).toBe('n2 is drained');
    expect(on([n1, node('n2', 'draining')], [shard(0, 'n1'), shard(1, 'n2', 'owned', 'n1')])).toBe(
      '1 shard on the move',
    );
    const without = (n: NodeView) => ({ ...n, waitingFor: ['Kafka: it does not answer'] });
    expect(on([without(n1), without(n2)], well)).toBe('n1 and n2 wait for Kafka: it does not answer');
    expect(on([node('n1', 'notReady'), without(n2)], well)).toBe('n1 is not ready');
    expect(on([node('n1', 'notReady'), node('n2', 'draining')], well)).toBe('n1 is not ready');
    expect(on([node('n1', 'notReady'), n2], well, ['n2'])).toBe('n2 does not answer');
    expect(on([n1, node('n2', 'dead'), node('n3', 'silent')], well, ['n2'])).toBe('n2 is dead');
    expect(on([n1, node('n2', 'dead')], [shard(0, null, 'released'), shard(1, 'n2')])).toBe(
      '1 shard without an owner: 0',
    );
    expect(on([n1], [])).toBe('No shards yet');
  });
});

describe('words', () => {
  test('there are some for every state of the model, and no two look the same', () => {
    expect(Object.keys(NODE).sort()).toEqual([...NODE_STATES].sort());
    expect(Object.keys(JOB).sort()).toEqual([...jobs.JOB_STATES, 'ended'].sort());
    expect(Object.keys(OUTCOME).sort()).toEqual([...jobs.OUTCOMES].sort());
    expect([JOB_STATES, OUTCOMES]).toEqual([jobs.JOB_STATES, jobs.OUTCOMES]);
    for (const words of [NODE, JOB, OUTCOME]) {
      const shapes = Object.values(words).map(({ shape }) => shape);
      expect(new Set(shapes).size).toBe(shapes.length);
    }
  });

  test('each role may what the one before it may, and who is not known yet nothing', () => {
    expect([mayAct({ role: 'viewer' }, 'operator'), mayAct({ role: 'operator' }, 'operator')]).toEqual([false, true]);
    expect([mayAct({ role: 'admin' }, 'operator'), mayAct(undefined, 'viewer')]).toEqual([true, false]);
  });

  test('dead letters can be asked for by every reason that there is', () => {
    expect(LETTER_REASONS.toSorted()).toEqual(Object.keys(CURABLE).toSorted());
  });

  test('names are a list as people say it', () => {
    expect([named([]), named(['a']), named(['a', 'b']), named(['a', 'b', 'c'])]).toEqual([
      '',
      'a',
      'a and b',
      'a, b and c',
    ]);
  });
});

test('JSON is set out without being changed', () => {
  expect(indented('{"n":12345678901234567890,"a":[],"s":"x, {y}: \\"z\\"","o":{"b":[1.10,null]}}')).toBe(
    '{\n  "n": 12345678901234567890,\n  "a": [],\n  "s": "x, {y}: \\"z\\"",\n  "o": {\n    "b": [\n      1.10,\n      null\n    ]\n  }\n}',
  );
  expect(indented('<not json>')).toBe('<not json>');
});
