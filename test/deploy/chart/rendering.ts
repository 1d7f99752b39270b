// Renders the chart with Helm itself, in a directory of its own for what Helm keeps, and reads what comes out.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { helm } from '../tools.ts';

export const CHART = join(import.meta.dirname, '../../../deploy/helm/holdfast');
export const RELEASE = 'orders';

/** A manifest, as far as tests look into it. */
// biome-ignore lint/suspicious/noExplicitAny: each kind has a shape of its own, and kubeconform has judged it before
export type Manifest = any;

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export class Helm {
  readonly dir: string;
  readonly #program: string;
  #files = 0;

  private constructor(dir: string, program: string) {
    this.dir = dir;
    this.#program = program;
  }

  static async create(): Promise<Helm> {
    return new Helm(await mkdtemp(join(tmpdir(), 'holdfast-chart-')), await helm());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return rm(this.dir, { recursive: true });
  }

  async run(...args: readonly string[]): Promise<Ended> {
    const home = { HELM_CACHE_HOME: this.dir, HELM_CONFIG_HOME: this.dir, HELM_DATA_HOME: this.dir };
    const env = { PATH: process.env.PATH, HOME: this.dir, ...home };
    return ended(this.#program, args, env);
  }

  /** @param values beside those of the chart; JSON is YAML */
  async template(values: object, ...args: readonly string[]): Promise<Ended> {
    return this.run('template', RELEASE, CHART, '--namespace', 'bridges', '--values', await this.file(values), ...args);
  }

  async manifests(values: object): Promise<Manifest[]> {
    const { code, out, err } = await this.template(values);
    if (code !== 0) throw new Error(err);
    return manifestsIn(out);
  }

  async file(content: object): Promise<string> {
    this.#files += 1;
    const path = join(this.dir, `${this.#files}.yaml`);
    await writeFile(path, JSON.stringify(content));
    return path;
  }
}

export function manifestsIn(text: string): Manifest[] {
  return parseAllDocuments(text).flatMap((document) => {
    if ('errors' in document && document.errors.length > 0) throw document.errors[0];
    return 'toJS' in document ? (document.toJS() ?? []) : [];
  });
}

export function ended(program: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<Ended> {
  const { promise, resolve, reject } = Promise.withResolvers<Ended>();
  execFile(program, args, { env, maxBuffer: 64 << 20, timeout: 60_000 }, (error, out, err) => {
    const code = error === null ? 0 : error.code;
    if (typeof code === 'number') resolve({ code, out, err });
    else reject(error);
  });
  return promise;
}
