// The secrets that sign correlation ids, as the configuration names them: each has an id, and a key that stands in the file
// itself or one or several keys in a file of their own. That file is read again when it changes (key-files.ts).
import { SECRET_ID, SECRET_KEY, text } from './rules.ts';
import { type EnvSource, readSecretFile, SecretUnreadable } from './secret.ts';
import type { Section } from './yaml.ts';

/** Signs correlation ids. Only `id` and `file` show when it is printed, logged or turned into JSON. */
export class Secret {
  readonly id: string;
  /** Where its key stands, with others of the same id perhaps; undefined: in the configuration, or in the bucket. */
  readonly file: string | undefined;
  readonly #key: Uint8Array;

  constructor(id: string, key: Uint8Array, file?: string) {
    this.id = id;
    this.file = file;
    this.#key = key;
    Object.freeze(this);
  }

  get key(): Uint8Array {
    return this.#key;
  }
}

const MAX_SECRETS = 8;
/** In one file: the new one, and those under which jobs still wait. */
const MAX_KEYS = 8;
const KEY_FILE = text(
  /^[^\p{Cc}]{1,4096}$/u,
  `the path of a file with the key, instead of key; or with up to ${MAX_KEYS}, one a line, the newest last`,
);
const KEYS = {
  secret: true,
  allowed: KEY_FILE.allowed,
  parse(raw: unknown): readonly Uint8Array[] | undefined {
    const lines = String(raw).split(/\r?\n/);
    const keys = lines.map((line) => SECRET_KEY.parse(line.trim())).filter((key) => key !== undefined);
    return keys.length === lines.length && keys.length <= MAX_KEYS ? keys : undefined;
  },
};

/** In their order, the newest last. @throws SecretUnreadable with the setting and the path, never the content */
export function keysIn(setting: string, path: string, readFile: EnvSource['readFile']): readonly Uint8Array[] {
  return readSecretFile(setting, path, KEYS, KEYS.allowed, readFile);
}

/** In the file's order; several in a row may be of one id. */
export function secretsOf(top: Section, readFile: EnvSource['readFile']): Secret[] {
  const ids = new Set<string>();
  return top.sections('secrets', MAX_SECRETS, 'a list of secrets, each with id and key').flatMap((section) => {
    // Not even a wrong id is shown: somebody may have put the key there.
    const id = section.required('id', { ...SECRET_ID, secret: true });
    const { keys, file } = keysOf(section, readFile);
    section.done();
    if (id === undefined) return [];
    if (ids.has(id)) section.fault('id', `${id} again`, 'an id that no other secret has');
    ids.add(id);
    return keys.map((key) => new Secret(id, key, file));
  });
}

function keysOf(
  section: Section,
  readFile: EnvSource['readFile'],
): { readonly keys: readonly Uint8Array[]; readonly file?: string } {
  const file = section.optional('keyFile', KEY_FILE, undefined);
  const key = section.has('keyFile')
    ? section.optional('key', SECRET_KEY, undefined)
    : section.required('key', SECRET_KEY);
  if (file === undefined) return { keys: key === undefined ? [] : [key] };
  if (key !== undefined) section.fault('keyFile', 'key too', KEY_FILE.allowed);
  try {
    return { keys: keysIn(section.path('keyFile'), file, readFile), file };
  } catch (error) {
    if (!(error instanceof SecretUnreadable)) throw error;
    section.fault('keyFile', error.found, KEY_FILE.allowed);
    return { keys: [] };
  }
}
