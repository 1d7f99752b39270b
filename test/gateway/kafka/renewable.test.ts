import { expect, test } from 'vitest';
import { type Connectable, Renewable } from '../../../src/gateway/kafka/renewable.ts';

/** As kafkajs reports an answer of a broker. */
function answer(type: string): Error {
  return Object.assign(new Error(type), { type });
}

test('a client that was not let in is made anew, one that got an answer it did not like is kept', async () => {
  const made: Connectable[] = [];
  let refusal: Error | undefined = answer('UNSUPPORTED_SASL_MECHANISM');
  const clients = new Renewable(() => {
    const client = {
      connect: async () => void (refusal && (await Promise.reject(refusal))),
      disconnect: async () => {},
    };
    made.push(client);
    return client;
  });
  const use = () => clients.use(1_000, async () => 'used');
  await expect(use()).rejects.toThrow('UNSUPPORTED_SASL_MECHANISM');
  refusal = undefined;
  expect(await use()).toBe('used');
  expect(made).toHaveLength(2);
  await expect(clients.use(1_000, () => Promise.reject(answer('UNKNOWN_TOPIC_OR_PARTITION')))).rejects.toThrow();
  expect(await use()).toBe('used');
  expect(made).toHaveLength(2);
});
