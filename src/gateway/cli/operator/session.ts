// What a command that talks to the API works with, and how its end becomes an exit code. Results go to standard output, and
// with --json nothing else does; remarks and errors go to standard error.
import type { Readable } from 'node:stream';
import type { Env } from '../../config/secret.ts';
import { type Arguments, UsageFault } from '../command-line.ts';
import { EXIT } from '../exit.ts';
import type { Io } from '../io.ts';
import { ApiClient } from './api-client.ts';
import { ActUnknown, AnswerUnreadable, ApiRefused, ApiUnreachable } from './api-errors.ts';
import { exposed, readApiSettings } from './api-settings.ts';
import { Output, OutputClosed } from './output.ts';

export interface Session {
  readonly api: ApiClient;
  readonly args: Arguments;
  readonly out: Output;
  readonly stdin: Readable;
  readonly json: boolean;
  /** Ctrl-C, or told to end. */
  readonly stopped: AbortSignal;
  /** To standard error. */
  remark(text: string): void;
}

export type OperatorCommand = (session: Session) => Promise<number>;

const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Answers the exit code.
 * @param lasting it ends by itself on a signal (watching, following); others end at once
 */
export async function operate(
  command: OperatorCommand,
  args: Arguments,
  env: Env,
  io: Io,
  lasting: boolean,
): Promise<number> {
  const stop = new AbortController();
  const end = () => stop.abort();
  if (lasting) for (const signal of ENDING) process.on(signal, end);
  const json = args.has('json');
  const out = new Output(io.stdout);
  const remark = (text: string) => io.stderr.write(`${text}\n`);
  try {
    const settings = readApiSettings(args, env);
    for (const { origin } of exposed(settings)) remark(`holdfast: ${origin} carries the token unencrypted; use https`);
    const api = new ApiClient(settings, stop.signal);
    return await command({ api, args, out, stdin: io.stdin, json, stopped: stop.signal, remark });
  } catch (error) {
    if (error instanceof OutputClosed) return EXIT.fine;
    // Scripts get the refusal as the API says it.
    if (error instanceof ApiRefused && json && error.problem !== undefined)
      await out.lines([error.problem]).catch(() => undefined);
    const code = exitCode(error);
    if (code === undefined) throw error;
    remark(`holdfast: ${error instanceof Error ? error.message : error}`);
    return code;
  } finally {
    for (const signal of ENDING) process.off(signal, end);
  }
}

function exitCode(error: unknown): number | undefined {
  if (error instanceof UsageFault) return EXIT.usage;
  if (error instanceof ApiUnreachable) return EXIT.unreachable;
  if (error instanceof ActUnknown) return EXIT.unknown;
  if (error instanceof ApiRefused || error instanceof AnswerUnreadable) return EXIT.failed;
  return undefined;
}
