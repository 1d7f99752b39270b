// Batches of commands between nodes: none is lost, none too large, and whatever else comes is told from them.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RoutedCommand } from '../../src/cluster/routed.ts';
import { answersIn, commandsIn, messageOf, split, weightOf } from '../../src/cluster/routed.ts';
import { World as Job } from '../actors/pending-job-world.ts';

function reply(offset: number, body: string): RoutedCommand {
  return { type: 'replied', reply: new Job().reply(offset, { body }) };
}

test('split keeps all, in their order, and no chunk weighs more than the limit unless it is one alone', () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 3_000 }), { maxLength: 40 });
  fc.assert(
    fc.property(sizes, fc.integer({ min: 500, max: 5_000 }), (bodies, bytes) => {
      const asked = bodies.map((size, offset) => ({ command: reply(offset, 'x'.repeat(size)) }));
      const chunks = [...split(asked, bytes)];
      expect(chunks.flat()).toEqual(asked);
      const weights = chunks.map((chunk) => chunk.reduce((sum, { command }) => sum + weightOf(command), 0));
      for (const [index, weight] of weights.entries()) {
        if (chunks[index]!.length > 1) expect(weight).toBeLessThanOrEqual(bytes);
        // Nor are there more than are needed: the next one would not have gone in.
        const next = chunks[index + 1]?.[0];
        if (next !== undefined) expect(weight + weightOf(next.command)).toBeGreaterThan(bytes);
      }
    }),
    { numRuns: 50 },
  );
});

test('a reply weighs no less than it takes in a message, whatever letters are in it', () => {
  for (const body of [
    '',
    '{}',
    JSON.stringify({ a: 'ü'.repeat(1_000), b: '日本語'.repeat(500), c: '🎉'.repeat(100) }),
  ]) {
    const command = reply(7, body);
    expect(messageOf({ from: '', commands: [[1, 0, command]] }).length).toBeLessThanOrEqual(weightOf(command));
  }
});

test('batches come back as they were, and each is told from whatever else may come', () => {
  const batch = { from: 'holdfast.c.a.answers', commands: [[1, 3, reply(0, '{}')]] } as const;
  const answers = [[1, 'applied']] as const;
  expect(commandsIn(messageOf(batch))).toEqual(batch);
  expect(answersIn(messageOf(answers))).toEqual(answers);
  expect([commandsIn(messageOf(answers)), answersIn(messageOf(batch))]).toEqual([undefined, undefined]);
  for (const rubbish of ['', 'rubbish', '{"from":"a"}'])
    expect([commandsIn(Buffer.from(rubbish)), answersIn(Buffer.from(rubbish))]).toEqual([undefined, undefined]);
});
