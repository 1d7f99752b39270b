import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials, type ServerWritableStream, type ServiceDefinition } from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import type { JobQuery } from '../../src/gateway/ports.ts';
import { openZeebe } from '../../src/gateway/zeebe/client.ts';
import { FrameReader, framed } from '../../src/gateway/zeebe/grpc-frames.ts';
import { loadGatewayService } from '../../src/gateway/zeebe/protocol.ts';
import { Authority } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';

const QUERY: JobQuery = { jobType: 'j', worker: 'w', lockMs: 20_000, fetchVariables: [], tenantIds: ['<default>'] };

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

type Push = ServerWritableStream<unknown, unknown>;

/** A gateway of our own, for no real one writes on demand. */
async function gateway(onStream: (push: Push) => void, credentials = ServerCredentials.createInsecure()) {
  const server = new Server();
  server.addService(loadGatewayService() as unknown as ServiceDefinition, { StreamActivatedJobs: onStream });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  cleanups.push(() => server.forceShutdown());
  return port;
}

/** The way to it, so long in each direction: from `hold` on nothing that we send arrives there, until it is let go. */
async function slowWay(port: number, delayMs = 0) {
  let holding = false;
  let release = () => {};
  let pass = () => {};
  let ended = () => {};
  const half = new Promise<void>((resolve) => {
    ended = resolve;
  });
  const later = (step: () => void) => (delayMs > 0 ? setTimeout(step, delayMs) : step());
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    const held: Buffer[] = [];
    const flush = () => {
      for (const chunk of held.splice(0)) later(() => far.write(chunk));
    };
    pass = () => {
      holding = false;
      flush();
    };
    near.on('data', (chunk) => {
      held.push(chunk);
      if (!holding) flush();
    });
    near.on('end', () => {
      ended();
      release = () => {
        flush();
        later(() => far.end());
      };
      if (!holding) release();
    });
    far.on('data', (chunk) => later(() => near.write(chunk)));
    far.on('end', () => later(() => near.end()));
    for (const socket of [near, far]) socket.setNoDelay().on('error', () => far.destroy());
    near.on('close', () => far.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => server.close());
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    hold: () => {
      holding = true;
    },
    pass: () => pass(),
    /** Our side has said that it sends nothing more. */
    half,
    release: () => release(),
  };
}

async function certified() {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-stream-'));
  cleanups.push(() => rm(dir, { recursive: true }));
  const authority = await Authority.make(dir, 'authority');
  const { cert, key } = await authority.issue('gateway');
  const pair = { private_key: await readFile(key), cert_chain: await readFile(cert) };
  return { credentials: ServerCredentials.createSsl(null, [pair]), authority: authority.cert };
}

describe.each(['grpc', 'grpcs'] as const)('%s: closing a stream', (scheme) => {
  test('hands over what the gateway writes until it hears of it', async () => {
    const tls = scheme === 'grpcs' ? await certified() : undefined;
    let push: Push | undefined;
    const port = await gateway((opened) => {
      push = opened;
      opened.write({ key: '1', deadline: '5' });
    }, tls?.credentials);
    const way = await slowWay(port);
    const zeebe = await openZeebe({
      ZEEBE_GRPC_ADDRESS: `${scheme}://${way.address}`,
      ...(tls !== undefined && { CAMUNDA_CUSTOM_ROOT_CERT_PATH: tls.authority }),
    });
    cleanups.push(() => zeebe.close());
    const keys: string[] = [];
    const ends: string[] = [];
    const stream = zeebe.openStream(
      QUERY,
      ({ key }) => keys.push(key),
      (reason) => ends.push(reason),
    );
    await eventually('the first', () => keys.length === 1);
    way.hold();
    const closed = stream.cancel();
    await way.half;
    for (let key = 2; key <= 200; key++)
      push?.write({ key: `${key}`, deadline: '5', variables: `"${'x'.repeat(1_000)}"` });
    await eventually('all that was written', () => keys.length === 200);
    expect(ends).toEqual([]);
    way.release();
    await closed;
    expect(keys).toEqual(Array.from({ length: 200 }, (_, index) => `${index + 1}`));
    expect(ends).toEqual(['cancelled']);
  });
});

test('the end is not said to a gateway that is held up, for what is in its queue then would be thrown away', async () => {
  let push: Push | undefined;
  const port = await gateway((opened) => {
    push = opened;
    opened.write({ key: '1', deadline: '5' });
  });
  const way = await slowWay(port);
  const zeebe = await openZeebe({ ZEEBE_GRPC_ADDRESS: `grpc://${way.address}` });
  cleanups.push(() => zeebe.close());
  const order: string[] = [];
  const stream = zeebe.openStream(
    QUERY,
    ({ key }) => order.push(key),
    () => order.push('ended'),
  );
  await eventually('the first', () => order.length === 1);
  way.hold();
  const closed = stream.cancel();
  void way.half.then(() => order.push('end said'));
  push?.write({ key: '2', deadline: '5' });
  await eventually('the second', () => order.includes('2'));
  way.pass();
  await closed;
  expect(order).toEqual(['1', '2', 'end said', 'ended']);
});

describe('over a long way', () => {
  /** From the closing on, the gateway writes a job as soon as the one before has arrived: they count how often the way was gone. */
  async function closing(delayMs: number) {
    let push: Push | undefined;
    const port = await gateway((opened) => {
      push = opened;
      opened.write({ key: '1', deadline: '5' });
    });
    const way = await slowWay(port, delayMs);
    const zeebe = await openZeebe({ ZEEBE_GRPC_ADDRESS: `grpc://${way.address}` });
    cleanups.push(() => zeebe.close());
    const order: string[] = [];
    let isClosing = false;
    const next = (key: string) => push?.write({ key, deadline: '5' });
    const stream = zeebe.openStream(
      QUERY,
      ({ key }) => {
        order.push(key);
        if (isClosing && !order.includes('end said')) next(`${Number(key) + 1}`);
      },
      () => order.push('ended'),
    );
    await eventually('the first', () => order.length === 1);
    const close = () => {
      isClosing = true;
      void way.half.then(() => order.push('end said'));
      next('2');
      return stream.cancel();
    };
    return { way, order, close };
  }

  test('a gateway that nothing keeps is not asked for the whole time', async () => {
    const { order, close } = await closing(20);
    await close();
    // Asked once, or twice if it was asked for the first time: it answers as the second or fourth job arrives. All the time are twelve.
    expect(order.indexOf('end said')).toBeLessThan(8);
    expect(order.at(-1)).toBe('ended');
  });

  test('one that is further away than a near one may take is waited for', async () => {
    const { order, close } = await closing(300);
    await close();
    // The job that was written when it was asked comes half a way before its answer, and later than a near one is waited for.
    expect(order.indexOf('end said')).toBeGreaterThan(order.indexOf('2'));
    expect(order.at(-1)).toBe('ended');
  });

  test('the end is not said to one that is held up', async () => {
    const { way, order, close } = await closing(150);
    way.hold();
    const closed = close();
    await eventually('four more', () => order.includes('5'));
    way.pass();
    await closed;
    expect(order.indexOf('end said')).toBeGreaterThan(order.indexOf('5'));
    expect(order.at(-1)).toBe('ended');
  });
});

test('a gateway that keeps its side open is left all the same, and jobs that it still wrote are handed over', async () => {
  let push: Push | undefined;
  const port = await gateway((opened) => {
    push = opened;
    opened.write({ key: '1', deadline: '5' });
  });
  const way = await slowWay(port);
  const zeebe = await openZeebe({ ZEEBE_GRPC_ADDRESS: `grpc://${way.address}` });
  cleanups.push(() => zeebe.close());
  const keys: string[] = [];
  const stream = zeebe.openStream(
    QUERY,
    ({ key }) => keys.push(key),
    () => {},
  );
  await eventually('the first', () => keys.length === 1);
  way.hold();
  const closed = stream.cancel();
  await way.half;
  push?.write({ key: '2', deadline: '5' });
  await closed;
  expect(keys).toEqual(['1', '2']);
});

test('a gateway that closes its side first ends the stream', async () => {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.resume().on('error', () => {});
    socket.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => server.close());
  const zeebe = await openZeebe({ ZEEBE_GRPC_ADDRESS: `grpc://127.0.0.1:${(server.address() as AddressInfo).port}` });
  cleanups.push(() => zeebe.close());
  expect(await new Promise<string>((resolve) => zeebe.openStream(QUERY, () => {}, resolve))).toMatch(/UNAVAILABLE/);
});

test('a message that cannot be read ends the stream and names what is wrong', async () => {
  const port = await gateway((opened) => {
    opened.write({ key: '1', deadline: '5' });
  });
  const zeebe = await openZeebe({ ZEEBE_GRPC_ADDRESS: `grpc://127.0.0.1:${port}` });
  cleanups.push(() => zeebe.close());
  const ended = new Promise<string>((resolve) => {
    zeebe.openStream(
      QUERY,
      () => {
        throw new Error('field 3 ends in the middle');
      },
      resolve,
    );
  });
  expect(await ended).toContain('field 3 ends in the middle');
});

describe('messages', () => {
  test('come whole, in order, however they are cut', () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 });
    fc.assert(
      fc.property(messages, fc.array(fc.nat(30), { minLength: 1, maxLength: 40 }), (sent, cuts) => {
        const bytes = Buffer.concat(sent.map((message) => framed(Buffer.from(message))));
        const reader = new FrameReader();
        const found: Buffer[] = [];
        for (let at = 0, cut = 0; at < bytes.length; cut++) {
          const size = 1 + (cuts[cut % cuts.length] ?? 0);
          found.push(...reader.read(bytes.subarray(at, at + size)));
          at += size;
        }
        expect(found.map((message) => message.toString('hex'))).toEqual(
          sent.map((message) => Buffer.from(message).toString('hex')),
        );
      }),
    );
  });

  test('that are compressed, or larger than any may be, are refused', () => {
    expect(() => new FrameReader().read(Buffer.from([1, 0, 0, 0, 0]))).toThrow('compressed');
    expect(() => new FrameReader().read(Buffer.from([0, 0x10, 0, 0, 0]))).toThrow(
      '268435456 bytes; allowed are 33554432',
    );
    const reader = new FrameReader();
    reader.read(Buffer.from([0, 0x10]));
    expect(() => reader.read(Buffer.from([0, 0, 0]))).toThrow('268435456 bytes');
  });
});
