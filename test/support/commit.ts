// Which state of the sources runs, for whoever wants to see the same again.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Below the root; what a run writes down about itself changes nothing of what ran. */
const WHAT_RUNS = ['src', 'test', 'bench', 'deploy', 'package-lock.json'];

/** Which state of the sources ran; `+` says that files differ from it. */
export function commit(): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: ROOT, stdio: 'pipe' }).toString();
  try {
    return (
      git('rev-parse', '--short', 'HEAD').trim() +
      (git('status', '--porcelain', '-uno', '--', ...WHAT_RUNS).trim() === '' ? '' : '+')
    );
  } catch {
    return 'unknown';
  }
}
