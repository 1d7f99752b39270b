// The download cache: everything the local servers need that is not already on this machine, fetched once, kept outside
// the source tree under `$XDG_CACHE_HOME/holdfast` (default `~/.cache/holdfast`), and shared by demo, tests and benchmarks.
//
// What must hold: an item under its final name is complete (it is made in a directory beside it and renamed), two
// processes that want the same item make it once (the second waits for the first), and an item that is there needs no
// network. A lock names the process that holds it, so that the lock of a dead process is recognised and broken.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { isAlive } from './alive.ts';
import { MissingPrerequisite } from './errors.ts';

const run = promisify(execFile);

export const cacheDir = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'holdfast');

/** Code of nodes as V8 compiled it (NODE_COMPILE_CACHE): loading it again costs less CPU, and many are started here. */
export const compileCacheDir = join(cacheDir, 'compiled');

/** One line on stderr, so that stdout stays the caller's. */
export function say(line: string): void {
  process.stderr.write(`local servers: ${line}\n`);
}

/** By item: a lock tells processes apart, and not the parts of one. */
const making = new Map<string, Promise<string>>();

/**
 * Returns the directory of a cache item, making it first when it is not there.
 *
 * @param name of the item, with its version: the directory's name.
 * @param what is being fetched and how large it is, for the line that tells why this takes a while.
 * @param make fills the empty directory it is given; when it throws, nothing is kept.
 */
export async function cached(name: string, what: string, make: (dir: string) => Promise<void>): Promise<string> {
  const item = join(cacheDir, name);
  if (existsSync(item)) return item;
  const made = making.get(item) ?? makeOnce(item, what, make).finally(() => making.delete(item));
  making.set(item, made);
  return made;
}

async function makeOnce(item: string, what: string, make: (dir: string) => Promise<void>): Promise<string> {
  await mkdir(cacheDir, { recursive: true });
  await using _lock = await lock(item);
  if (existsSync(item)) return item;
  const part = partOf(item, process.pid);
  await rm(part, { recursive: true, force: true });
  await mkdir(part);
  say(`downloading ${what}, once, to ${item}`);
  try {
    await make(part);
    await rename(part, item);
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    throw error;
  }
  return item;
}

/**
 * Runs a program of the build tool chain to its end, or to ours.
 *
 * @param remedy what to do when the program is not installed.
 * @throws MissingPrerequisite when it is not there; Error with the end of its output when it fails.
 */
export async function runTool(
  command: string,
  args: readonly string[],
  remedy: string,
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  const running = run(command, args, { maxBuffer: 16 << 20, ...options });
  const end = () => running.child.kill('SIGKILL');
  process.once('exit', end);
  try {
    const { stdout } = await running;
    return stdout;
  } catch (cause) {
    const failure = cause as NodeJS.ErrnoException & { stdout?: string; stderr?: string };
    if (failure.code === 'ENOENT') throw new MissingPrerequisite(`${command} is not installed: ${remedy}`);
    const output = `${failure.stdout ?? ''}${failure.stderr ?? ''}`.trim().slice(-2_000);
    throw new Error(`${command} ${args.join(' ')} failed:\n${output}`, { cause });
  } finally {
    process.off('exit', end);
  }
}

function partOf(item: string, pid: number): string {
  return `${item}.part.${pid}`;
}

// The lock file is linked into place with its content, so it never exists without the holder's pid in it. Should two
// processes break a stale lock at the same moment, both make the item, each in its own directory: wasteful, not wrong.
async function lock(item: string): Promise<AsyncDisposable> {
  const file = `${item}.lock`;
  const mine = `${file}.${process.pid}`;
  await writeFile(mine, String(process.pid));
  try {
    for (let waiting = false; ; waiting = true) {
      try {
        await link(mine, file);
        return { [Symbol.asyncDispose]: () => rm(file, { force: true }) };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const holder = Number(await readFile(file, 'utf8').catch(() => Number.NaN));
      if (holder && !isAlive(holder)) {
        await rm(file, { force: true });
        await rm(partOf(item, holder), { recursive: true, force: true });
        continue;
      }
      if (!waiting) say(`waiting for process ${holder}, which is making ${item} (lock: ${file})`);
      await sleep(200);
    }
  } finally {
    await rm(mine, { force: true });
  }
}
