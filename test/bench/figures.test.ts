// What the tables of the benchmarks say follows from the rounds: medians, ratios within a round, goals met and missed.
import { expect, test } from 'vitest';
import { type Figure, figuresOfRounds, isMet } from '../../bench/figures.ts';
import { spreadOf } from '../../bench/parts/spread.ts';
import { figureRow, short, turnTable } from '../../bench/report.ts';
import { orderOf, type Turn } from '../../bench/side-by-side/rounds.ts';

function turn(round: number, contestant: string, perSecond: number, more: Partial<Turn> = {}): Turn {
  const cpuPerCall = { bridge: 0.3, nats: 0.2, engine: 1, kafka: 0.5, service: 0.1, load: 0.4 };
  return { round, contestant, perSecond, cpuPerCall, writesPerCall: undefined, paced: undefined, ...more };
}

const ONE = 'holdfast, 1 node, R1';

const figure = (turns: readonly Turn[], name: string): Figure =>
  figuresOfRounds(turns).find((one) => one.name.startsWith(name))!;

test('ratios are taken within a round, however the machine was in it', () => {
  const turns = [
    turn(0, 'direct', 1_000),
    turn(0, 'naive', 700),
    turn(1, ONE, 300),
    turn(1, 'direct', 400),
    turn(1, 'naive', 240),
    turn(0, ONE, 800),
    turn(2, 'direct', 100),
  ];
  expect(figure(turns, 'calls/s, naive ÷ direct').values).toEqual([0.7, 0.6]);
  expect(figure(turns, 'calls/s, 200 in flight, holdfast with 1 node').values).toEqual([0.8, 0.75]);
  expect(figure(turns, 'calls/s, 200 in flight, holdfast with 3 nodes').values).toEqual([]);
});

test('what most ratios are taken to is measured at both ends of a round, and its mean counts', () => {
  const turns = [turn(0, 'direct', 400), turn(0, 'naive', 350), turn(0, ONE, 400), turn(0, 'direct', 600)];
  expect(figure(turns, 'calls/s, naive ÷ direct').values).toEqual([0.7]);
  expect(figure(turns, 'calls/s, 200 in flight, holdfast with 1 node').values).toEqual([0.8]);
  const entries = [{ yardstick: true, name: 'direct' }, { name: 'a' }, { name: 'b' }, { name: 'c' }];
  const order = (round: number) => orderOf(entries, round).map(({ name }) => name);
  expect(order(0)).toEqual(['direct', 'a', 'b', 'c', 'direct']);
  expect(order(1)).toEqual(['direct', 'a', 'c', 'b', 'direct']);
  expect(order(2)).toEqual(['direct', 'c', 'a', 'b', 'direct']);
  expect(orderOf(entries.slice(0, 1), 0)).toHaveLength(1);
});

test('of processes that are not our own nothing is said', () => {
  const unknown = { bridge: 0.3, nats: Number.NaN, engine: Number.NaN, kafka: Number.NaN, service: 0.1, load: 0.4 };
  const turns = ['direct', 'naive', ONE].map((name) => turn(0, name, 500, { cpuPerCall: unknown }));
  expect(figure(turns, 'bridge + nats-server').values).toEqual([]);
  expect(figure(turns, 'broker (Zeebe)').values).toEqual([]);
  expect(figure(turns, 'bridge CPU per call at full load, 1 node').values).toEqual([0.3]);
  expect(turnTable(turns).split('\n')[2]).toBe('| direct | 500 | 1.00 | 0.300 |  |  |  | 0.100 |  |  |');
});

test('the peer has figures of its own where it took part, and none that would take the place of earlier ones elsewhere', () => {
  const PEER = 'kafka-connect-zeebe';
  const own = (turns: readonly Turn[]) => figuresOfRounds(turns).filter(({ name }) => name.includes(PEER));
  const paced = (p50: number, p99: number) => {
    const { cpuPerCall } = turn(0, '', 0);
    return { paced: { p50, p99, cpuPerCall, call: undefined, whole: undefined } };
  };
  const others = [turn(0, 'direct', 500), turn(0, 'naive', 400, paced(40, 80))];
  expect(own(others)).toEqual([]);
  expect(own([...others, turn(0, PEER, 200, paced(160, 240))]).map(({ name, values }) => [name, ...values])).toEqual([
    [`calls/s, 200 in flight, ${PEER} ÷ direct`, 0.4],
    [`broker (Zeebe) CPU per call at full load, ${PEER} ÷ naive`, 1],
    [`instance due → ended at 50/s, p50, ${PEER} ÷ naive`, 4],
    [`instance due → ended at 50/s, p99, ${PEER} ÷ naive`, 3],
  ]);
});

test('a goal is met by the median, and what was not measured is neither met nor missed', () => {
  const of = (kind: 'most' | 'least', values: readonly number[]): Figure => ({
    name: '',
    before: '',
    unit: 'ms',
    goal: { kind, value: 10 },
    values,
  });
  expect(isMet(of('most', [9, 50, 10]))).toBe(true);
  expect(isMet(of('most', [9, 50, 11]))).toBe(false);
  expect(isMet(of('least', [9, 50, 11]))).toBe(true);
  expect(isMet(of('least', [9, 9, 11]))).toBe(false);
  expect(isMet(of('most', []))).toBeUndefined();
  expect(isMet({ ...of('most', [9, 9, 11]), never: true })).toBe(false);
  expect(isMet({ ...of('most', [9, 9, 10]), never: true })).toBe(true);
  expect(isMet({ ...of('most', [0.61]), goal: { kind: 'near', value: 0.7, by: 0.1 } })).toBe(true);
  expect(isMet({ ...of('most', [0.59]), goal: { kind: 'near', value: 0.7, by: 0.1 } })).toBe(false);
  expect(figureRow(of('most', [9, 50, 11])).slice(2)).toEqual(['≤ 10 ms', '11.0 ms', '9.00 – 50.0', '**missed**']);
  expect(figureRow(of('least', [])).slice(2)).toEqual(['≥ 10 ms', 'not measured', '', '']);
});

test('the median of an even number lies in the middle', () => {
  expect(spreadOf([4, 1, 3, 2])).toEqual({ min: 1, median: 2.5, max: 4 });
  expect(spreadOf([])).toBeUndefined();
});

test('the side-by-side table has medians of all rounds', () => {
  const paced = { p50: 12, p99: 30, cpuPerCall: turn(0, '', 0).cpuPerCall, call: undefined, whole: undefined };
  const turns = [
    turn(0, 'direct', 1_000),
    turn(0, ONE, 800, { paced }),
    turn(1, 'direct', 500),
    turn(1, ONE, 300, { paced }),
  ];
  const [, , direct, one] = turnTable(turns).split('\n');
  expect(direct).toBe('| direct | 750 | 1.00 | 0.300 | 0.200 | 1.00 | 0.500 | 0.100 |  |  |');
  expect(one).toBe(`| ${ONE} | 550 | 0.700 | 0.300 | 0.200 | 1.00 | 0.500 | 0.100 | 12.0 | 30.0 |`);
});

test.each([
  [0, '0'],
  [0.01234, '0.012'],
  [0.3456, '0.346'],
  [3.456, '3.46'],
  [34.56, '34.6'],
  [345.6, '346'],
  [34567, '34567'],
])('%d is told as %s', (value, text) => {
  expect(short(value)).toBe(text);
});
