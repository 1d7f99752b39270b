// Runs a node that is expected to end by itself.
import { execFile } from 'node:child_process';

export interface Ended {
  readonly code: number | string;
  readonly output: string;
}

/** @param main the command's entry */
export function runNode(main: string, env: Readonly<Record<string, string>>, withinMs = 60_000): Promise<Ended> {
  const options = { env: { ...process.env, ...env }, timeout: withinMs, killSignal: 'SIGKILL' } as const;
  return new Promise((resolve) => {
    execFile(process.execPath, [main, 'start'], options, (error, out, err) => {
      resolve({ code: error === null ? 0 : (error.code ?? `killed by ${error.signal}`), output: out + err });
    });
  });
}
