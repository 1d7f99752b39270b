// The services of the contract tests: each is an ordinary program in its own framework, written from that framework's
// documentation, that knows Kafka's address, its consumer group and its request topic, and nothing of holdfast.
//
// Each is built once per state of its sources, into the cache of the local servers, and runs as a process of its own. It is
// ready when its group is stable: it has joined, and every partition of its topic is its. All read a topic from its
// beginning, so what is written before the first poll is not missed.
import { createHash } from 'node:crypto';
import { cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached, runTool } from '../../deploy/local/cache.ts';
import { dataDir } from '../../deploy/local/directory.ts';
import { findJdk, maven } from '../../deploy/local/java.ts';
import { type LocalServer, startProcess } from '../../deploy/local/process.ts';
import { client } from '../support/service.ts';

export interface Service {
  /** Its directory here, or in `within`. */
  readonly name: string;
  readonly within?: string;
  readonly framework: string;
  /** The route's setting. */
  readonly profile: 'spring' | 'nest' | 'smallrye';
  /** The file with its listener. */
  readonly source: string;
  /** The file that names the framework's version, and where in it. */
  readonly version: readonly [file: string, found: RegExp];
  /** Makes, in an empty directory, what `run` needs; undefined: the sources run as they are. */
  readonly build?: { readonly downloads: string; readonly in: (dir: string, sources: string) => Promise<void> };
  /** The command line, given the directory that was built or else the sources. */
  readonly run: (dir: string) => Promise<readonly [command: string, ...args: string[]]>;
}

export const SERVICES: readonly Service[] = [
  {
    name: 'spring',
    framework: 'Spring for Apache Kafka, Spring Boot',
    profile: 'spring',
    source: 'src/main/java/cards/Cards.java',
    version: ['pom.xml', /<artifactId>spring-boot-starter-parent<\/artifactId>\s*<version>(.+?)</],
    build: { downloads: '67 MB', in: buildWithMaven },
    run: (dir) => java(join(dir, 'target', 'service.jar')),
  },
  {
    name: 'nest',
    framework: 'NestJS',
    profile: 'nest',
    source: 'src/main.ts',
    version: ['package.json', /"@nestjs\/microservices": "(.+?)"/],
    build: { downloads: '55 MB', in: buildWithNpm },
    run: async (dir) => [process.execPath, join(dir, 'dist', 'main.js')],
  },
  {
    name: 'quarkus',
    framework: 'SmallRye Reactive Messaging, Quarkus',
    profile: 'smallrye',
    source: 'src/main/java/cards/Cards.java',
    version: ['pom.xml', /<quarkus\.version>(.+?)</],
    build: { downloads: '129 MB', in: buildWithMaven },
    run: (dir) => java(join(dir, 'target', 'quarkus-app', 'quarkus-run.jar')),
  },
  {
    name: 'python',
    framework: 'aiokafka',
    profile: 'spring',
    source: 'service.py',
    version: ['requirements.txt', /^aiokafka==(.+)$/m],
    build: { downloads: '10 MB', in: buildWithPip },
    run: async (dir) => [join(dir, 'venv', 'bin', 'python'), join(dir, 'service.py')],
  },
  {
    name: 'kafkajs',
    framework: 'kafkajs',
    profile: 'spring',
    source: 'service.js',
    version: ['../../../package.json', /"kafkajs": "(.+?)"/],
    run: async (dir) => [process.execPath, join(dir, 'service.js')],
  },
];

/** What users are given to begin with: the same frameworks, built and run the same way. */
export const EXAMPLES: readonly Service[] = SERVICES.filter(({ name }) =>
  ['spring', 'nest', 'python'].includes(name),
).map((service) => ({
  ...service,
  within: join(import.meta.dirname, '..', '..', 'deploy', 'examples', 'services'),
}));

/** Where its sources are. */
export function sourcesOf({ name, within = import.meta.dirname }: Service): string {
  return join(within, name);
}

export interface RunningService {
  readonly process: LocalServer;
  stop(): Promise<void>;
}

/** Builds it if that has not happened yet, and starts it. The topic must be there. Resolves when it has joined its group. */
export async function startService(service: Service, brokers: string, topic: string): Promise<RunningService> {
  const [command, ...args] = await service.run(await built(service));
  const { HOLDFAST_TEST_LOGS: keptIn } = process.env;
  const data = await dataDir('contract', keptIn && join(keptIn, topic));
  const admin = client(brokers).admin();
  await admin.connect();
  try {
    const server = await startProcess({
      name: service.name,
      dir: data.path,
      command,
      args,
      env: { KAFKA_BOOTSTRAP_SERVERS: brokers, GROUP: topic, REQUESTS: topic },
      ready: async () => (await admin.describeGroups([topic])).groups[0]?.state === 'Stable',
      readyWithinMs: 120_000,
    });
    const stop = async () => {
      await server.stop();
      await data.remove();
    };
    return { process: server, stop };
  } catch (error) {
    await data.remove();
    throw error;
  } finally {
    await admin.disconnect();
  }
}

async function built(service: Service): Promise<string> {
  const { name, framework, build, within } = service;
  const sources = sourcesOf(service);
  if (build === undefined) return sources;
  const item = `${within === undefined ? 'contract' : 'example'}-${name}-${await hashOf(sources)}`;
  const what = `${framework} for the contract tests (${build.downloads})`;
  return cached(item, what, (dir) => build.in(dir, sources));
}

/** Of names and contents; what a developer's own build left there is not a source. */
async function hashOf(dir: string): Promise<string> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const hash = createHash('sha256');
  for (const file of files.filter((path) => isSource(path.slice(dir.length))).toSorted()) {
    hash.update(`${file.slice(dir.length)}\n`).update(await readFile(file));
  }
  return hash.digest('hex').slice(0, 12);
}

function isSource(path: string): boolean {
  return !/[\\/](target|node_modules|dist|venv|__pycache__)([\\/]|$)/.test(path);
}

async function copySources(dir: string, sources: string): Promise<void> {
  await cp(sources, dir, { recursive: true, filter: (path) => isSource(path.slice(sources.length)) });
}

let mavenIsFree: Promise<void> = Promise.resolve();

/** One after another: two Mavens that fill the same local repository may read each other's halves of a file. */
async function buildWithMaven(dir: string, sources: string): Promise<void> {
  await copySources(dir, sources);
  const building = mavenIsFree.then(() => maven('-f', join(dir, 'pom.xml'), 'package'));
  mavenIsFree = building.catch(() => undefined);
  await building;
}

async function buildWithNpm(dir: string, sources: string): Promise<void> {
  await copySources(dir, sources);
  await runTool('npm', ['ci'], 'install Node with npm', { cwd: dir });
  await runTool(process.execPath, [join('node_modules', 'typescript', 'bin', 'tsc')], 'install Node', { cwd: dir });
}

async function buildWithPip(dir: string, sources: string): Promise<void> {
  const remedy = 'install Python 3.10 or later with venv (Debian: apt install python3-venv)';
  await copySources(dir, sources);
  await runTool('python3', ['-m', 'venv', 'venv'], remedy, { cwd: dir });
  // Not by the venv's pip: its first line would name the directory before it is renamed.
  await runTool(join('venv', 'bin', 'python'), ['-m', 'pip', 'install', '-q', '-r', 'requirements.txt'], remedy, {
    cwd: dir,
  });
}

/** With little memory, and quick to start rather than quick in the end. */
async function java(jar: string): Promise<readonly [string, ...string[]]> {
  const { home } = await findJdk(17, 'a contract test');
  return [join(home, 'bin', 'java'), '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-jar', jar];
}
