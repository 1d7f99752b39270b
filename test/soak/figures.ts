// What a node says of itself, and how it is made to say what it really holds: heap in use means little between two collections,
// so a node is told to collect before each sample, through the inspector that it was started with.
import { readFile } from 'node:fs/promises';
import type { BridgeNode } from '../support/nodes.ts';

export interface Figures {
  readonly atMs: number;
  readonly heapBytes: number;
  /** Buffers and other memory outside of the heap. */
  readonly externalBytes: number;
  readonly residentBytes: number;
  readonly handles: number;
  readonly timers: number;
  readonly pending: number;
  readonly completed: number;
}

const DEADLINE_MS = 10_000;

/** The option with which a node opens its inspector on a port of its own. */
export const WITH_INSPECTOR = '--inspect=127.0.0.1:0';

export async function figuresOf(node: BridgeNode): Promise<Figures> {
  const response = await fetch(`${node.httpUrl}/metrics`, { signal: AbortSignal.timeout(DEADLINE_MS) });
  const text = await response.text();
  const sum = (series: RegExp) =>
    [...text.matchAll(new RegExp(`^${series.source} (\\S+)$`, 'gm'))].reduce(
      (all, [, value]) => all + Number(value),
      0,
    );
  return {
    atMs: Date.now(),
    heapBytes: sum(/nodejs_heap_size_used_bytes/),
    externalBytes: sum(/nodejs_external_memory_bytes/),
    residentBytes: sum(/process_resident_memory_bytes/),
    handles: sum(/nodejs_active_handles_total/),
    timers: sum(/nodejs_active_resources\{type="Timeout"\}/),
    pending: sum(/holdfast_pending_jobs\{[^}]*\}/),
    completed: sum(/holdfast_outcomes_total\{[^}]*outcome="completed"[^}]*\}/),
  };
}

/** One connection to a node's inspector. */
export class Inspector {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, () => void>();
  #calls = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      const { id } = JSON.parse(String(data)) as { id?: number };
      if (id !== undefined) this.#waiting.get(id)?.();
    });
  }

  /** @param logFile where the node has written its inspector's address */
  static async open(logFile: string): Promise<Inspector> {
    const address = /Debugger listening on (ws:\S+)/.exec(await readFile(logFile, 'utf8'))?.[1];
    if (address === undefined) throw new Error(`no inspector is named in ${logFile}`);
    const socket = new WebSocket(address);
    await within(
      'the inspector',
      new Promise<void>((resolve, reject) => {
        socket.addEventListener('open', () => resolve());
        socket.addEventListener('error', () => reject(new Error(`cannot connect to ${address}`)));
      }),
    );
    return new Inspector(socket);
  }

  /** Everything that nobody holds is gone when it resolves. */
  async collectGarbage(): Promise<void> {
    const id = ++this.#calls;
    const answered = new Promise<void>((resolve) => void this.#waiting.set(id, resolve));
    this.#socket.send(JSON.stringify({ id, method: 'HeapProfiler.collectGarbage' }));
    await within('a collection', answered);
    this.#waiting.delete(id);
  }

  close(): void {
    this.#socket.close();
  }
}

async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`${what} took longer than ${DEADLINE_MS} ms`)), DEADLINE_MS);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
