// The container way, for machines with a container engine. Not yet run: it was written on a machine without one.
//
// A container gets the host's network and the server's directory at the same path, so ports, configuration files and
// readiness checks are the very ones of the native way, and servers listen on 127.0.0.1 only. (Docker Desktop has host
// networking as a setting that must be on.) testcontainers' reaper removes the containers should this process die.
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GenericContainer, type StartedTestContainer } from 'testcontainers';
import { ServerNotReady } from './errors.ts';
import type { LocalServer, ServerSpec } from './process.ts';
import { waitUntilReady } from './ready.ts';

export interface ContainerSpec {
  readonly image: string;
  /** Default: the image's own. */
  readonly command?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export async function startContainer(
  spec: Omit<ServerSpec, 'command' | 'args'>,
  { image, command, env }: ContainerSpec,
): Promise<LocalServer> {
  const { name, dir, ready, readyWithinMs } = spec;
  const description = new GenericContainer(image)
    .withNetworkMode('host')
    .withUser(`${process.getuid?.() ?? 0}:0`)
    .withEnvironment({ ...spec.env, ...env })
    .withBindMounts([{ source: dir, target: dir, mode: 'rw' }]);
  const container = await (command ? description.withEntrypoint([]).withCommand([...command]) : description).start();
  const server = new ContainerServer(name, dir, container, () => waitUntilReady(name, ready, readyWithinMs));
  await server.untilReady();
  return server;
}

class ContainerServer implements LocalServer {
  readonly name: string;
  readonly logFile: string;
  readonly #id: string;
  readonly #ready: () => Promise<void>;

  constructor(name: string, dir: string, container: StartedTestContainer, ready: () => Promise<void>) {
    this.name = name;
    this.logFile = join(dir, `${name}.log`);
    this.#id = container.getId();
    this.#ready = ready;
  }

  get pid(): number {
    return Number(this.#docker('inspect', '--format', '{{.State.Pid}}'));
  }

  async untilReady(): Promise<void> {
    try {
      await this.#ready();
    } catch (error) {
      const log = this.#docker('logs', '--tail', '30');
      this.#docker('kill');
      throw new ServerNotReady(`${(error as Error).message}\n${log}`);
    }
  }

  async stop(): Promise<void> {
    this.resume();
    this.#docker('stop', '--time', '20');
    await writeFile(this.logFile, this.#docker('logs')).catch(() => {});
  }

  async kill(): Promise<void> {
    this.resume();
    if (this.#state() === 'running') this.#docker('kill');
  }

  pause(): void {
    if (this.#state() === 'running') this.#docker('pause');
  }

  resume(): void {
    if (this.#state() === 'paused') this.#docker('unpause');
  }

  async restart(): Promise<void> {
    await this.stop();
    this.#docker('start');
    await this.untilReady();
  }

  #state(): string {
    return this.#docker('inspect', '--format', '{{.State.Status}}');
  }

  // The client program rather than an API: pausing must be immediate, and the interface has it synchronous.
  #docker(verb: string, ...args: readonly string[]): string {
    return execFileSync('docker', [verb, ...args, this.#id], { encoding: 'utf8' }).trim();
  }
}
