// Whether a process is there, whoever owns it: how the locks and directories of dead processes are recognised.
import { readFileSync } from 'node:fs';

/** A process that has ended counts as dead even while nobody has collected its exit status. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return stateOf(pid) !== 'Z';
}

// "<pid> (<name, which may contain anything>) <state> …"; there is no such file except on Linux.
function stateOf(pid: number): string {
  try {
    return /\) (\w)[^)]*$/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? '';
  } catch {
    return '';
  }
}
