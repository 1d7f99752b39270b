// The `nats` command, as NATS's users have it: for tests of what it shows of us. Built from the Go proxy into the cache; what is on
// the PATH may be of any age.
import { join } from 'node:path';
import { cached, runTool } from './cache.ts';

const version = '0.5.1';

/** Path of the program. */
export async function natsCli(): Promise<string> {
  const source = `github.com/nats-io/natscli/nats@v${version}`;
  const dir = await cached(`natscli-${version}`, `and building ${source} (two minutes of CPU)`, async (bin) => {
    const remedy = 'install Go, to build the nats command';
    await runTool('go', ['install', source], remedy, { env: { ...process.env, GOBIN: bin } });
  });
  return join(dir, 'nats');
}
