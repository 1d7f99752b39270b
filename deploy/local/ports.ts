// Free TCP ports for servers that must come back on the same port after a restart.
//
// They are taken below the range from which systems choose the source ports of outgoing connections (32768 and up on
// Linux, 49152 elsewhere). Inside that range the port of a stopped server can be lost to anybody's connection, and a
// client that keeps dialling it can even connect to itself.
import { createServer } from 'node:net';

const lowest = 15_000;
const highest = 31_999;
const givenOut = new Set<number>();

/** Returns `count` ports of 127.0.0.1 that nobody listens on, different from all given out by this process before. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports: number[] = [];
  for (let tries = 0; ports.length < count; tries++) {
    if (tries > 1_000) throw new Error(`no free port found between ${lowest} and ${highest}`);
    const port = lowest + Math.floor(Math.random() * (highest - lowest + 1));
    if (givenOut.has(port) || !(await isFree(port))) continue;
    givenOut.add(port);
    ports.push(port);
  }
  return ports;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
