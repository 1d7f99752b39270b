// A server that takes its time to make the consumer that reads a stretch of the bucket: longer than silence is borne of one that
// is there.
import type { Msg } from '@nats-io/transport-node';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Revision } from '../../src/actors/ids.ts';
import type { NatsLink } from '../../src/cluster/nats/connection.ts';
import type { Inbox } from '../../src/cluster/nats/inbox.ts';
import { NatsTail } from '../../src/cluster/nats/tail.ts';
import type { KvEntry } from '../../src/cluster/ports.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const MADE_AFTER_MS = 4_000;

function slowServer(entries: number) {
  let deliver: (error: Error | null, message: Msg) => void = () => {};
  const link = {
    nc: {
      subscribe: (_: string, { callback }: { callback: typeof deliver }) => {
        deliver = callback;
        return { getSubject: () => '_INBOX.x', unsubscribe() {} };
      },
    },
    connected: () => true,
  } as unknown as NatsLink;
  const ask = async (subject: string) => {
    if (subject.startsWith('$JS.API.CONSUMER.CREATE.')) {
      await new Promise<void>((resolve) => setTimeout(resolve, MADE_AFTER_MS));
    }
    const found = { num_pending: entries, delivered: { consumer_seq: 0 } };
    return { kind: 'answer', message: { json: () => found } };
  };
  const tail = new NatsTail(link, { ask } as unknown as Inbox, 'a');
  const send = (count: number) =>
    deliver(null, {
      subject: `$KV.a.k${count}`,
      reply: `$JS.ACK.KV_a.c.1.${count}.${count}.0.${entries - count}`,
      data: Buffer.from('v'),
    } as unknown as Msg);
  return { tail, send };
}

test('it is read to its end', async () => {
  const { tail, send } = slowServer(2);
  const found: KvEntry[] = [];
  const read = tail.read(1 as Revision, 9 as Revision, (entry) => found.push(entry));
  await vi.advanceTimersByTimeAsync(MADE_AFTER_MS);
  send(1);
  send(2);
  await read;
  expect(found.map(({ key, revision }) => `${key}@${revision}`)).toEqual(['k1@1', 'k2@2']);
});

test('and given up when nothing of it comes then', async () => {
  const { tail, send } = slowServer(2);
  const read = expect(tail.read(1 as Revision, 9 as Revision, () => {})).rejects.toThrow('is not read any further');
  await vi.advanceTimersByTimeAsync(MADE_AFTER_MS);
  send(1);
  await vi.advanceTimersByTimeAsync(3_000);
  await read;
});
