// A secret or a certificate as the configuration holds it: given in a variable, or in a file that is read anew each time it is
// asked for, so that whoever rotates it need restart nothing. It shows nothing of itself but the file's path, wherever it is
// printed, logged or turned into JSON, and whatever is wrong with it is said without a word of its content.
import { type Fault, show, showSecret } from './faults.ts';
import { type Rule, text } from './rules.ts';

export type Env = Readonly<Record<string, string | undefined>>;

/** Variables, and how a file is read. Typed by what it needs, so that tests hand in any. */
export interface EnvSource {
  readonly env: Env;
  readonly readFile: (path: string) => string;
}

export class SecretText {
  /** Where it stands; undefined: in a variable. */
  readonly path: string | undefined;
  readonly #read: () => string;

  constructor(read: () => string, path?: string) {
    this.#read = read;
    this.path = path;
    Object.freeze(this);
  }

  /** As it is now. @throws SecretUnreadable when its file is gone, empty, or holds what is not allowed */
  read(): string {
    return this.#read();
  }
}

/** A file that could be read when the process started cannot be used any more. */
export class SecretUnreadable extends Error {
  readonly code = 'SECRET_UNREADABLE';
  readonly retryable = true;
  readonly found: string;

  constructor(setting: string, found: string, allowed: string) {
    super(`${setting}: found ${found}; allowed: ${allowed}`);
    this.name = 'SecretUnreadable';
    this.found = found;
  }
}

/** More is none of what may be here. */
const MAX_CHARS = 64 * 1024;

export const PASSWORD: Rule<string> = {
  ...text(/^[^\p{Cc}]{1,16384}$/u, 'a text of 1 to 16384 characters on one line'),
  secret: true,
};

const PATH = /^[^\p{Cc}]{1,4096}$/u;

/**
 * What a file holds, without the line break that editors and `echo` leave behind it.
 * @throws SecretUnreadable with the setting and the path, never the content
 */
export function readSecretFile<T>(
  setting: string,
  path: string,
  rule: Rule<T>,
  allowed: string,
  readFile: EnvSource['readFile'],
): T {
  const refuse = (found: string) => new SecretUnreadable(setting, found, allowed);
  let content: string;
  try {
    content = readFile(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw refuse(code === 'ENOENT' ? `no file ${path}` : `${path} (${code})`);
  }
  const inside = content.trimEnd();
  if (inside === '') throw refuse(`${path}, which is empty`);
  const value = inside.length > MAX_CHARS ? undefined : rule.parse(inside);
  if (value === undefined) throw refuse(`${path} with ${rule.found?.(inside) ?? showSecret(inside)}`);
  return value;
}

/** Reads settings out of the environment one by one, noting every fault. */
export class EnvReader {
  readonly #source: EnvSource;
  readonly #faults: Fault[];
  readonly #given = new Set<string>();
  #faulty = false;

  constructor(source: EnvSource, faults: Fault[]) {
    this.#source = source;
    this.#faults = faults;
  }

  /** Something that was asked for here was not allowed. */
  get faulty(): boolean {
    return this.#faulty;
  }

  /** Those asked for so far that are set and begin so. */
  given(prefix: string): string[] {
    return [...this.#given].filter((name) => name.startsWith(prefix));
  }

  fault(setting: string, found: string, allowed: string): void {
    this.#faulty = true;
    this.#faults.push({ setting, found, allowed });
  }

  optional<T>(name: string, rule: Rule<T>): T | undefined {
    const raw = this.#source.env[name]?.trim() || undefined;
    if (raw === undefined) return undefined;
    this.#given.add(name);
    const value = rule.parse(raw);
    if (value === undefined)
      this.fault(name, rule.secret ? (rule.found?.(raw) ?? showSecret(raw)) : show(raw), rule.allowed);
    return value;
  }

  /** Of the variable `name`, or of the file that `<name>_FILE` names. */
  secret(name: string, rule: Rule<string> = PASSWORD): SecretText | undefined {
    const value = this.optional(name, rule);
    const allowed = `the path of a file with it, instead of ${name}`;
    const file = this.file(`${name}_FILE`, rule, allowed);
    if (file !== undefined && this.#given.has(name)) this.fault(`${name}_FILE`, `${name} too`, allowed);
    return file ?? (value === undefined ? undefined : new SecretText(() => value));
  }

  /** A file that can be read now and holds what the rule allows. */
  file(name: string, rule: Rule<string>, allowed: string): SecretText | undefined {
    const path = this.optional(name, text(PATH, allowed));
    if (path === undefined) return undefined;
    const read = () => readSecretFile(name, path, rule, allowed, this.#source.readFile);
    try {
      read();
      return new SecretText(read, path);
    } catch (error) {
      if (!(error instanceof SecretUnreadable)) throw error;
      this.fault(name, error.found, allowed);
      return undefined;
    }
  }
}
