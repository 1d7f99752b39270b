// A consumer that says nothing: given up at once when nothing old is to be delivered, and asked for when there is, for then the
// server may be looking through millions of entries for the next one.
import { afterEach, expect, test } from 'vitest';
import { PushConsumer, type WatchSource } from '../../src/cluster/nats/push-consumer.ts';

const consumers: PushConsumer[] = [];
afterEach(() => {
  for (const consumer of consumers.splice(0)) consumer.stop();
});

/** Silent from the start. `asked` resolves with the API calls that were made until the first about the consumer. */
function silent({ behind, exists }: { readonly behind: boolean; readonly exists: boolean }) {
  const asked = Promise.withResolvers<string>();
  const broken = Promise.withResolvers<string>();
  let answered = 0;
  const answer = exists
    ? { num_pending: 7, delivered: { consumer_seq: 0 } }
    : { error: { code: 404, err_code: 10_014 } };
  const source = {
    link: {
      nc: { subscribe: () => ({ getSubject: () => '_INBOX.x', unsubscribe() {} }) },
      inboxPrefix: undefined,
      connected: () => true,
    },
    inbox: {
      ask: async (subject: string) => {
        if (subject.startsWith('$JS.API.CONSUMER.INFO.')) {
          answered += 1;
          // The second time: it outlived the first.
          if (!exists || answered === 2) asked.resolve(subject);
        }
        return { kind: 'answer', message: { json: () => answer } };
      },
    },
    stream: 'KV_a',
    subjects: '$KV.a.',
  } as unknown as WatchSource;
  const consumer = new PushConsumer(source, {
    onEntry() {},
    onProgress() {},
    onBroken: () => broken.resolve('broken'),
    isBehind: () => behind,
  });
  consumers.push(consumer);
  consumer.start();
  return { consumer, asked: asked.promise, broken: broken.promise };
}

test('with nothing old to come, silence means that it is broken', async () => {
  const { consumer, broken, asked } = silent({ behind: false, exists: true });
  expect(await Promise.race([broken, asked])).toBe('broken');
  expect(consumer.stopped).toBe(true);
});

test('as long as it is behind and the server knows it, silence is waited out', async () => {
  const { consumer, broken, asked } = silent({ behind: true, exists: true });
  expect(await Promise.race([broken, asked])).toMatch(/^\$JS\.API\.CONSUMER\.INFO\.KV_a\./);
  expect(consumer.stopped).toBe(false);
});

test('one that the server does not know any more is broken, however far behind', async () => {
  const { broken } = silent({ behind: true, exists: false });
  expect(await broken).toBe('broken');
});
