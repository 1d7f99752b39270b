// Where a server keeps its data: a directory of the caller, which stays, or a fresh one, which goes when the server is
// stopped or this process ends.
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

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
  if (temporary.size === 0) process.once('exit', removeAll);
  const path = await mkdtemp(join(tmpdir(), `holdfast-${name}-`));
  temporary.add(path);
  return {
    path,
    async remove() {
      await rm(path, removal);
      temporary.delete(path);
    },
  };
}

function removeAll(): void {
  for (const path of temporary) rmSync(path, removal);
}
