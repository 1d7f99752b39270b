// A schema registry with Confluent's API: Apicurio, from its distribution on Maven Central, with its data in a file.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cached, runTool } from './cache.ts';
import { dataDir } from './directory.ts';
import { findJdk, maven } from './java.ts';
import { launch } from './launch.ts';
import { freePorts } from './ports.ts';
import type { LocalServer } from './process.ts';
import { httpOk } from './ready.ts';

const version = '3.3.3';

export interface LocalRegistry {
  readonly server: LocalServer;
  /** What SCHEMA_REGISTRY_URL would be: the root of Confluent's API; no authentication. */
  readonly url: string;
  stop(): Promise<void>;
}

export interface RegistryOptions {
  readonly dir?: string;
}

export async function startRegistry(options: RegistryOptions = {}): Promise<LocalRegistry> {
  const data = await dataDir('registry', options.dir);
  const [port = 0, managementPort = 0] = await freePorts(2);
  const url = `http://127.0.0.1:${port}/apis/ccompat/v7`;
  const server = await launch({
    name: 'registry',
    dir: data.path,
    env: settings(data.path, port, managementPort),
    ready: () => httpOk(`${url}/subjects`),
    readyWithinMs: 120_000,
    native: async () => {
      const { home } = await findJdk(21, `Apicurio Registry ${version}`);
      const distribution = await registryDistribution();
      return {
        command: join(home, 'bin', 'java'),
        args: ['-Xmx384m', '-XX:+UseSerialGC', '-jar', join(distribution, 'quarkus-run.jar')],
      };
    },
    container: { image: `quay.io/apicurio/apicurio-registry:${version}`, env: { JAVA_OPTS_APPEND: '-Xmx384m' } },
  });
  const stop = async () => {
    await server.stop();
    await data.remove();
  };
  return { server, url, stop };
}

// Its own default keeps everything in memory; a file keeps the promise that a server comes back with its data.
function settings(dir: string, port: number, managementPort: number): Record<string, string> {
  return {
    QUARKUS_HTTP_HOST: '127.0.0.1',
    QUARKUS_HTTP_PORT: String(port),
    QUARKUS_MANAGEMENT_HOST: '127.0.0.1',
    QUARKUS_MANAGEMENT_PORT: String(managementPort),
    APICURIO_STORAGE_KIND: 'sql',
    APICURIO_STORAGE_SQL_KIND: 'h2',
    APICURIO_DATASOURCE_URL: `jdbc:h2:file:${join(dir, 'schemas')}`,
  };
}

function registryDistribution(): Promise<string> {
  const artifact = `io.apicurio:apicurio-registry-app:${version}:tar.gz:all`;
  return cached(`apicurio-registry-app-${version}`, `Apicurio Registry ${version} (159 MB)`, async (dir) => {
    await maven('dependency:copy', `-Dartifact=${artifact}`, `-DoutputDirectory=${dir}`);
    const archive = join(dir, `apicurio-registry-app-${version}-all.tar.gz`);
    await runTool('tar', ['-xzf', archive, '-C', dir], 'install tar');
    await rm(archive);
  });
}
