// Finds Java. Machines carry several JDKs, and the one first on the PATH is often the oldest: we look at JAVA_HOME, the
// PATH and the places where systems keep their JDKs, and take the newest that is new enough. Kafka 4 wants 17, the engine and
// the registry 21.
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { cached, runTool } from './cache.ts';
import { MissingPrerequisite } from './errors.ts';

export interface Jdk {
  /** What JAVA_HOME would be. */
  readonly home: string;
  /** The feature version: 17, 21, 25. */
  readonly version: number;
}

/** @throws MissingPrerequisite when there is none of at least `minVersion`. */
export async function findJdk(minVersion: number, forWhat: string): Promise<Jdk> {
  const found = await Promise.all([...new Set(candidates())].map(inspect));
  const jdks = found.filter((jdk) => jdk !== undefined).sort((a, b) => b.version - a.version);
  const newest = jdks[0];
  if (newest && newest.version >= minVersion) return newest;
  const seen = newest ? `the newest found is ${newest.version} in ${newest.home}` : 'none was found';
  throw new MissingPrerequisite(
    `${forWhat} needs a JDK ${minVersion} or later and ${seen}: install one, or point JAVA_HOME at it`,
  );
}

/** JVM options that silence, on newer JDKs, the warnings about what netty, agrona and rocksdb do natively. */
export function nativeAccessOptions({ version }: Jdk): readonly string[] {
  return version >= 24 ? ['--enable-native-access=ALL-UNNAMED', '--sun-misc-unsafe-memory-access=allow'] : [];
}

/**
 * Fetches one artifact from Maven Central with everything it depends on.
 *
 * @returns the directory of the jars.
 */
export function mavenJars(group: string, artifact: string, version: string, size: string): Promise<string> {
  return cached(`${artifact}-${version}`, `${artifact} ${version} and its dependencies (${size})`, async (dir) => {
    const pom = join(dir, 'pom.xml');
    await writeFile(pom, pomOf(group, artifact, version));
    await maven('-f', pom, 'dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${dir}`);
  });
}

/** Runs Maven in batch mode. @throws MissingPrerequisite when it is not installed */
export async function maven(...args: readonly string[]): Promise<void> {
  await runTool('mvn', ['-B', '-q', ...args], 'install Maven (Debian: apt install maven) to download the servers');
}

function pomOf(group: string, artifact: string, version: string): string {
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>local</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies><dependency>
    <groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>
  </dependency></dependencies>
</project>
`;
}

function* candidates(): Generator<string> {
  if (process.env.JAVA_HOME) yield process.env.JAVA_HOME;
  for (const path of (process.env.PATH ?? '').split(delimiter)) {
    const java = join(path, 'java');
    if (path && existsSync(java)) yield dirname(dirname(realpathSync(java)));
  }
  for (const [parent, below] of [
    ['/usr/lib/jvm', ''],
    ['/Library/Java/JavaVirtualMachines', 'Contents/Home'],
  ] as const) {
    if (existsSync(parent)) for (const name of readdirSync(parent)) yield join(parent, name, below);
  }
}

async function inspect(home: string): Promise<Jdk | undefined> {
  const java = join(home, 'bin', 'java');
  if (!existsSync(java) || !existsSync(join(home, 'bin', 'javac'))) return undefined;
  const release = await readFile(join(home, 'release'), 'utf8').catch(() => '');
  const text = /^JAVA_VERSION="(.+)"/m.exec(release)?.[1] ?? (await askVersion(java));
  const version = Number.parseInt(text.replace(/^1\./, ''), 10);
  return Number.isNaN(version) ? undefined : { home, version };
}

// Some packages leave out the `release` file. `--version` prints, e.g., "openjdk 17.0.15 2025-04-15".
async function askVersion(java: string): Promise<string> {
  const output = await runTool(java, ['--version'], '').catch(() => '');
  return /\s(\d[\d.]*)/.exec(output)?.[1] ?? '';
}
