// `holdfast start`: runs a node until it ends by itself or is told to. The first SIGTERM or SIGINT hands the node's work
// over, a later one ends the process at once: whoever sends it has
// waited long enough. SIGHUP reads the routes again. Signals right after the first are the same one: Ctrl-C under npm arrives from the terminal and from npm.
import { flushCompileCache } from 'node:module';
import type { Config } from '../config.ts';
import { createLog } from '../log.ts';
import type { RunningNode } from '../node.ts';
import { SystemClock } from '../system-clock.ts';
import { EXIT } from './exit.ts';

const ENDING = ['SIGTERM', 'SIGINT'] as const;
const SAME_SIGNAL_MS = 1_000;

async function reload(node: RunningNode, readAgain: () => Config): Promise<Config> {
  const next = readAgain();
  await node.reload(next);
  return next;
}

/** Answers the exit code once the node is gone. */
export async function start(config: Config, readAgain: () => Config): Promise<number> {
  const log = createLog(config.logLevel, { node: config.node });
  try {
    const { startNode } = await import('../node.ts');
    const node = await startNode(config, log);
    // Where NODE_COMPILE_CACHE names one: Node itself would write it at an orderly end, and a node may be killed.
    flushCompileCache();
    const clock = new SystemClock();
    let toldMs: number | undefined;
    for (const signal of ENDING) {
      process.on(signal, () => {
        if (toldMs !== undefined) {
          if (clock.monotonicMs() - toldMs > SAME_SIGNAL_MS) process.exit(EXIT.failed);
          return;
        }
        toldMs = clock.monotonicMs();
        log.info('told to end; handing over', { signal });
        node.stop().catch((err: unknown) => {
          log.error('the hand-over failed', { err });
          process.exit(EXIT.failed);
        });
      });
    }
    process.on('SIGHUP', () => {
      reload(node, readAgain).then(
        (next) => log.info('the routes were read again', { routes: next.routes.length }),
        // One fault and nothing of it counts: what runs goes on as it was.
        (err: unknown) => log.error('the routes were read again and not taken', { err }),
      );
    });
    return await node.finished;
  } catch (err) {
    log.error('the node could not start', { err });
    return EXIT.failed;
  }
}
