// A CPU profile of a running node over one part of a bench: only what happens then, not the start and what came before. It is
// asked for through Node's inspector, which the node was started with (`inspectArgs`); an inspector that nobody talks to costs
// nothing that could be measured.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const ASK_MS = 30_000;
const SAMPLE_EVERY_US = 500;

export const inspectArgs = (port: number): string[] => [`--inspect=127.0.0.1:${port}`];

export class NodeProfile {
  readonly #socket: WebSocket;
  readonly #dir: string;
  readonly #asked = new Map<number, (result: unknown) => void>();
  #last = 0;

  private constructor(socket: WebSocket, dir: string) {
    this.#socket = socket;
    this.#dir = dir;
    socket.addEventListener('message', ({ data }) => {
      const { id, result } = JSON.parse(String(data)) as { readonly id?: number; readonly result?: unknown };
      if (id === undefined) return;
      this.#asked.get(id)?.(result);
      this.#asked.delete(id);
    });
  }

  /** @param dir gets the profiles */
  static async open(port: number, dir: string): Promise<NodeProfile> {
    const listed = await fetch(`http://127.0.0.1:${port}/json/list`, { signal: AbortSignal.timeout(ASK_MS) });
    const [target] = (await listed.json()) as { readonly webSocketDebuggerUrl: string }[];
    if (target === undefined) throw new Error(`nothing to inspect at port ${port}`);
    const socket = new WebSocket(target.webSocketDebuggerUrl);
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve);
      socket.addEventListener('error', () => reject(new Error(`no inspector at port ${port}`)));
    });
    await mkdir(dir, { recursive: true });
    return new NodeProfile(socket, dir);
  }

  /** Writes `<name>.cpuprofile` of what the node did while `work` went on. */
  async during<T>(name: string, work: () => Promise<T>): Promise<T> {
    await this.#ask('Profiler.enable');
    await this.#ask('Profiler.setSamplingInterval', { interval: SAMPLE_EVERY_US });
    await this.#ask('Profiler.start');
    try {
      return await work();
    } finally {
      const { profile } = (await this.#ask('Profiler.stop')) as { readonly profile: unknown };
      await writeFile(join(this.#dir, `${name}.cpuprofile`), JSON.stringify(profile));
      await this.#ask('Profiler.disable');
    }
  }

  close(): void {
    this.#socket.close();
  }

  #ask(method: string, params: object = {}): Promise<unknown> {
    const id = ++this.#last;
    this.#socket.send(JSON.stringify({ id, method, params }));
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`the inspector does not answer ${method}`)), ASK_MS);
      this.#asked.set(id, (result) => {
        clearTimeout(late);
        resolve(result);
      });
    });
  }
}
