// The proxy between a grpc-js client and a grpc-js server: what either of them sees must be what it would see without
// the proxy, and what is written down must be what happened.
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import {
  Client,
  type ClientReadableStream,
  credentials,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lockMsOf } from '../../deploy/demo/activation-lock.ts';
import { jobKeyOf, timeoutMsOf } from '../../deploy/demo/complete-calls.ts';
import { EngineProxy } from '../../deploy/demo/engine-proxy.ts';
import { GIVE_BACK_MESSAGE } from '../../src/gateway/intake/intake.ts';
import { openZeebe } from '../../src/gateway/zeebe/client.ts';
import { eventually } from '../support/eventually.ts';

const COMPLETE = '/gateway_protocol.Gateway/CompleteJob';
const FAIL = '/gateway_protocol.Gateway/FailJob';
const STREAM = '/gateway_protocol.Gateway/StreamActivatedJobs';
const bytes = (buffer: Buffer) => buffer;
const method = (path: string, responseStream: boolean) => ({
  path,
  requestStream: false,
  responseStream,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
});

type Unary = (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => void;
type Streaming = (call: ServerWritableStream<Buffer, Buffer>) => void;

let engine: Server;
let proxy: EngineProxy;
let client: Client;
let onComplete: Unary;
let onStream: Streaming;

beforeEach(async () => {
  onComplete = (_, answer) => answer(null, Buffer.alloc(0));
  onStream = (call) => call.end();
  engine = new Server({ 'grpc.max_receive_message_length': -1 });
  engine.addService(
    { complete: method(COMPLETE, false), fail: method(FAIL, false), stream: method(STREAM, true) },
    {
      complete: (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => onComplete(call, answer),
      fail: (_: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => answer(null, Buffer.alloc(0)),
      stream: (call: ServerWritableStream<Buffer, Buffer>) => onStream(call),
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    engine.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  proxy = new EngineProxy(`127.0.0.1:${port}`);
  client = new Client(await proxy.listen('bridge-1'), credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.max_receive_message_length': -1,
  });
});

afterEach(() => {
  client.close();
  proxy.close();
  engine.forceShutdown();
});

describe('a call with one answer', () => {
  test('passes unchanged, and is written down under its job and its node', async () => {
    let seen: Buffer | undefined;
    onComplete = (call, answer) => {
      seen = call.request;
      answer(null, Buffer.from('done'));
    };
    const request = completeRequest(4_503_599_627_370_521n, Buffer.alloc(3_000_000, 'x'));
    expect(await complete(request)).toEqual(Buffer.from('done'));
    expect(seen?.equals(request)).toBe(true);
    const [call] = proxy.completeCalls;
    expect(call).toMatchObject({ node: 'bridge-1', connection: 0, jobKey: '4503599627370521', status: status.OK });
    expect(call?.answeredMs).toBeGreaterThanOrEqual(call?.sentMs ?? Number.POSITIVE_INFINITY);
  });

  test('that is refused keeps its code and its text, and both are in an answer of trailers alone', async () => {
    onComplete = (_, answer) => answer({ code: status.NOT_FOUND, details: 'no such job: täglich' });
    await expect(complete(completeRequest(7n))).rejects.toMatchObject({
      code: status.NOT_FOUND,
      details: 'no such job: täglich',
    });
    expect(proxy.completeCalls).toMatchObject([{ jobKey: '7', status: status.NOT_FOUND }]);
  });

  test('that fails a job is written down too, but not as a completion; whether it only gives the job back is told', async () => {
    const failing = (text: string) =>
      Buffer.concat([completeRequest(9n), Buffer.from([0x1a, text.length]), Buffer.from(text)]);
    await complete(failing('no such card'), 5_000, client, FAIL);
    await complete(failing(GIVE_BACK_MESSAGE), 5_000, client, FAIL);
    expect(proxy.jobCalls).toMatchObject([
      { command: 'FailJob', jobKey: '9', giveBack: false, status: status.OK },
      { command: 'FailJob', jobKey: '9', giveBack: true, status: status.OK },
    ]);
    expect(proxy.completeCalls).toEqual([]);
  });

  test('that is given up at its deadline is given up on the other side too, and counts as unanswered', async () => {
    const cancelled = Promise.withResolvers<void>();
    onComplete = (call) => call.on('cancelled', () => cancelled.resolve());
    await expect(complete(completeRequest(8n), 200)).rejects.toMatchObject({ code: status.DEADLINE_EXCEEDED });
    await cancelled.promise;
    const [call] = proxy.completeCalls;
    expect(call?.status).toBeUndefined();
    expect(call?.timeoutMs).toBeGreaterThan(0);
    expect(call?.timeoutMs).toBeLessThanOrEqual(200);
  });
});

describe('a stream', () => {
  test('passes message by message, ends with its trailers, and can be cancelled', async () => {
    const cancelled = Promise.withResolvers<void>();
    onStream = (call) => {
      for (const text of ['a', 'b', 'c']) call.write(Buffer.from(text));
      if (call.request.length > 0) call.on('cancelled', () => cancelled.resolve());
      else call.emit('error', { code: status.RESOURCE_EXHAUSTED, details: 'enough' });
    };
    const received: string[] = [];
    const ending = openStream(Buffer.alloc(0)).on('data', (message: Buffer) => received.push(String(message)));
    const [error] = (await once(ending, 'error')) as [ServiceError];
    expect(received).toEqual(['a', 'b', 'c']);
    expect(error).toMatchObject({ code: status.RESOURCE_EXHAUSTED, details: 'enough' });

    const open = openStream(jobsRequest(20_000));
    open.on('error', () => undefined);
    await once(open, 'data');
    open.cancel();
    await cancelled.promise;
    expect(proxy.completeCalls).toEqual([]);
  });

  test('is not read faster than its reader reads', async () => {
    const message = Buffer.alloc(64 * 1024);
    let written = 0;
    let blocked = false;
    onStream = (call) => {
      const go = () => {
        while (written < 2_000 && call.write(message)) written += 1;
        blocked = written < 2_000;
        if (blocked) call.once('drain', go);
      };
      go();
    };
    const stream = openStream(Buffer.alloc(0));
    stream.on('error', () => undefined);
    stream.once('data', () => stream.pause());
    await eventually('the engine to be held up', () => blocked);
    // Were the proxy to take all there is, nothing would hold the engine up before its 125 MB are written.
    expect(await settled(() => written)).toBeLessThan(200);
    stream.on('data', () => undefined).resume();
    await eventually('the rest', () => written === 2_000, { diagnose: () => written });
    stream.cancel();
  });
});

describe('a connection', () => {
  test('goes to the engine where that node finds it', async () => {
    const elsewhere = new EngineProxy('127.0.0.1:1');
    const node = new Client(await elsewhere.listen('n', await proxy.listen('n')), credentials.createInsecure());
    await complete(completeRequest(3n), 5_000, node);
    expect(elsewhere.completeCalls).toMatchObject([{ jobKey: '3', status: status.OK }]);
    node.close();
    elsewhere.close();
  });

  test('that a node breaks breaks the one to the engine, and is written down', async () => {
    const cancelled = Promise.withResolvers<void>();
    onStream = (call) => {
      call.write(Buffer.from('a'));
      call.on('cancelled', () => cancelled.resolve());
    };
    const stream = openStream(Buffer.alloc(0));
    stream.on('error', () => undefined);
    await once(stream, 'data');
    expect(proxy.connections).toMatchObject([{ id: 0, node: 'bridge-1', closedMs: undefined }]);
    client.close();
    stream.cancel();
    await cancelled.promise;
    await eventually('the end of the connection', () => proxy.connections[0]?.closedMs !== undefined);
  });

  test('that the engine breaks is broken for the node', async () => {
    await using broken = createServer((socket) => socket.once('data', () => socket.destroy())).listen(0, '127.0.0.1');
    await once(broken, 'listening');
    const away = new EngineProxy(`127.0.0.1:${(broken.address() as AddressInfo).port}`);
    const node = new Client(await away.listen('bridge-1'), credentials.createInsecure());
    await expect(complete(completeRequest(9n), 5_000, node)).rejects.toMatchObject({ code: status.UNAVAILABLE });
    await eventually('the end of the connection', () => away.connections[0]?.closedMs !== undefined);
    expect(away.completeCalls.every((call) => call.status === undefined)).toBe(true);
    node.close();
    away.close();
  });
});

test('a job is read from the first bytes only, however they are cut', () => {
  const body = frame(completeRequest(9_223_372_036_854_775_807n, Buffer.from('{}')));
  const read = Array.from(body, (_, i) => jobKeyOf(body.subarray(0, i + 1)));
  const first = read.findIndex((key) => key !== undefined);
  expect(read.slice(first)).toEqual(read.slice(first).map(() => '9223372036854775807'));
  expect(first).toBe(5 + 1 + 9 - 1);
  expect(() => jobKeyOf(Buffer.from([1, 0, 0, 0, 2, 8, 1]))).toThrow(/cannot be read/);
});

test('for how long a node has its jobs locked is written down when it asks, and again when it asks for another lock', async () => {
  for (const lockMs of [20_000, 20_000, 640_000, 20_000]) {
    const stream = openStream(jobsRequest(lockMs));
    stream.on('data', () => undefined);
    await once(stream, 'end');
  }
  expect(proxy.askedLocks.map(({ node, lockMs }) => [node, lockMs])).toEqual([
    ['bridge-1', 20_000],
    ['bridge-1', 640_000],
    ['bridge-1', 20_000],
  ]);
  expect(Date.now() - (proxy.askedLocks[0]?.askedMs ?? 0)).toBeLessThan(60_000);
});

test('it is read of what a node itself sends, in its polls and its streams', async () => {
  const address = await proxy.listen('bridge-2');
  const node = await openZeebe({ ZEEBE_GRPC_ADDRESS: `grpc://${address}`, CAMUNDA_AUTH_STRATEGY: 'NONE' });
  const query = { jobType: 'charge', worker: 'bridge-2', fetchVariables: ['a'], tenantIds: ['<default>'] };
  // This engine knows no polls.
  await expect(node.activate({ ...query, lockMs: 40_000 }, 1, -1)).rejects.toThrow();
  await new Promise<unknown>((end) => node.openStream({ ...query, lockMs: 10_240_000 }, () => undefined, end));
  node.close();
  expect(proxy.askedLocks.map(({ node: name, lockMs }) => [name, lockMs])).toEqual([
    ['bridge-2', 40_000],
    ['bridge-2', 10_240_000],
  ]);
});

test('a lock is read wherever it stands, once the whole request is there; one that is missing is none', () => {
  const body = frame(jobsRequest(640_000));
  for (let bytes = 0; bytes < body.length; bytes++) expect(lockMsOf(body.subarray(0, bytes))).toBeUndefined();
  expect(lockMsOf(body)).toBe(640_000);
  expect(lockMsOf(Buffer.concat([body, body]))).toBe(640_000);
  expect(lockMsOf(frame(Buffer.from([0x0a, 1, 0x78])))).toBe(0);
  expect(() => lockMsOf(Buffer.from([1, 0, 0, 0, 0]))).toThrow(/compressed/);
});

test('a deadline is read in each of its units', () => {
  const read = ['2H', '3M', '4S', '2999m', '5000u', '7000000n', '', undefined].map((text) => timeoutMsOf(text));
  expect(read).toEqual([7_200_000, 180_000, 4_000, 2_999, 5, 7, undefined, undefined]);
});

/** Type, worker and lock of a request for jobs as protobuf. */
function jobsRequest(lockMs: number): Buffer {
  const writer = protobuf.Writer.create().uint32(0x0a).string('charge').uint32(0x12).string('worker');
  return Buffer.from(writer.uint32(0x18).int64(lockMs).uint32(0x22).string('a variable').finish());
}

/** jobKey and variables as protobuf. */
function completeRequest(jobKey: bigint, variables: Buffer = Buffer.alloc(0)): Buffer {
  const varint = (value: bigint): number[] =>
    value < 0x80n ? [Number(value)] : [Number(value & 0x7fn) | 0x80, ...varint(value >> 7n)];
  const key = Buffer.from([0x08, ...varint(jobKey)]);
  if (variables.length === 0) return key;
  return Buffer.concat([key, Buffer.from([0x12, ...varint(BigInt(variables.length))]), variables]);
}

function frame(message: Buffer): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

function complete(request: Buffer, withinMs = 5_000, by = client, path = COMPLETE): Promise<Buffer> {
  return new Promise((resolve, reject) =>
    by.makeUnaryRequest(path, bytes, bytes, request, { deadline: Date.now() + withinMs }, (error, answer) =>
      error ? reject(error) : resolve(answer ?? Buffer.alloc(0)),
    ),
  );
}

function openStream(request: Buffer): ClientReadableStream<Buffer> {
  return client.makeServerStreamRequest(STREAM, bytes, bytes, request);
}

/** The value once it has stood still. */
async function settled(value: () => number): Promise<number> {
  let last = Number.NaN;
  await eventually(
    'a value that stands still',
    () => {
      const same = value() === last;
      last = value();
      return same;
    },
    { everyMs: 200 },
  );
  return last;
}
