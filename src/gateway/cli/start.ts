// `holdfast start`: runs a node until it ends by itself or is told to. The first SIGTERM or SIGINT hands the node's work
// over, a later one ends the process at once: whoever sends it has waited long enough. Signals right after the first are the
// same one: Ctrl-C under npm arrives from the terminal and from npm. SIGHUP reads the routes again.
// They are listened to before anything is started: the first process of a container does not end by a signal that nobody handles.
import { flushCompileCache } from 'node:module';
import type { Config } from '../config/config.ts';
import { createLog, type Log } from '../log.ts';
import type { RunningNode } from '../node.ts';
import { SystemClock } from '../system-clock.ts';
import { EXIT } from './exit.ts';

const ENDING = ['SIGTERM', 'SIGINT'] as const;
const SAME_SIGNAL_MS = 1_000;

/** Answers the exit code once the node is gone. */
export async function start(config: Config, readAgain: () => Config): Promise<number> {
  const log = createLog(config.logLevel, { node: config.node });
  let node: RunningNode | undefined;
  let told = false;
  onEnding(log, () => {
    told = true;
    if (node !== undefined) end(node, log);
  });
  process.on('SIGHUP', () => {
    if (node !== undefined) reload(node, readAgain, log);
  });
  try {
    const { startNode } = await import('../node.ts');
    node = await startNode(config, log);
    if (told) end(node, log);
    // Where NODE_COMPILE_CACHE names one: Node itself would write it at an orderly end, and a node may be killed.
    flushCompileCache();
    return await node.finished;
  } catch (err) {
    log.error('the node could not start', { err });
    return EXIT.failed;
  }
}

/** `end` is called once, at the first of them. */
function onEnding(log: Log, end: () => void): void {
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
      end();
    });
  }
}

function end(node: RunningNode, log: Log): void {
  node.stop().catch((err: unknown) => {
    log.error('the hand-over failed', { err });
    process.exit(EXIT.failed);
  });
}

/** One fault and nothing of it counts: what runs goes on as it was. */
function reload(node: RunningNode, readAgain: () => Config, log: Log): void {
  const read = async () => {
    const next = readAgain();
    await node.reload(next);
    return next;
  };
  read().then(
    (next) => log.info('the routes were read again', { routes: next.routes.length }),
    (err: unknown) => log.error('the routes were read again and not taken', { err }),
  );
}
