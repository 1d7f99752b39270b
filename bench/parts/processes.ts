// What processes use, read from the kernel (Linux): CPU of all threads, those that have ended included, and resident memory.
// The kernel counts CPU in hundredths of a second, so a figure per call wants some thousand calls.
import { readdir, readFile } from 'node:fs/promises';

/** USER_HZ, the unit of /proc/<pid>/stat; fixed at 100 for user space on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;

/** CPU used so far by these processes together, ms; one that is gone counts nothing. */
export async function cpuMs(pids: readonly number[]): Promise<number> {
  const ticks = await Promise.all(
    pids.map(async (pid) => {
      const [, , , , , , , , , , , user = '0', system = '0'] = await statOf(pid);
      return Number(user) + Number(system);
    }),
  );
  return (ticks.reduce((sum, one) => sum + one, 0) * 1_000) / TICKS_PER_SECOND;
}

/** Resident memory now, bytes; 0: the process is gone. */
export async function rssBytes(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/statm`, 'utf8').catch(() => '');
  return Number(text.split(' ')[1] ?? 0) * PAGE_BYTES;
}

/** The fields after the name, which may contain anything: state is the first. */
async function statOf(pid: number): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

/** These processes and all that came from them: a server may be started by a script. */
export async function withDescendants(pids: readonly number[]): Promise<number[]> {
  const all = (await readdir('/proc')).map(Number).filter((pid) => pid > 0);
  const parents = new Map(await Promise.all(all.map(async (pid) => [pid, Number((await statOf(pid))[1])] as const)));
  const found = new Set(pids);
  for (let size = -1; size !== found.size; ) {
    size = found.size;
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid);
  }
  return [...found];
}
