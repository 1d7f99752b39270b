// A second engine version for tests: the 8.8 engine of Camunda's process test library, in memory. It has one partition,
// forgets everything at a restart, answers polls at once, and streams want their tenant named. It is a library without
// a published image of the same kind, so it runs natively either way and needs a JDK.
import { join } from 'node:path';
import { dataDir } from './directory.ts';
import { findJdk, mavenJars, nativeAccessOptions } from './java.ts';
import { freePorts } from './ports.ts';
import { startProcess } from './process.ts';
import { hasLeaders } from './topology.ts';
import type { LocalZeebe } from './zeebe.ts';

const version = '8.8.21';

export async function startTestEngine(): Promise<LocalZeebe> {
  const jdk = await findJdk(21, `the ${version} test engine`);
  const jars = await mavenJars('io.camunda', 'zeebe-process-test-engine', version, '128 MB');
  const data = await dataDir('test-engine');
  const [port = 0] = await freePorts(1);
  const grpcAddress = `127.0.0.1:${port}`;
  const main = join(import.meta.dirname, 'TestEngine.java');
  const server = await startProcess({
    name: 'test-engine',
    dir: data.path,
    command: join(jdk.home, 'bin', 'java'),
    args: ['-Xmx512m', '-XX:+UseSerialGC', ...nativeAccessOptions(jdk), '-cp', join(jars, '*'), main, String(port)],
    ready: () => hasLeaders(grpcAddress, 1),
    readyWithinMs: 120_000,
  });
  const stop = async () => {
    await server.stop();
    await data.remove();
  };
  return { server, grpcAddress, stop };
}
