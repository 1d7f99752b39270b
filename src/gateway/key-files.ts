// The files with keys that sign correlation ids, read again when they change: a key that was put behind the old one signs as
// soon as every live node has it (secrets.ts), without a restart. A file that cannot be read, or holds something else,
// changes nothing, and the log says so once.
import { readFileSync } from 'node:fs';
import { keysIn, type Secret } from './config/keys.ts';
import type { Log } from './log.ts';
import { watchFiles } from './system-files.ts';

/**
 * Tells what the files hold now, and again after each change.
 * @param taken gets all the keys of one file, the newest last
 * @returns what ends that
 */
export function watchKeyFiles(
  secrets: readonly Secret[],
  taken: (id: string, keys: readonly Uint8Array[]) => void,
  log: Log,
  lookEveryMs?: number,
): () => void {
  const files = new Map(secrets.flatMap(({ id, file }) => (file === undefined ? [] : [[id, file] as const])));
  const stops = [...files].map(([id, file]) => {
    const read = (isFirst: boolean) => {
      try {
        const keys = keysIn(`keyFile of ${id}`, file, (path) => readFileSync(path, 'utf8'));
        taken(id, keys);
        if (!isFirst)
          log.info('keys that sign correlation ids were read again', { secretId: id, file, keys: keys.length });
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        log.error('keys that sign correlation ids were read again and not taken: those before go on', {
          ...{ secretId: id, file, reason },
        });
      }
    };
    const stop = watchFiles([file], () => read(false), lookEveryMs);
    read(true);
    return stop;
  });
  return () => {
    for (const stop of stops) stop();
  };
}
