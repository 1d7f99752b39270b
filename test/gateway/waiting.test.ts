import { beforeEach, expect, test } from 'vitest';
import type { Log } from '../../src/gateway/log.ts';
import { MetaMismatch } from '../../src/gateway/meta.ts';
import { Waiting } from '../../src/gateway/waiting.ts';
import { ManualClock } from '../support/manual-clock.ts';

let clock: ManualClock;
let lines: string[];
let stopping: AbortController;
let waiting: Waiting;

beforeEach(() => {
  clock = new ManualClock();
  lines = [];
  stopping = new AbortController();
  const say = (message: string, fields = {}) => void lines.push(`${message} ${JSON.stringify(fields)}`);
  const log: Log = { debug: say, info: say, warn: say, error: say, with: () => log };
  waiting = new Waiting(log, clock, stopping.signal);
});

test('what is away is asked again until it is there, named meanwhile, and each reason is logged once', async () => {
  const answers = [new Error('refused'), new Error('refused'), new Error('no leader'), 'there'];
  const found = waiting.until('Kafka', async () => {
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  });
  await clock.advance(1);
  expect(waiting.names()).toEqual(['Kafka: refused']);
  await clock.advance(2_000);
  expect(waiting.names()).toEqual(['Kafka: no leader']);
  await clock.advance(1_000);
  expect(await found).toBe('there');
  expect(waiting.names()).toEqual([]);
  expect(lines).toEqual([
    'waiting for Kafka {"reason":"refused"}',
    'waiting for Kafka {"reason":"no leader"}',
    'Kafka: there {}',
  ]);
});

test('no waiting mends a bucket of another cluster, and whoever is told to stop waits no longer', async () => {
  const other = new MetaMismatch('other shards');
  await expect(waiting.until('NATS', () => Promise.reject(other))).rejects.toBe(other);
  let asked = 0;
  const away = waiting.until('NATS', async () => {
    asked += 1;
    throw new Error('away');
  });
  const ended = expect(away).rejects.toThrow('asked to stop');
  await clock.advance(500);
  stopping.abort(new Error('asked to stop'));
  await clock.advance(1_000);
  await ended;
  expect(asked).toBe(1);
});
