// Runs the steps of a Dockerfile without a container engine: each stage has a directory for its root, COPY copies between
// them, RUN runs there with the stage's variables and, where we are root, as the stage's user. What comes from a base image
// is this machine's: its shell and tools, its npm, and the Node that runs the tests. Commands and variables must not
// depend on absolute paths other than as a variable's whole value, for a root here is not `/`.
import { spawn } from 'node:child_process';
import { chmod, copyFile, cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { type Instruction, parseDockerfile, type Stage } from './dockerfile.ts';

export interface Image {
  readonly root: string;
  readonly workdir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly healthcheck: readonly string[];
}

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Images {
  /** Of the last stage. */
  readonly image: Image;
  /** Of the stages that were named. */
  readonly targets: Readonly<Record<string, Image>>;
  remove(): Promise<void>;
}

/** The image of the last stage, and as `--target` those of others, in a directory that `remove` removes. Nothing in them can be written to. */
export async function buildImages(context: string, dockerfile: string, ...others: readonly string[]): Promise<Images> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-image-'));
  await chmod(dir, 0o755);
  const remove = async () => {
    await run('chmod', ['-R', 'u+w', dir]);
    await rm(dir, { recursive: true });
  };
  try {
    const stages = parseDockerfile(await readFile(join(context, dockerfile), 'utf8'));
    const ignore = await readFile(join(context, '.dockerignore'), 'utf8');
    const build = new Build(dir, context, letThrough(ignore), stages);
    const image = await build.last();
    const targets: Record<string, Image> = {};
    for (const name of others) targets[name] = await build.target(name);
    for (const { root } of [image, ...Object.values(targets)]) await must('chmod', ['-R', 'a-w', root]);
    return { image, targets, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Starts a program in the image as the image would: its user, its variables and no others, its directory. */
export function start(image: Image, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const [program = '', ...rest] = args;
  return spawn(program, rest, {
    cwd: join(image.root, image.workdir),
    env: { PATH: `${dirname(nodeOf(image.root))}:/usr/bin:/bin`, ...image.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...userOf(image),
  });
}

class Build {
  readonly #dir: string;
  readonly #context: string;
  readonly #sent: (path: string) => boolean;
  readonly #stages: readonly Stage[];
  readonly #built = new Map<string, Image>();

  constructor(dir: string, context: string, sent: (path: string) => boolean, stages: readonly Stage[]) {
    this.#dir = dir;
    this.#context = context;
    this.#sent = sent;
    this.#stages = stages;
  }

  async last(): Promise<Image> {
    const stage = this.#stages.at(-1);
    if (stage === undefined) throw new Error('a Dockerfile without a stage');
    return this.#build(stage);
  }

  async target(name: string): Promise<Image> {
    const image = await this.#named(name);
    if (image === undefined) throw new Error(`a Dockerfile without a stage ${name}`);
    return image;
  }

  async #named(name: string): Promise<Image | undefined> {
    const stage = this.#stages.find((other) => other.name === name);
    if (stage === undefined) return undefined;
    const built = this.#built.get(name) ?? (await this.#build(stage));
    this.#built.set(name, built);
    return built;
  }

  async #build({ name = 'last', base, instructions }: Stage): Promise<Image> {
    const root = join(this.#dir, name);
    const under = await this.#named(base);
    if (under === undefined) await this.#baseImage(root, base);
    else await copyTree(under.root, root);
    let image: Image = { workdir: '/', env: {}, user: undefined, ...none, ...under, root };
    for (const instruction of instructions) image = await this.#step(image, instruction);
    return image;
  }

  /** Of what a base image holds, only Node is asked for by its path. */
  async #baseImage(root: string, base: string): Promise<void> {
    await mkdir(root);
    if (!base.startsWith('node:')) return;
    await mkdir(dirname(nodeOf(root)), { recursive: true });
    await copyFile(process.execPath, nodeOf(root));
  }

  async #step(image: Image, step: Instruction): Promise<Image> {
    switch (step.kind) {
      case 'copy':
        await this.#copy(image, step);
        return image;
      case 'run': {
        const options = { cwd: join(image.root, image.workdir), env: buildEnv(image), ...userOf(image) };
        const { code, out, err } = await run('sh', ['-c', step.command], options);
        if (code !== 0) throw new Error(`RUN ${step.command}\nended with ${code}:\n${(out + err).slice(-4_000)}`);
        return image;
      }
      case 'env': {
        const here = Object.entries(step.values).map(([key, value]) => [
          key,
          value.startsWith('/') ? join(image.root, value) : value,
        ]);
        return { ...image, env: { ...image.env, ...Object.fromEntries(here) } };
      }
      case 'workdir':
        await mkdir(join(image.root, step.path), { recursive: true });
        return { ...image, workdir: step.path };
      case 'user':
        return { ...image, user: { uid: step.uid, gid: step.gid } };
      case 'entrypoint':
      case 'cmd':
      case 'healthcheck':
        return { ...image, [step.kind]: step.args };
      case 'word':
        return image;
    }
  }

  /** A directory's content, or a file under its own name where the destination is a directory. */
  async #copy(image: Image, { from, mode, sources, to }: Extract<Instruction, { kind: 'copy' }>): Promise<void> {
    const origin = from === undefined ? this.#context : (await this.#named(from))?.root;
    if (origin === undefined) throw new Error(`COPY --from=${from}: there is no such stage`);
    const target = to.startsWith('/') ? join(image.root, to) : join(image.root, image.workdir, to);
    for (const source of sources) {
      const path = join(origin, source);
      const filter = (file: string) => from !== undefined || this.#sent(file.slice(origin.length + 1));
      if (!filter(path)) throw new Error(`COPY ${source}: .dockerignore keeps it out`);
      const isFile = (await run('test', ['-f', path])).code === 0;
      const into =
        isFile && (to.endsWith('/') || to === '.' || sources.length > 1) ? join(target, basename(path)) : target;
      if (from !== undefined && !isFile) await copyTree(path, into);
      else await cp(path, into, { recursive: true, verbatimSymlinks: true, filter });
      if (mode !== undefined) await must('chmod', ['-R', mode, into]);
    }
  }
}

const none = { entrypoint: [], cmd: [], healthcheck: [] } as const;

/** Our .dockerignore is a list of what is let through, and of names that are not, wherever they are. */
export function letThrough(ignore: string): (path: string) => boolean {
  const lines = ignore.split('\n').filter((line) => !/^\s*(#|$)/.test(line));
  const allowed = lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
  const never = lines.filter((line) => line.startsWith('**/')).map((line) => line.slice(3));
  if (lines.length !== allowed.length + never.length + 1 || lines[0] !== '*')
    throw new Error('not such a .dockerignore');
  const within = (path: string, other: string) => path === other || path.startsWith(`${other}/`);
  return (path) => allowed.some((name) => within(path, name)) && !path.split('/').some((part) => never.includes(part));
}

function nodeOf(root: string): string {
  return join(root, 'usr/local/bin/node');
}

function userOf({ user }: Image): { readonly uid?: number; readonly gid?: number } {
  return process.getuid?.() === 0 && user !== undefined ? user : {};
}

/** What this machine needs to reach its registries, without what npm tells the scripts of this repository. */
function buildEnv({ root, env }: Image): Record<string, string | undefined> {
  const own =
    /^(npm_(package|lifecycle|command|execpath)|npm_config_local_prefix$|INIT_CWD$|NODE_|HOLDFAST_|VITEST|TEST$)/;
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)));
  const path = `${dirname(nodeOf(root))}:${process.env.PATH}`;
  return { ...inherited, npm_config_prefer_offline: 'true', npm_config_update_notifier: 'false', ...env, PATH: path };
}

/** To a place that is not there yet. Links to the same files where the system can: thousands of them are copied twice. */
async function copyTree(from: string, to: string): Promise<void> {
  await must('cp', [process.platform === 'linux' ? '-al' : '-a', from, to]);
}

async function must(command: string, args: readonly string[]): Promise<void> {
  const { code, err } = await run(command, args);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${err}`);
}

export function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; uid?: number; gid?: number } = {},
): Promise<Ran> {
  return ended(spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] }));
}

export function ended(child: ReturnType<typeof start>): Promise<Ran> {
  const { promise, resolve, reject } = Promise.withResolvers<Ran>();
  let out = '';
  let err = '';
  child.stdout.on('data', (data) => {
    out += data;
  });
  child.stderr.on('data', (data) => {
    err += data;
  });
  child.on('error', reject);
  child.on('close', (code) => resolve({ code, out, err }));
  return promise;
}
