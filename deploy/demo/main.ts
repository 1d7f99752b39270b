// `npm run demo`: the whole way on real servers, through a kill -9, in one command. It sets the stage, plays, judges, and
// leaves nothing behind: whatever ends it (success, failure, Ctrl-C) ends all that it started.
//
// Exit codes: 0 all that was promised held, 1 it did not or something broke, 2 wrong usage, 130 interrupted.
import { access, constants, copyFile, mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { dataDir } from '../local/directory.ts';
import { type DemoOptions, parseOptions, UsageError } from './options.ts';
import { paceOf, play } from './play.ts';
import { Progress } from './progress.ts';
import { reachLines } from './reach.ts';
import { reportOf } from './report.ts';
import { type Stage, setStage } from './stage.ts';
import { judge } from './verdict.ts';

const INTERRUPTED = 130;
/** Ctrl-C under npm arrives twice: from the terminal and from npm. */
const SAME_SIGNAL_MS = 1_000;

class Interrupted extends Error {}

async function main(args: readonly string[]): Promise<number> {
  let options: DemoOptions;
  try {
    options = parseOptions(args);
    if (options.json !== undefined) await mustBeWritable(options.json);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`demo: ${error.message}\n`);
    return 2;
  }
  // The demo brings its own servers: what is set for others must not lead its processes to them.
  for (const name of Object.keys(process.env)) {
    if (/^(ZEEBE|CAMUNDA|NATS|KAFKA)_|^HOLDFAST_(?!SERVERS$)/.test(name)) delete process.env[name];
  }
  const progress = new Progress();
  const interrupted = interruption();
  const { path: dir } = await dataDir('demo');
  const stack = new AsyncDisposableStack();
  let stage: Stage | undefined;
  let failed = false;
  try {
    stage = await Promise.race([setStage(options.nodes, paceOf(options), dir, stack, progress), interrupted]);
    const code = await Promise.race([perform(stage, options, progress), interrupted]);
    if (options.keep) await interrupted.catch(() => undefined);
    failed = code !== 0;
    return code;
  } catch (error) {
    progress.still();
    if (error instanceof Interrupted) return INTERRUPTED;
    process.stderr.write(`demo: ${error instanceof Error ? error.message : error}\n`);
    failed = true;
    return 1;
  } finally {
    if (failed) process.stderr.write(`demo: logs are in ${await saveLogs(stage, dir)}\n`);
    await stack.disposeAsync();
  }
}

async function perform(stage: Stage, options: DemoOptions, progress: Progress): Promise<number> {
  const facts = await play(stage, options, progress);
  const verdict = judge(facts);
  const report = reportOf(facts, verdict, stage, progress.elapsedMs());
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(report, null, 2)}\n`);
  for (const line of report.summary) progress.line(line);
  if (options.keep) for (const line of reachLines(stage)) progress.line(line);
  for (const fault of verdict.faults) progress.line(`NOT AS PROMISED: ${fault}`);
  progress.line(verdict.line);
  return verdict.exitCode;
}

/** Rejects at the first signal; a later one ends the process without more ado, and its children with it. */
function interruption(): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => undefined);
  let firstMs: number | undefined;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (firstMs !== undefined && performance.now() - firstMs > SAME_SIGNAL_MS) process.exit(INTERRUPTED);
      firstMs ??= performance.now();
      reject(new Interrupted());
    });
  }
  return promise;
}

/** Logs lie with the data, which goes: they are copied. Answers where to. */
async function saveLogs(stage: Stage | undefined, dir: string): Promise<string> {
  const servers = stage === undefined ? [] : [...stage.nats.servers, stage.kafka.server, stage.zeebe.server];
  const own = (await readdir(dir)).map((file) => join(dir, file));
  const kept = await mkdtemp(join(tmpdir(), 'holdfast-demo-'));
  for (const file of [...own, ...servers.map(({ logFile }) => logFile)])
    await copyFile(file, join(kept, basename(file))).catch(() => undefined); // one that was never written
  return kept;
}

/** Better told now than after the run. */
async function mustBeWritable(file: string): Promise<void> {
  try {
    await access(dirname(file), constants.W_OK);
  } catch {
    throw new UsageError(`--json ${file}: the directory ${dirname(file)} is not there, or cannot be written to`);
  }
}

process.exit(await main(process.argv.slice(2)));
