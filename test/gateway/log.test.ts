import { expect, test } from 'vitest';
import type { Incarnation, NodeName } from '../../src/actors/ids.ts';
import { createLog } from '../../src/gateway/log.ts';
import { logEvent } from '../../src/gateway/node-log.ts';

test('one JSON line with the fixed names; secrets are cut; the level holds', () => {
  const lines: string[] = [];
  const log = createLog('info', { node: 'n1' }, { write: (line) => void lines.push(line) });
  log.debug('not shown');
  log
    .with({ shard: 17 })
    .warn('claim lost', { revision: 5, key: 'hunter2', options: { password: 'hunter3' }, err: new Error('why') });
  expect(lines).toHaveLength(1);
  const line = JSON.parse(lines[0] ?? '');
  expect(line).toMatchObject({
    level: 'warn',
    message: 'claim lost',
    node: 'n1',
    shard: 17,
    revision: 5,
    err: { message: 'why' },
  });
  expect(Date.parse(line.time)).toBeGreaterThan(0);
  expect(lines[0]).not.toMatch(/hunter/);
});

test('whatever a text holds, a line is one line, the same text, and nothing that a terminal obeys', () => {
  const lines: string[] = [];
  const log = createLog('info', {}, { write: (line) => void lines.push(line) });
  const reason = 'a\u001b[31m\r\n{"level":"info"}\u009b2J\u007f\u202etxt\u2066\u2028é😀';
  log.with({ by: reason }).info(reason, { reason, err: new Error(reason) });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+\n$/u);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ by: reason, message: reason, reason, err: { message: reason } });
});

test('a line about another node names it beside the one that writes', () => {
  const lines: string[] = [];
  const log = createLog('info', { node: 'n1' }, { write: (line) => void lines.push(line) });
  const dead = { kind: 'dead', node: 'n3' as NodeName, incarnation: 'n3-1' as Incarnation } as const;
  logEvent(log, 'c', { from: 'cluster', event: dead });
  expect(JSON.parse(lines[0]!)).toMatchObject({
    node: 'n1',
    peer: 'n3',
    incarnation: 'n3-1',
    message: 'cluster: dead',
  });
  expect(lines[0]!.match(/"node":/g)).toHaveLength(1);
});

test('a topic that Kafka takes nothing on is warned of, by its name', () => {
  const lines: string[] = [];
  const log = createLog('info', {}, { write: (line) => void lines.push(line) });
  const trouble = { topic: 'holdfast.c.dlq', reason: 'no leader' };
  logEvent(log, 'c', { from: 'kafka', event: { kind: 'notWritten', forMs: 11_000, ...trouble } });
  logEvent(log, 'c', { from: 'kafka', event: { kind: 'writtenAgain', topic: trouble.topic, afterMs: 20_000 } });
  const [warned, told] = lines.map((line) => JSON.parse(line));
  expect(warned).toMatchObject({ level: 'warn', message: 'Kafka takes nothing on this topic', ...trouble });
  expect(told).toMatchObject({ level: 'info', topic: trouble.topic, afterMs: 20_000 });
});

test('a line of the intake about a job has the trace of its process, and nothing else of it', () => {
  const lines: string[] = [];
  const log = createLog('debug', {}, { write: (line) => void lines.push(line) });
  const ids = { jobKey: '7', instanceKey: '5' };
  const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  logEvent(log, 'c', { from: 'intake', jobType: 'charge', event: { kind: 'gaveBack', ...ids, trace } });
  const dropped = { kind: 'dropped', ...ids, trace: '', reason: 'expired', detail: 'late' } as const;
  logEvent(log, 'c', { from: 'intake', jobType: 'charge', event: dropped });
  const [first, second] = lines.map((line) => JSON.parse(line));
  expect(first).toMatchObject({ message: 'intake: gaveBack', jobKey: '7', traceId: trace.slice(3, 35) });
  expect(second).toMatchObject({ jobKey: '7', reason: 'expired', traceId: expect.stringMatching(/^[0-9a-f]{32}$/) });
  expect(Object.keys(second)).not.toContain('trace');
});
