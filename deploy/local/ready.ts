// How we know that a server can be used: asked over its own protocol, until it says so, with a deadline and a reason.
import { createConnection } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Asks until `ready` says true.
 *
 * @param ended says how the server ended, once it has; then waiting is over.
 * @throws Error with what was waited for and the last thing that `ready` threw.
 */
export async function waitUntilReady(
  name: string,
  ready: () => Promise<boolean>,
  withinMs: number,
  ended: () => string | undefined = () => undefined,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  let last = '';
  while (performance.now() < deadline) {
    const end = ended();
    if (end !== undefined) throw new Error(`${name} ended ${end} before it was ready`);
    try {
      if (await ready()) return;
      last = '';
    } catch (error) {
      last = `: ${(error as Error).message}`;
    }
    await sleep(50);
  }
  throw new Error(`${name} was not ready within ${withinMs / 1_000} s${last}`);
}

/** True when a GET of the URL answers 2xx. */
export async function httpOk(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
  await response.body?.cancel();
  return response.ok;
}

/** True when somebody accepts connections at the port of 127.0.0.1. */
export function portOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.setTimeout(2_000, () => resolve(false));
    socket.once('connect', () => socket.destroy()).once('timeout', () => socket.destroy());
  });
}
