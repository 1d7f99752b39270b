// Where a server keeps its data: a directory of the caller, which stays, or a fresh one, which goes when the server is
// stopped or this process ends. Its name carries our pid: what a process left that was killed goes at the next start.
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { isAlive } from './alive.ts';

export interface DataDir {
  readonly path: string;
  /** Removes it if it is ours. */
  remove(): Promise<void>;
}

// A killed process may write for a moment longer, hence the retries.
const removal = { recursive: true, force: true, maxRetries: 10, retryDelay: 50 } as const;
const temporary = new Set<string>();

/** @param name becomes part of a fresh directory's name; not used when `dir` is given. */
export async function dataDir(name: string, dir?: string): Promise<DataDir> {
  if (dir !== undefined) {
    await mkdir(dir, { recursive: true });
    return { path: resolve(dir), remove: async () => {} };
  }
  swept ??= sweep();
  await swept;
  const path = await mkdtemp(join(tmpdir(), `holdfast-${name}-${process.pid}-`));
  temporary.add(path);
  return {
    path,
    async remove() {
      await rm(path, removal);
      temporary.delete(path);
    },
  };
}

let swept: Promise<void> | undefined;

async function sweep(): Promise<void> {
  process.once('exit', removeAll);
  for (const entry of await readdir(tmpdir())) {
    const pid = /^holdfast-[a-z-]+-(\d+)-\w{6}$/.exec(entry)?.[1];
    if (pid && !isAlive(Number(pid))) await rm(join(tmpdir(), entry), removal).catch(() => {});
  }
}

function removeAll(): void {
  for (const path of temporary) rmSync(path, removal);
}
