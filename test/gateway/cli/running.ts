// The command line run inside the test, and the API of a node for it to ask: the real HTTP side over a double of what it
// serves (FakeOperations). Real nodes are in cli.full.test.ts, real processes in cli-processes.full.test.ts.
import { Readable, Writable } from 'node:stream';
import { WriteStream } from 'node:tty';
import { run } from '../../../src/gateway/cli/commands.ts';
import type { Screen } from '../../../src/gateway/cli/io.ts';
import type { Env } from '../../../src/gateway/config/secret.ts';
import { createApiServer } from '../../../src/gateway/http/api/server.ts';
import type { KeyPair } from '../../../src/gateway/http/api/tls.ts';
import type { Authentication } from '../../../src/gateway/http/api/verdict.ts';
import { SILENT } from '../../../src/gateway/log.ts';
import type { Operations } from '../../../src/gateway/operations/operations.ts';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Around {
  readonly env?: Env;
  readonly stdin?: string;
  /** Cells of a terminal; undefined: standard output is none. */
  readonly columns?: number;
}

/** Runs one command to its end. */
export async function holdfast(args: readonly string[], { env = {}, stdin = '', columns }: Around = {}): Promise<Ran> {
  const [out, err] = [collector(), collector()];
  const { getColorDepth } = WriteStream.prototype;
  const terminal = { isTTY: true, columns, getColorDepth };
  const stdout = (columns === undefined ? out.stream : Object.assign(out.stream, terminal)) as Screen;
  const code = await run(args, env, { stdin: Readable.from([Buffer.from(stdin)]), stdout, stderr: err.stream });
  return { code, out: out.text(), err: err.text() };
}

function collector() {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk.toString());
      done();
    },
  });
  return { stream, text: () => chunks.join('') };
}

export interface RunningApi extends AsyncDisposable {
  readonly url: string;
  /** For a command to find it. */
  readonly env: Env;
}

export async function serve(
  operations: () => Operations | undefined,
  { authentication, tls, perMinute }: { authentication?: Authentication; tls?: KeyPair; perMinute?: number } = {},
): Promise<RunningApi> {
  const server = createApiServer({
    address: { host: '127.0.0.1', port: 0 },
    tls: tls && { current: () => tls, onChange: () => () => undefined },
    authentication,
    payloads: 'admin',
    identity: { cluster: 'orders', node: 'n1', version: '0.1.0' },
    operations,
    assets: { get: () => undefined },
    log: SILENT,
    ...(perMinute !== undefined && { limits: { requestsPerMinute: perMinute } }),
  });
  const url = await server.listen();
  return { url, env: { HOLDFAST_API_URL: url }, [Symbol.asyncDispose]: () => server.close() };
}
