// The demo's smaller parts: its command line, what it makes of the service's output and of the nodes' logs, its orders, how what
// was left running is reached.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseExact, stringifyExact } from '../../deploy/demo/exact-json.ts';
import { parseOptions, UsageError } from '../../deploy/demo/options.ts';
import { makeOrder } from '../../deploy/demo/orders.ts';
import { Ownership } from '../../deploy/demo/ownership.ts';
import { type Reached, reachLines } from '../../deploy/demo/reach.ts';
import { ServiceLedger } from '../../deploy/demo/service-ledger.ts';
import { makeCorrelationId } from '../../src/actors/correlation-id.ts';
import type { JobKey, ShardId } from '../../src/actors/ids.ts';

describe('options', () => {
  test('the defaults, and all of them', () => {
    expect(parseOptions([])).toEqual({ instances: 300, nodes: 3, kill: true, keep: false, json: undefined });
    expect(parseOptions('--instances 7 --nodes=1 --no-kill --keep --json out.json'.split(' '))).toEqual({
      instances: 7,
      nodes: 1,
      kill: false,
      keep: true,
      json: 'out.json',
    });
    expect(parseOptions('--instances 100 --nodes 2'.split(' '))).toMatchObject({
      instances: 100,
      nodes: 2,
      kill: true,
    });
  });

  test.each([
    ['--instances 99', /^fewer than 100 instances need --no-kill$/],
    ['--nodes 1', /^fewer than 2 nodes need --no-kill$/],
    ['--nodes 0 --no-kill', /^--nodes is "0"; allowed: a whole number from 1 to 9$/],
    ['--nodes 10', /^--nodes is "10"; allowed/],
    ['--instances 3e2', /^--instances is "3e2"; allowed/],
    ['--instances', /--instances/],
    ['--instance 5', /--instance.*usage: npm run demo/],
    ['--no-kill=yes', /--no-kill/],
    ['--json=', /--json needs the name of a file/],
    ['stray', /stray.*usage/],
  ])('%s is refused in one line', (line, message) => {
    const parse = () => parseOptions(line.split(' '));
    expect(parse).toThrow(UsageError);
    expect(parse).toThrow(message);
    expect(parse).not.toThrow(/\n/);
  });
});

describe('what the service says', () => {
  const correlationId = makeCorrelationId({ id: 's1', key: Buffer.alloc(32) }, 'demo', '4503599627370521' as JobKey, 1);
  const request = { event: 'request', correlationId, token: 't', partition: 3, offset: '5', timestampMs: 100 };

  test('becomes one request with its job, its first time and its answers', () => {
    const ledger = new ServiceLedger();
    expect(ledger.ready).toBe(false);
    ledger.read({ event: 'ready' });
    ledger.read(request);
    ledger.read({ event: 'answered', correlationId, token: 't', number: 1, atMs: 150 });
    expect(ledger.ready).toBe(true);
    expect([ledger.requested, ledger.answered]).toEqual([1, 1]);
    expect([...ledger.requests()]).toEqual([
      {
        correlationId,
        jobKey: '4503599627370521',
        token: 't',
        firstRecordMs: 100,
        records: 1,
        answers: [1],
        answeredMs: 150,
      },
    ]);
  });

  test('is a repeat only when it is another record', () => {
    const ledger = new ServiceLedger();
    ledger.read({ ...request, timestampMs: 120 });
    ledger.read({ ...request, timestampMs: 120 });
    expect([...ledger.requests()]).toMatchObject([{ records: 1 }]);
    ledger.read({ ...request, offset: '6', timestampMs: 90 });
    ledger.read({ event: 'answered', correlationId, number: 1, atMs: 150 });
    ledger.read({ event: 'answered', correlationId, number: 2, atMs: 160 });
    expect([...ledger.requests()]).toMatchObject([{ records: 2, firstRecordMs: 90, answers: [1, 2], answeredMs: 150 }]);
  });
});

describe('who serves what', () => {
  const at = (ms: number) => new Date(ms).toISOString();
  const shard = (message: string, id: number, ms: number) => ({
    message: `shard ${message}`,
    from: 'x',
    shard: id,
    time: at(ms),
  });
  const assigned = (partitions: readonly number[], ms: number) => ({
    message: 'replies: assigned',
    partitions,
    time: at(ms),
  });
  const had = { shards: [1, 2] as ShardId[], partitions: [0, 1] };

  test('a shard is served by whoever claims it and has loaded it', () => {
    const ownership = new Ownership();
    ownership.claimed(1 as ShardId, 'a');
    expect(ownership.ownerOf(1 as ShardId)).toBeUndefined();
    ownership.logged('a', shard('rehydrating', 1, 10));
    expect(ownership.ownerOf(1 as ShardId)).toBeUndefined();
    ownership.logged('a', shard('owned', 1, 20));
    expect(ownership.ownerOf(1 as ShardId)).toBe('a');
    ownership.logged('a', { message: 'shard rehydrated', shard: 1, jobs: 2, time: at(21) });
    expect(ownership.ownerOf(1 as ShardId)).toBe('a');
    ownership.logged('a', shard('released', 1, 30));
    expect(ownership.ownerOf(1 as ShardId)).toBeUndefined();
  });

  test('a takeover is over with its last part, be it a shard or a partition', () => {
    const ownership = new Ownership();
    for (const id of had.shards) {
      ownership.claimed(id, 'victim');
      ownership.logged('victim', shard('owned', id, 5));
    }
    ownership.logged('victim', assigned(had.partitions, 5));
    expect(ownership.of('victim')).toEqual(had);
    expect(ownership.servedSince(had, ['a', 'b'])).toBeUndefined();
    ownership.claimed(1 as ShardId, 'a');
    ownership.logged('a', shard('owned', 1, 100));
    ownership.claimed(2 as ShardId, 'b');
    ownership.logged('a', assigned([0, 3], 300));
    ownership.logged('b', assigned([1, 2], 250));
    expect(ownership.servedSince(had, ['a', 'b'])).toBeUndefined(); // claimed, but not loaded
    ownership.logged('b', shard('owned', 2, 200));
    expect(ownership.servedSince(had, ['a', 'b'])).toBe(300);
    ownership.logged('b', { message: 'replies: unassigned', time: at(310) });
    expect(ownership.servedSince(had, ['a', 'b'])).toBeUndefined();
    ownership.logged('b', assigned([1], 400));
    expect(ownership.servedSince(had, ['a', 'b'])).toBe(400);
    ownership.logged('a', { message: 'lost: everything is forgotten, a new incarnation begins', time: at(410) });
    expect(ownership.servedSince(had, ['a', 'b'])).toBeUndefined();
  });
});

test('an order goes through JSON and back without a change, and its account is beyond any number', () => {
  const order = makeOrder(4);
  expect(parseExact(stringifyExact(order))).toEqual(order);
  expect(Number.isSafeInteger(Number(order.customer.account))).toBe(false);
  expect(stringifyExact(order)).toContain(`"account":${order.customer.account}`);
  expect(order.customer.account).toBeLessThan(2n ** 63n);
});

test('what was left running: the page of each node that lives, in words for the command line too, and again where it was', () => {
  const server = (name: string, pid = process.pid) => ({ name, pid, logFile: `/tmp/${name}.log` });
  const node = (name: string, port: number, pid?: number) => ({
    ...{ name, server: server(name, pid), httpUrl: `http://127.0.0.1:${port}`, apiUrl: `http://127.0.0.1:${port + 1}` },
    env: { HOLDFAST_NODE: name, HOLDFAST_API: `127.0.0.1:${port + 1}` },
  });
  const NOBODY = 2 ** 30; // above every pid that there can be
  const lines = reachLines({
    nats: { servers: [server('nats-1')], url: 'nats://127.0.0.1:15000', monitorUrls: [] },
    kafka: { brokers: '127.0.0.1:15001', server: server('kafka') },
    zeebe: { grpcAddress: '127.0.0.1:15002', server: server('zeebe') },
    nodes: [node('bridge-1', 15010), node('bridge-2', 15020, NOBODY), node('bridge-3', 15030)],
    service: server('service'),
  } as unknown as Reached);
  const pages = lines.filter((line) => line.includes('the page of'));
  expect(pages).toEqual([
    expect.stringMatching(/^ {2}http:\/\/127\.0\.0\.1:15011\/ .*bridge-1/),
    expect.stringMatching(/^ {2}http:\/\/127\.0\.0\.1:15031\/ .*bridge-3/),
  ]);
  expect(lines).toContain('  npm run holdfast -- status --url http://127.0.0.1:15011,http://127.0.0.1:15031');
  const again = lines.slice(lines.indexOf('Start a node again:') + 1);
  expect(again).toContain('  HOLDFAST_NODE=bridge-2 HOLDFAST_API=127.0.0.1:15021 npm run holdfast -- start');
});

test('the process has one service task, of the type of the route, and a picture for the Modeler', () => {
  const read = (name: string) => readFileSync(new URL(`../../deploy/demo/${name}`, import.meta.url), 'utf8');
  const bpmn = read('charge-card.bpmn');
  expect(bpmn.match(/<bpmn:serviceTask /g)).toHaveLength(1);
  expect(bpmn.match(/<bpmn:\w*([Tt]ask|[Ee]vent|[Gg]ateway) id="([^"]+)"/g)).toHaveLength(3);
  for (const [, id] of bpmn.matchAll(/<bpmn:(?:startEvent|endEvent|serviceTask|sequenceFlow) id="([^"]+)"/g)) {
    expect(bpmn).toContain(`bpmnElement="${id}"`);
  }
  const [, jobType] = /taskDefinition type="([^"]+)"/.exec(bpmn) ?? [];
  expect(read('holdfast.yaml')).toContain(`jobType: ${jobType}\n`);
});
