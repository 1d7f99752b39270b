// What the two-symbol contestant is told and tells: the process, the connectors, and how its service reads and answers. And
// the option that brings it in.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sinkOf, sourceOf, twoSymbols } from '../../bench/contestants/connect.ts';
import { parseOptions, UsageError } from '../../bench/options.ts';
import { callOf } from '../../bench/parts/contract.ts';

const GROUND = {
  name: 'bench-connect-1',
  requestTopic: 'bench-connect-1.requests',
  replyTopic: 'bench-connect-1.replies',
};

describe('the connectors', () => {
  const source = sourceOf(GROUND, 'engine:26500');
  const sink = sinkOf(GROUND, 'engine:26500');

  test('take the jobs that the process makes, to the topic that it names', () => {
    const bpmn = twoSymbols(GROUND);
    expect(bpmn).toContain(`<zeebe:taskDefinition type="${source['job.types']}"/>`);
    expect(bpmn).toContain(`<zeebe:header key="${source['job.header.topics']}" value="${GROUND.requestTopic}"/>`);
  });

  test('publish what the service answers, as the message that the process waits for', () => {
    const contract = { kind: 'zeebeMessage', messageName: GROUND.name, replyTopic: GROUND.replyTopic } as const;
    const { replyTopic, answer } = callOf(contract, { value: requestOf('t-1'), headers: {} }, '');
    expect(replyTopic).toBe(sink.topics);
    const message = JSON.parse(String(answer.value));
    const at = (path: string | undefined) => message[path?.replace('$.', '') ?? ''];
    expect(twoSymbols(GROUND)).toContain(`<message id="message" name="${at(sink['message.path.messageName'])}">`);
    expect(twoSymbols(GROUND)).toContain('<zeebe:subscription correlationKey="=token"/>');
    expect(at(sink['message.path.correlationKey'])).toBe('t-1');
    expect(at(sink['message.path.variables'])).toEqual({ answer: { token: 't-1', filler: '' } });
  });

  test('lock jobs for as long as they are told, or else as they do by themselves', () => {
    expect(source).not.toHaveProperty('zeebe.client.job.timeout');
    expect(sourceOf(GROUND, 'engine:26500', 60_000)['zeebe.client.job.timeout']).toBe('60000');
  });

  test('both speak to the engine without encryption, as the other contestants do, and have names of their own', () => {
    for (const one of [source, sink]) {
      expect(one['zeebe.client.gateway.address']).toBe('engine:26500');
      expect(one['zeebe.client.security.plaintext']).toBe('true');
    }
    expect(source.name).not.toBe(sink.name);
  });
});

test('a service of everybody else answers the body, where and under the id that the headers say', () => {
  const headers = { kafka_correlationId: Buffer.from('id-1'), kafka_replyTopic: Buffer.from('replies') };
  const request = { value: Buffer.from('{"token":"t-1"}'), headers };
  const answer = {
    key: 'id-1',
    value: '{"answer":{"token":"t-1","filler":"xx"}}',
    headers: { kafka_correlationId: 'id-1' },
  };
  expect(callOf({ kind: 'headers' }, request, 'xx')).toEqual({ token: 't-1', replyTopic: 'replies', answer });
});

describe('--connect-plugin', () => {
  let dir = '';
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'plugin-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const jar = (name: string) => `PK\u0003\u0004…${name}…`;

  test('takes a directory with the plugin in it or below', () => {
    mkdirSync(join(dir, 'lib'));
    writeFileSync(join(dir, 'lib', 'a.jar'), jar('com/example/Other.class'));
    writeFileSync(join(dir, 'lib', 'b.jar'), jar('io/zeebe/kafka/connect/ZeebeSourceConnector.class'));
    expect(parseOptions(['--connect-plugin', dir]).connectPlugin).toBe(dir);
    expect(parseOptions([]).connectPlugin).toBeUndefined();
  });

  test('says what is wrong with any other', () => {
    writeFileSync(join(dir, 'README.md'), '');
    const parse = (path: string) => () => parseOptions(['--connect-plugin', path]);
    expect(parse(dir)).toThrow(UsageError);
    expect(parse(dir)).toThrow(`--connect-plugin is "${dir}", where no .jar file is`);
    writeFileSync(join(dir, 'other.jar'), jar('com/example/ZeebeSourceConnector.class'));
    expect(parse(dir)).toThrow('where no .jar file has io/zeebe/kafka/connect/ZeebeSourceConnector.class; allowed: ');
    expect(parse(join(dir, 'no'))).toThrow('which cannot be read (ENOENT)');
    expect(parse(join(dir, 'README.md'))).toThrow('which cannot be read (ENOTDIR)');
  });
});

describe('--contestants', () => {
  const of = (...args: string[]) => parseOptions(args).contestants;

  test('are all, or what ten minutes allow, the plugin only where there is one', () => {
    expect(of('--quick')).toEqual(['direct', 'naive', 'holdfast-1', 'holdfast-3']);
    expect(of()).toEqual([...of('--quick'), 'naive-awaited', 'holdfast-1-r3', 'holdfast-3-r3']);
    expect(of('--contestants', 'naive,holdfast-3-r3', '--quick')).toEqual(['naive', 'holdfast-3-r3']);
  });

  test('are refused where they cannot be, and where the others would be missing', () => {
    expect(() => of('--contestants', 'naive,connect')).toThrow('names "connect", which needs --connect-plugin DIR');
    expect(() => of('--contestants', 'naif')).toThrow('--contestants names "naif"; allowed: direct, naive, connect, ');
    expect(() => of('--contestants', 'naive', '--docs')).toThrow('--docs and --contestants: ');
  });
});

/** As the source connector sends it: the job as JSON, as a JSON string; the variables as text and as a map. */
function requestOf(token: string): Buffer {
  const variables = { token, amount: 99.9 };
  const job = { key: 1, type: GROUND.name, variables: JSON.stringify(variables), variablesAsMap: variables };
  return Buffer.from(JSON.stringify(JSON.stringify(job)));
}
