// Questions between nodes: who answers is heard, who does not is named, and what is not from one of us is not answered.
import { expect, test } from 'vitest';
import type { Incarnation, NodeName } from '../../src/actors/ids.ts';
import type { Peer } from '../../src/cluster/membership.ts';
import type { Bus, BusAnswer } from '../../src/cluster/ports.ts';
import { Questions } from '../../src/cluster/questions.ts';

type Handler = Parameters<Bus['subscribe']>[1];

/** Requests find their subscriber, and its answer comes by the reply subject, later. */
class Wire implements Bus {
  readonly handlers = new Map<string, Handler>();
  readonly #waiting = new Map<string, (answer: BusAnswer) => void>();
  /** Subjects that swallow everything. */
  readonly silent = new Set<string>();
  #inbox = 0;
  payloadBytes = 1_048_576;

  connected = () => true;
  onConnection = () => () => {};
  publish = (subject: string, data: Uint8Array) => this.#waiting.get(subject)?.({ kind: 'answer', data });
  request = (subject: string, data: Uint8Array, timeoutMs: number) =>
    new Promise<BusAnswer>((resolve) => {
      const handler = this.handlers.get(subject);
      if (handler === undefined) return resolve({ kind: 'noResponders' });
      if (this.silent.has(subject)) return resolve({ kind: 'silence' });
      const reply = `inbox.${++this.#inbox}`;
      this.#waiting.set(reply, resolve);
      setTimeout(() => resolve({ kind: 'silence' }), Math.min(timeoutMs, 200));
      handler({ subject, data, reply });
    });
  subscribe = (subject: string, handler: Handler) => {
    this.handlers.set(subject, handler);
    return () => this.handlers.delete(subject);
  };
  maxPayloadBytes = () => this.payloadBytes;
}

type Answer = (question: unknown, withinMs: number, mostBytes: number) => Promise<unknown>;

const ALL = ['a', 'b', 'c'];

function nodeOf(wire: Wire, name: string, answer: Answer, dead: readonly string[] = [], left: readonly string[] = []) {
  const peers = ALL.filter((other) => other !== name).map((node) => {
    const state = left.includes(node) ? 'left' : 'ready';
    return [node, { record: { node, incarnation: `${node}-1`, state } }] as unknown as [NodeName, Peer];
  });
  const questions = new Questions({
    bus: wire,
    cluster: 'c',
    node: name as NodeName,
    incarnation: `${name}-1` as Incarnation,
    membership: { peers: () => new Map(peers), isDead: (incarnation) => dead.includes(incarnation) },
    answer,
  });
  questions.start();
  return questions;
}

const subjectOf = (node: string) => `holdfast.c.node.${node}-1.questions`;
const saying =
  (name: string): Answer =>
  async (question) => ({ name, question });

test('every member is asked, the asker too, and silence has a name', async () => {
  const wire = new Wire();
  const a = nodeOf(wire, 'a', saying('a'));
  nodeOf(wire, 'b', saying('b'));
  nodeOf(wire, 'c', saying('c'));
  const question = { ask: 'x', nothing: null, list: [1, 'ä'] };
  const { answered, silent } = await a.ask(question);
  expect(answered.map(({ node, answer }) => [node, answer])).toEqual(ALL.map((name) => [name, { name, question }]));
  expect(silent).toEqual([]);
  wire.silent.add(subjectOf('b'));
  wire.handlers.delete(subjectOf('c'));
  const later = await a.ask(question);
  expect(later.answered.map(({ node }) => node)).toEqual(['a']);
  expect(later.silent).toEqual(['b', 'c']);
});

test('only one is asked when only one is meant, and none that is no member', async () => {
  const wire = new Wire();
  const a = nodeOf(wire, 'a', saying('a'), ['b-1'], ['c']);
  nodeOf(wire, 'b', saying('b'));
  nodeOf(wire, 'c', saying('c'));
  expect((await a.ask('q')).answered.map(({ node }) => node)).toEqual(['a']);
  const other = nodeOf(wire, 'a', saying('a'));
  expect((await other.ask('q', 'b' as NodeName)).answered.map(({ node }) => node)).toEqual(['b']);
  expect(await other.ask('q', 'x' as NodeName)).toEqual({ answered: [], silent: [] });
});

test('who cannot answer, or has nothing to say, counts as silent', async () => {
  const wire = new Wire();
  const a = nodeOf(wire, 'a', async () => undefined);
  nodeOf(wire, 'b', () => Promise.reject(new Error('cannot')));
  nodeOf(wire, 'c', saying('c'));
  const { answered, silent } = await a.ask('q');
  expect(answered.map(({ node }) => node)).toEqual(['c']);
  expect(silent).toEqual(['a', 'b']);
});

test('an answer knows how large it may be, and one that would not arrive is not sent', async () => {
  const wire = new Wire();
  wire.payloadBytes = 1_000;
  const limits: number[] = [];
  const a = nodeOf(wire, 'a', saying('a'));
  nodeOf(wire, 'b', async (_, withinMs, mostBytes) => {
    limits.push(mostBytes);
    expect(withinMs).toBeLessThan(2_000);
    return 'x'.repeat(2_000);
  });
  nodeOf(wire, 'c', saying('c'));
  expect((await a.ask('q')).silent).toEqual(['b']);
  expect(limits).toEqual([500]);
});

test('what is not from one of us is not answered, and a node is not flooded', async () => {
  const wire = new Wire();
  let underWay = 0;
  const open = Promise.withResolvers<void>();
  const b = nodeOf(wire, 'b', async (question) => {
    underWay += 1;
    if (question === 'wait') await open.promise;
    return question === undefined ? undefined : 'heard';
  });
  const heard = wire.handlers.get(subjectOf('b'))!;
  expect(heard({ subject: '', data: new Uint8Array([0xc1, 0xff]), reply: 'r' })).toBeUndefined();
  expect(heard({ subject: '', data: new Uint8Array([0xc0]), reply: '' })).toBeUndefined();
  const a = nodeOf(wire, 'a', saying('a'));
  const before = underWay;
  const all = Array.from({ length: 200 }, () => a.ask('wait', 'b' as NodeName));
  expect(underWay - before).toBeLessThanOrEqual(64);
  open.resolve();
  const answers = await Promise.all(all);
  expect(answers.filter(({ answered }) => answered.length === 1).length).toBeGreaterThan(0);
  b.stop();
  expect(wire.handlers.has(subjectOf('b'))).toBe(false);
});
