// Says that a file has changed. Files are looked at once a second instead of being watched: that also sees what Kubernetes
// does to mounted secrets (a link behind a link is changed), and works on file systems that tell nothing.
import { statSync } from 'node:fs';
import { stat } from 'node:fs/promises';

const LOOK_EVERY_MS = 1_000;

/** Calls `changed` after each change of any of them from now on, also when one is gone. Answers what ends it. */
export function watchFiles(paths: readonly string[], changed: () => void, everyMs = LOOK_EVERY_MS): () => void {
  let seen = paths.map((path) => signature(() => statSync(path))).join();
  let looking = false;
  let over = false;
  const look = async (): Promise<void> => {
    if (looking) return;
    looking = true;
    const stats = await Promise.all(paths.map((path) => stat(path).catch(() => undefined)));
    looking = false;
    const now = stats.map((found) => signature(() => found)).join();
    if (over || now === seen) return;
    seen = now;
    changed();
  };
  const timer = setInterval(() => void look(), everyMs).unref();
  return () => {
    over = true;
    clearInterval(timer);
  };
}

interface Stats {
  readonly ino: number;
  readonly size: number;
  readonly mtimeMs: number;
}

function signature(read: () => Stats | undefined): string {
  try {
    const found = read();
    return found === undefined ? 'none' : `${found.ino}/${found.size}/${found.mtimeMs}`;
  } catch {
    return 'none';
  }
}
