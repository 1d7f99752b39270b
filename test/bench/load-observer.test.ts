// What a load run makes of what nodes tell: nothing of a killed node's figures is lost, and nothing is counted twice when a
// node does not answer for a while, or answers late; and of what its starters tell, second by second.
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { legsOf } from '../../bench/load/legs.ts';
import { News } from '../../bench/load/news.ts';
import { firstLockS, Observer } from '../../bench/load/observer.ts';
import { Lines } from '../../bench/load/series-lines.ts';
import { NodeTales } from '../../bench/load/tales.ts';
import { parseExposition } from '../../bench/parts/exposition.ts';
import { eventually } from '../support/eventually.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A node's /metrics; undefined: it does not answer. */
async function node(said: { text: string | undefined }): Promise<string> {
  const server = createServer((request, response) => {
    if (said.text === undefined || request.url !== '/metrics') request.socket.destroy();
    else response.end(said.text);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A node that is paused: whoever asks waits, until he is answered by hand. */
async function pausedNode(): Promise<{ url: string; waiting: ServerResponse[] }> {
  const waiting: ServerResponse[] = [];
  const server = createServer((_, response) => waiting.push(response));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, waiting };
}

const told = (bornS: number, takeovers: number, pending: number, shards = 10) => `
process_start_time_seconds ${bornS}
holdfast_takeovers_total ${takeovers}
holdfast_pending_jobs{lane="mine"} ${pending}
holdfast_pending_jobs{lane="other"} 1000
holdfast_shards_owned ${shards}
`;

describe('an observer', () => {
  test('tells the longest first lock of all nodes', async () => {
    const [a, b] = [{ text: `${told(1, 0, 0)}holdfast_first_lock_seconds 40\n` }, { text: told(1, 0, 0) }];
    const metricsUrls = new Map([
      ['a', await node(a)],
      ['b', await node(b)],
    ]);
    const observer = new Observer({ metricsUrls, lane: 'mine', processes: () => new Map() }, new Lines());
    const look = async () => firstLockS((await observer.look(0))!);
    expect(await look()).toBe(40);
    b.text += 'holdfast_first_lock_seconds 160\n';
    expect(await look()).toBe(160);
    a.text = told(1, 0, 0);
    b.text = told(1, 0, 0);
    expect(await look()).toBe(0);
  });

  test('sees what happens between looks, however nodes come and go', async () => {
    const [a, b] = [{ text: told(1, 7, 2) as string | undefined }, { text: told(1, 0, 3) as string | undefined }];
    const metricsUrls = new Map([
      ['a', await node(a)],
      ['b', await node(b)],
    ]);
    const lines = new Lines();
    const observer = new Observer({ metricsUrls, lane: 'mine', processes: () => new Map() }, lines);
    // What was before the first look is not this run's.
    expect(await observer.look(0)).toMatchObject({ atS: 0, pending: 5, takenOver: 0, allAnswered: true });
    // Killed: a takes over.
    [a.text, b.text] = [told(1, 12, 5, 20), undefined];
    expect(await observer.look(1)).toMatchObject({ atS: 1, pending: 5, takenOver: 5, allAnswered: false });
    // A look that a does not answer is not a takeover when it answers again.
    [a.text, b.text] = [undefined, undefined];
    expect(await observer.look(2)).toMatchObject({ takenOver: 0, allAnswered: false });
    // b is born again, and has taken over something since.
    [a.text, b.text] = [told(1, 12, 5), told(9, 2, 0)];
    expect(await observer.look(3)).toMatchObject({ atS: 3, pending: 5, takenOver: 2, allAnswered: true });
    expect(await observer.look(4)).toMatchObject({ takenOver: 0 });
    const named = Object.fromEntries(lines.all(5).map(({ name, unit, values }) => [`${name}, ${unit}`, values]));
    expect(named).toEqual({
      'held by holdfast, jobs': [5, 5, null, 5, 5],
      'a, shards': [10, 20, null, 10, 10],
      'b, shards': [10, null, null, 10, 10],
      'taken over, shards': [0, 5, null, 2, 0],
    });
  });

  test('does not use a look that ends after a later one: what it was told is older', async () => {
    const { url, waiting } = await pausedNode();
    const lines = new Lines();
    const observer = new Observer(
      { metricsUrls: new Map([['a', url]]), lane: 'mine', processes: () => new Map() },
      lines,
    );
    const asked = async (second: number) => {
      const look = observer.look(second);
      const answer = await eventually('the node to be asked', () => waiting.pop());
      return { look, answer: (text: string) => void answer.end(text) };
    };
    const first = await asked(0);
    first.answer(told(1, 7, 2));
    expect(await first.look).toMatchObject({ takenOver: 0 });
    const [second, third] = [await asked(1), await asked(2)];
    third.answer(told(1, 12, 4));
    expect(await third.look).toMatchObject({ atS: 2, pending: 4, takenOver: 5, allAnswered: true });
    second.answer(told(1, 7, 2));
    expect(await second.look).toBeUndefined();
    // Nothing was taken back, to be counted again.
    const [fourth, fifth] = [await asked(3), await asked(4)];
    fourth.answer(told(1, 13, 4));
    expect(await fourth.look).toMatchObject({ atS: 3, takenOver: 1 });
    fifth.answer(told(1, 13, 4));
    expect(await fifth.look).toMatchObject({ atS: 4, takenOver: 0 });
    expect(observer.tales.sum('holdfast_takeovers_total')).toBe(6);
    expect(lines.all(5).find(({ name }) => name === 'taken over')!.values).toEqual([0, null, 5, 1, 0]);
  });

  test.each([
    ['a proxy that lets nobody in', 401, told(1, 0, 3)],
    ['a port of another, which has no such page', 404, 'not found'],
    ['a port of another, which has one', 200, 'process_start_time_seconds 1\nother_jobs_total 5\n'],
  ])('takes %s for a node that does not answer', async (_, status, text) => {
    const server = createServer((_request, response) => void response.writeHead(status).end(text));
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const metricsUrls = new Map([
      ['a', await node({ text: told(1, 7, 2) })],
      ['b', `http://127.0.0.1:${(server.address() as AddressInfo).port}`],
    ]);
    const observer = new Observer({ metricsUrls, lane: 'mine', processes: () => new Map() }, new Lines());
    expect(await observer.look(0)).toMatchObject({ atS: 0, pending: 2, takenOver: 0, allAnswered: false });
  });

  test('sees this process at work, and nothing of one that is gone', async () => {
    const lines = new Lines();
    const processes = () =>
      new Map([
        ['me', [process.pid]],
        ['gone', [2 ** 22 + 1]],
      ]);
    await new Observer({ metricsUrls: new Map(), lane: '', processes }, lines).look(0);
    const [me, ...rest] = lines.all(1);
    expect(me).toMatchObject({ group: 'memory', name: 'me', unit: 'MiB' });
    expect(me!.values[0]).toBeGreaterThan(10);
    expect(rest).toEqual([]);
  });
});

describe('legs', () => {
  const leg = (bornS: number, below: number, count: number) =>
    parseExposition(`process_start_time_seconds ${bornS}
holdfast_leg_duration_seconds_bucket{leg="hold",le="0.001"} ${below}
holdfast_leg_duration_seconds_bucket{leg="hold",le="0.01"} ${count}
holdfast_leg_duration_seconds_bucket{leg="hold",le="+Inf"} ${count}
holdfast_leg_duration_seconds_sum{leg="hold"} ${count / 1_000}`);

  test('are those of all lives of a node, the one before its kill too', () => {
    const tales = new NodeTales();
    for (const samples of [leg(1, 100, 100), leg(1, 130, 140), leg(2, 0, 5), leg(2, 7, 20)]) tales.add('n1', samples);
    tales.add('n2', leg(1, 1, 1));
    tales.add('n2', leg(1, 2, 2));
    // Just born, and has seen no call.
    tales.add('n2', parseExposition('process_start_time_seconds 3'));
    const hold = legsOf(tales).find((one) => one.leg === 'job received → stored')!;
    expect(hold.count).toBe(40 + 20 + 1);
    expect(hold.histogram).toEqual([
      { ms: 1, count: 30 + 7 + 1 },
      { ms: 10, count: 10 + 13 },
    ]);
    expect(hold.mean).toBeCloseTo(1, 6);
  });
});

describe('news', () => {
  test('of several starters add up, and nothing is lost when one tells twice in a second', () => {
    const lines = new Lines();
    const news = new News(lines);
    const tick = (started: number, completed: number, us: number) => ({
      ...{ kind: 'tick' as const, atS: 1 },
      tally: { started, completed, refusals: 0, failed: 0, open: started - completed },
      latencies: [[us, 1]] as const,
    });
    news.hear('load 1', tick(5, 3, 10_000));
    news.hear('load 1', tick(10, 8, 10_000));
    news.hear('load 2', tick(4, 4, 30_000));
    const first = news.second(1);
    expect(first).toMatchObject({ started: 14, completed: 12, open: 2 });
    expect(first.p50).toBeCloseTo(10, 1);
    expect(first.p99).toBeCloseTo(30, 1);
    expect(news.second(2)).toEqual({ atS: 2, started: 0, completed: 0, open: 2, p50: undefined, p99: undefined });
    expect(
      lines
        .all(3)
        .find(({ name }) => name === 'p50')!
        .values.slice(2),
    ).toEqual([null]);
  });
});
