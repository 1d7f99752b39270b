// Produce requests as we write them: byte for byte what kafkajs itself makes of the same, and what it makes where we leave it to it.
import { createRequire } from 'node:module';
import fc from 'fast-check';
import type { Message } from 'kafkajs';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { encodeInOnePass, type ProduceArguments } from '../../../src/gateway/kafka/produce-encoding.ts';

type RequestOf = (args: ProduceArguments) => {
  readonly apiVersion: number;
  encode(): Promise<{ readonly buf: Buffer; readonly buffer: Buffer }>;
};

const kafkajs = createRequire(import.meta.url);
const produce = (version: number) => kafkajs(`kafkajs/src/protocol/requests/produce/v${version}/request`) as RequestOf;
const theirs = produce(3);
encodeInOnePass();
encodeInOnePass();
// Loaded now, as by the first record that is sent; this is the newest that kafkajs speaks.
const ours = produce(7);

// Both take the time by themselves.
beforeEach(() => void vi.useFakeTimers({ now: 1_790_000_000_123, toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

function request(messages: readonly Message[], rest: Partial<ProduceArguments> = {}): ProduceArguments {
  const half = Math.ceil(messages.length / 2);
  const parts = [messages.slice(0, half), messages.slice(half)].filter(({ length }) => length > 0);
  const partitions = parts.map((messages, i) => ({ partition: 3 * i, messages, firstSequence: 0 }));
  return {
    acks: -1,
    timeout: 10_000,
    compression: 0,
    producerId: -1,
    topicData: [{ topic: 'töpic', partitions }],
    ...rest,
  };
}

async function mustAgree(args: ProduceArguments): Promise<Buffer> {
  const [own, foreign] = await Promise.all([ours(args).encode(), theirs(args).encode()]);
  expect(own.buffer.equals(foreign.buffer)).toBe(true);
  return own.buffer;
}

const data = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
);
const name = fc.string({ unit: 'binary', maxLength: 80 });
const headers = fc.dictionary(name, fc.oneof(data, fc.array(data, { maxLength: 3 })), { maxKeys: 8 });
const key = fc.option(data);
const value = fc.option(data);
const message = fc.oneof(fc.record({ key, value, headers }), fc.record({ value }));

it('is what kafkajs would have written, byte for byte', async () => {
  const some = fc.array(message, { minLength: 1, maxLength: 8 });
  await fc.assert(fc.asyncProperty(some, async (messages) => void (await mustAgree(request(messages)))));
});

it.each([0, 63, 64, 8_100, 8_191, 8_192, 8_300, 1_048_575, 1_048_576])(
  'leaves the room that the length of a text of %d units takes, whatever they are',
  async (length) => {
    for (const unit of ['x', 'é', '漢', '\ud83d']) {
      const text = unit.repeat(length);
      await mustAgree(request([{ key: 'k', value: text, headers: { name: text } }, { value: 'behind it' }]));
    }
  },
);

it('is in place of what kafkajs had', async () => {
  const args = request([{ value: 'a' }]);
  const [own, foreign] = await Promise.all([ours(args).encode(), theirs(args).encode()]);
  expect(ours(args).apiVersion).toBe(7);
  expect([own, foreign].map(({ constructor: { name } }) => name)).toEqual(['Object', 'Encoder']);
});

it('leaves to kafkajs what it does not do', async () => {
  const gzip = 1;
  const messages = [{ value: 'a' }, { value: 'b' }];
  const plain = await mustAgree(request(messages));
  for (const rest of [{ compression: gzip }, { producerId: 7 }, { transactionalId: 'bank' }]) {
    expect((await mustAgree(request(messages, rest))).equals(plain)).toBe(false);
  }
  expect((await mustAgree(request([{ value: 'a', timestamp: '1' }, { value: 'b' }]))).equals(plain)).toBe(false);
});
