// One server, either way: as a process of this machine, or in a container of the engine that answers here. The choice is
// made once per process and told; HOLDFAST_SERVERS=native or =container makes it instead.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { say } from './cache.ts';
import type { ContainerSpec } from './container.ts';
import { type LocalServer, startProcess } from './process.ts';

const run = promisify(execFile);

export type Way = 'native' | 'container';

export interface LaunchSpec {
  readonly name: string;
  readonly dir: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly ready: () => Promise<boolean>;
  readonly readyWithinMs: number;
  /** Finds or downloads the program, prepares the directory, and says what to run. */
  readonly native: () => Promise<{
    readonly command: string;
    readonly args: readonly string[];
    readonly env?: Record<string, string>;
  }>;
  readonly container: ContainerSpec;
}

export async function launch({ native, container, ...spec }: LaunchSpec): Promise<LocalServer> {
  if ((await serverWay()) === 'container') {
    const { startContainer } = await import('./container.ts'); // loaded only here: it brings much with it
    return startContainer(spec, container);
  }
  const program = await native();
  return startProcess({ ...spec, ...program, env: { ...spec.env, ...program.env } });
}

let chosen: Promise<Way> | undefined;

export function serverWay(): Promise<Way> {
  chosen ??= choose();
  return chosen;
}

async function choose(): Promise<Way> {
  const asked = process.env.HOLDFAST_SERVERS;
  if (asked === 'native' || asked === 'container') {
    say(`${asked}, as HOLDFAST_SERVERS says`);
    return asked;
  }
  if (asked) throw new Error(`HOLDFAST_SERVERS is "${asked}"; allowed: native, container`);
  // A docker client on the PATH is not an engine: only an answer from the daemon counts.
  const answers = await run('docker', ['info'], { timeout: 2_000 }).then(
    () => true,
    () => false,
  );
  say(answers ? 'container (docker info answers)' : 'native (no container engine answers docker info within 2 s)');
  return answers ? 'container' : 'native';
}
