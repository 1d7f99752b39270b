// The engine as pending jobs use it: turns, and what is asked when one has come.
import { expect, test } from 'vitest';
import { EngineGate } from '../../src/actors/engine-gate.ts';
import type { JobKey } from '../../src/actors/ids.ts';
import type { EngineAnswer, EngineCommands } from '../../src/actors/ports.ts';
import { settled } from '../support/manual-clock.ts';

const OK: EngineAnswer = { code: 'ok', unseen: false, message: '' };
const LATER: EngineAnswer = { code: 'transient', unseen: true, message: 'no answer' };

/** A gate over an engine that answers when the test says so. */
function gateOf(inFlight: number) {
  const sent: { jobKey: string; answer: (answer: EngineAnswer) => Promise<void> }[] = [];
  const complete = (jobKey: string) =>
    new Promise<EngineAnswer>((resolve) => {
      sent.push({
        jobKey,
        answer: (answer) => {
          resolve(answer);
          return settled();
        },
      });
    });
  const said: string[] = [];
  const gate = new EngineGate({
    engine: { complete } as unknown as EngineCommands,
    inFlight,
    awayAfter: 1,
    onBack: () => said.push('back'),
  });
  const ask = (jobKey: string, may: () => void = () => {}) => {
    const emit = async (engine: EngineCommands) => {
      may();
      return engine.complete(jobKey as JobKey, '{}', 1);
    };
    gate.call('complete', emit).then(
      ({ code, message }) => said.push(`${jobKey} ${code} ${message}`.trim()),
      (error: Error) => said.push(`${jobKey} ${error.message}`),
    );
  };
  return { gate, sent, said, ask };
}

const keys = (sent: readonly { jobKey: string }[]) => sent.map(({ jobKey }) => jobKey);

test('a bounded number is in flight, the others go first come first served, also before whoever comes as a turn ends', async () => {
  const { sent, ask } = gateOf(2);
  for (const key of ['a', 'b', 'c', 'd']) ask(key);
  await settled();
  expect(keys(sent)).toEqual(['a', 'b']);
  const answered = sent[0]?.answer(OK);
  ask('e');
  await answered;
  await settled();
  expect(keys(sent)).toEqual(['a', 'b', 'c']);
  await sent[1]?.answer(OK);
  await sent[2]?.answer(OK);
  expect(keys(sent)).toEqual(['a', 'b', 'c', 'd', 'e']);
});

test('whether it may is asked when its turn has come; one that may not gives the turn to the next', async () => {
  const { sent, said, ask } = gateOf(1);
  let may = true;
  ask('a');
  ask('b', () => {
    if (!may) throw new Error('lost');
  });
  ask('c');
  await settled();
  may = false;
  await sent[0]?.answer(OK);
  expect(keys(sent)).toEqual(['a', 'c']);
  expect(said).toEqual(['a ok', 'b lost']);
});

test('an engine that went away while commands waited is asked by one of them; the others hear "later"', async () => {
  const { sent, said, ask } = gateOf(2);
  for (const key of ['a', 'b', 'c', 'd', 'e']) ask(key);
  await settled();
  await sent[0]?.answer(LATER);
  expect(keys(sent)).toEqual(['a', 'b']);
  expect(said).toEqual([
    'a transient no answer',
    ...['c', 'd', 'e'].map((key) => `${key} transient the engine is away`),
  ]);
  await sent[1]?.answer(OK);
  expect(said.slice(-2)).toEqual(['back', 'b ok']);
});

test('closed, it sends nothing more: who waits is told why at once, what is in flight ends by itself', async () => {
  const { gate, sent, said, ask } = gateOf(1);
  ask('a');
  ask('b');
  await settled();
  gate.close(new Error('over'));
  ask('c');
  await settled();
  expect(said).toEqual(['c over', 'b over']);
  await sent[0]?.answer(OK);
  expect(keys(sent)).toEqual(['a']);
  expect(said).toEqual(['c over', 'b over', 'a ok']);
});
