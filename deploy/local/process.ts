// A server as a child process of ours, and the interface that tests use to hurt it.
//
// What must hold: a started server is ready or its start has failed with the end of its log; it comes back on the same
// ports with the same data (its command line and directory never change); and it does not outlive us. The last is done
// twice: when this process exits in any orderly or disorderly way it kills its children itself, and on Linux the kernel
// is told (PR_SET_PDEATHSIG, by setpriv) to do so should we be killed without warning. Children get their own process
// group, so that Ctrl-C reaches only us and we decide in which order things stop.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServerNotReady } from './errors.ts';
import { waitUntilReady } from './ready.ts';

/** One running server. All methods may be called in any state; those that change nothing return at once. */
export interface LocalServer {
  readonly name: string;
  /** Of the present process, or of the last one when none runs. */
  readonly pid: number;
  /** Orderly: SIGTERM, and SIGKILL when that does not help within 20 s. */
  stop(): Promise<void>;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGSTOP: the sockets stay open and, some milliseconds later, nobody answers. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** Starts it again, after stop or kill, on the same ports with the same data; resolves when it is ready. */
  restart(): Promise<void>;
  readonly logFile: string;
}

export interface ServerSpec {
  readonly name: string;
  /** Where it keeps everything: data, configuration, log. */
  readonly dir: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** True when the server can be used. May throw: not yet. */
  readonly ready: () => Promise<boolean>;
  readonly readyWithinMs: number;
}

const stopWithinMs = 20_000;
const live = new Set<ChildProcess>();
const setpriv = process.platform === 'linux' && ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => existsSync(path));

/** Starts a server and waits until it is ready. @throws ServerNotReady */
export async function startProcess(spec: ServerSpec): Promise<LocalServer> {
  const server = new ServerProcess(spec);
  await server.restart();
  return server;
}

class ServerProcess implements LocalServer {
  readonly name: string;
  readonly logFile: string;
  readonly #spec: ServerSpec;
  #child: ChildProcess | undefined;
  #end: string | undefined;
  #exited: Promise<unknown> = Promise.resolve();

  constructor(spec: ServerSpec) {
    this.name = spec.name;
    this.logFile = join(spec.dir, `${spec.name}.log`);
    this.#spec = spec;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.#spawn();
    try {
      const { name, ready, readyWithinMs } = this.#spec;
      await waitUntilReady(name, ready, readyWithinMs, () => this.#end);
    } catch (error) {
      await this.kill();
      throw new ServerNotReady(`${(error as Error).message}\n${await tailOf(this.logFile)}`);
    }
  }

  async stop(): Promise<void> {
    this.resume();
    this.#signal('SIGTERM');
    const givenUp = new AbortController();
    await Promise.race([this.#exited, sleep(stopWithinMs, undefined, { signal: givenUp.signal }).catch(() => {})]);
    givenUp.abort();
    await this.kill();
  }

  async kill(): Promise<void> {
    this.#signal('SIGKILL');
    await this.#exited;
  }

  pause(): void {
    this.#signal('SIGSTOP');
  }

  resume(): void {
    this.#signal('SIGCONT');
  }

  // Through the child object, which knows when the process is gone: a pid that was given to another is never signalled.
  #signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async #spawn(): Promise<void> {
    const { command, args, env, dir } = this.#spec;
    guardExit();
    const log = await open(this.logFile, 'a');
    const [program, ...programArgs] = setpriv
      ? [setpriv, '--pdeathsig', 'KILL', '--', command, ...args]
      : [command, ...args];
    const child = spawn(program as string, programArgs, {
      cwd: dir,
      env: { ...process.env, ...env },
      stdio: ['ignore', log.fd, log.fd],
      detached: true,
    });
    this.#child = child;
    live.add(child);
    this.#end = undefined;
    this.#exited = new Promise((resolve) => {
      const ended = (how: string) => {
        this.#end = how;
        live.delete(child);
        resolve(how);
      };
      child.once('exit', (code, signal) => ended(signal ? `by ${signal}` : `with code ${code}`));
      child.once('error', (error) => ended(`before it began: ${error.message}`));
    });
    await log.close();
  }
}

/** The last lines of a log, indented, under its name. */
export async function tailOf(file: string, lines = 30): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '(no log)');
  const tail = text.trimEnd().split('\n').slice(-lines);
  return [`the end of ${file}:`, ...tail.map((line) => `    ${line}`)].join('\n');
}

let guarded = false;

// A signal that nobody else listens to would end this process without its exit event. If somebody does listen, ending
// is their business, and the exit event is enough for us; we look first, while listeners for one time still count. An
// uncaught error brings the exit event too.
function guardExit(): void {
  if (guarded) return;
  guarded = true;
  process.prependListener('exit', killAll); // before their directories are removed
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
    ['SIGHUP', 1],
  ] as const) {
    process.prependListener(signal, () => {
      if (process.listenerCount(signal) > 1) return;
      killAll();
      process.exit(128 + number);
    });
  }
}

function killAll(): void {
  for (const child of live) child.kill('SIGKILL');
}
