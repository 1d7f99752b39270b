import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { FramedCalls } from '../../src/gateway/zeebe/gateway-calls-framed.ts';

const [PORT, RECEIVED, STALLED, ANSWERED] = [0, 1, 2, 3] as const;
const DEADLINE_MS = 200;

/** A gateway on a thread of its own: its answer leaves when this thread stands still. */
const GATEWAY = `
  const { createServer } = require('node:http2');
  const { workerData } = require('node:worker_threads');
  const flags = new Int32Array(workerData);
  const say = (flag, value) => {
    Atomics.store(flags, flag, value);
    Atomics.notify(flags, flag);
  };
  const server = createServer();
  server.on('stream', (stream) => {
    say(${RECEIVED}, 1);
    Atomics.wait(flags, ${STALLED}, 0);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.on('close', () => setImmediate(() => say(${ANSWERED}, 1)));
    stream.resume();
    stream.end(Buffer.alloc(5));
  });
  server.listen(0, '127.0.0.1', () => say(${PORT}, server.address().port));
`;

test('an answer that came in time counts for a node that stood still until after its deadline', async () => {
  const shared = new SharedArrayBuffer(16);
  const flags = new Int32Array(shared);
  const worker = new Worker(GATEWAY, { eval: true, workerData: shared });
  try {
    await Atomics.waitAsync(flags, PORT, 0).value;
    const calls = new FramedCalls(`127.0.0.1:${flags[PORT]}`, () => undefined);
    const answer = calls.call('CompleteJob', '/gateway_protocol.Gateway/CompleteJob', Buffer.alloc(0), {}, DEADLINE_MS);
    const overMs = performance.now() + DEADLINE_MS;
    await Atomics.waitAsync(flags, RECEIVED, 0).value;
    Atomics.store(flags, STALLED, 1);
    Atomics.notify(flags, STALLED);
    expect(Atomics.wait(flags, ANSWERED, 0, 10_000)).not.toBe('timed-out');
    while (performance.now() < overMs + 50);
    expect((await answer).length).toBe(0);
    calls.close();
  } finally {
    await worker.terminate();
  }
});
