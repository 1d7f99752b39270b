// Reads settings out of a YAML file one by one, noting every fault with its path and line instead of stopping.
//
// A `Section` is one mapping of the file. Whoever reads a setting thereby declares its name; `done()` then reports every
// name in the file that nobody asked for, with the nearest one that somebody did. There is no second list to keep.
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, YAMLMap } from 'yaml';
import { type Fault, nearest, show, showSecret } from './faults.ts';
import type { Rule } from './rules.ts';

interface Source {
  readonly document: Document;
  readonly lines: LineCounter;
  readonly faults: Fault[];
}

/** The file's top level, or undefined when it has none. Faults go into `faults`; after a repeated key reading goes on. */
export function readYaml(file: string, content: string, faults: Fault[]): Section | undefined {
  const source = parse(content, faults);
  if (source === undefined) return undefined;
  const root = source.document.contents;
  if (isMap(root)) return new Section(source, '', root);
  const found = root === null ? 'an empty file' : 'no mapping';
  faults.push({ setting: file, found, allowed: 'settings such as "cluster: orders"' });
  return undefined;
}

/** The mappings of a file that is a list; undefined when it is none. `allowed`: what one looks like. */
export function readYamlList(
  file: string,
  content: string,
  max: number,
  allowed: string,
  faults: Fault[],
): Section[] | undefined {
  const source = parse(content, faults);
  if (source === undefined) return undefined;
  const root = source.document.contents;
  if (!isSeq(root) || root.items.length > max) {
    const found = isSeq(root) ? `${root.items.length} entries` : root === null ? 'an empty file' : 'no list';
    faults.push({ setting: file, found, allowed: `a list of at most ${max}, ${allowed}` });
    return undefined;
  }
  return root.items.flatMap((item, index) => {
    if (isMap(item)) return [new Section(source, `[${index}]`, item)];
    faults.push({ setting: `[${index}]`, found: 'no mapping', allowed });
    return [];
  });
}

function parse(content: string, faults: Fault[]): Source | undefined {
  const lines = new LineCounter();
  // Pretty errors would quote source lines, and a source line may be a secret.
  const document = parseDocument(content, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
    version: '1.2',
  });
  for (const { code, message, pos } of [...document.errors, ...document.warnings]) {
    const found = code === 'DUPLICATE_KEY' ? 'a key again' : 'no valid YAML';
    faults.push({ setting: 'syntax', line: lines.linePos(pos[0]).line, found, allowed: withoutSource(message) });
  }
  const broken = document.errors.some((error) => error.code !== 'DUPLICATE_KEY');
  return broken ? undefined : { document, lines, faults };
}

/** Words of the parser about the file, up to where it begins to quote the file: that may be a secret. */
function withoutSource(message: string): string {
  return message.split(/[:%!\\]/, 1)[0]?.trim() || 'YAML';
}

/** What is as long as a key of 16 bytes in base64, and longer than any setting's name, may be one that lost its own name. */
const SHORTEST_SECRET_CHARS = 24;

export class Section {
  readonly #source: Source;
  readonly #path: string;
  readonly #map: YAMLMap;
  readonly #asked: string[] = [];

  constructor(source: Source, path: string, map: YAMLMap) {
    this.#source = source;
    this.#path = path;
    this.#map = map;
  }

  /** The setting, or `otherwise` when it is absent or faulty. */
  optional<T, D>(name: string, rule: Rule<T>, otherwise: D): T | D {
    const node = this.#node(name);
    return node === undefined ? otherwise : (this.#parse(name, node, rule) ?? otherwise);
  }

  /** The setting; undefined only when a fault was noted. */
  required<T>(name: string, rule: Rule<T>): T | undefined {
    const node = this.#node(name);
    if (node !== undefined) return this.#parse(name, node, rule);
    this.fault(name, 'nothing', rule.allowed);
    return undefined;
  }

  /** A list of plain values. */
  list<T>(name: string, rule: Rule<T>, max: number): T[] {
    return this.#items(name, max, `a list of ${rule.allowed}`).flatMap(
      ([path, node]) => this.#parse(path, node, rule) ?? [],
    );
  }

  /** A list of mappings. */
  sections(name: string, max: number, allowed: string): Section[] {
    return this.#items(name, max, allowed).flatMap(([path, node]) => {
      if (isMap(node)) return [new Section(this.#source, this.path(path), node)];
      this.fault(path, 'no mapping', allowed, node);
      return [];
    });
  }

  /** A mapping of free names to plain values, in the file's order. */
  pairs<T>(name: string, keys: Rule<string>, values: Rule<T>, max: number): (readonly [name: string, value: T])[] {
    const node = this.#node(name);
    if (node === undefined) return [];
    const allowed = `a mapping of at most ${max} names to values`;
    if (!isMap(node) || node.items.length > max) {
      this.fault(name, isMap(node) ? `${node.items.length} entries` : 'no mapping', allowed, node);
      return [];
    }
    return node.items.flatMap(({ key, value }) => {
      const named = isScalar(key) ? keys.parse(String(key.value)) : undefined;
      if (named === undefined) this.fault(name, show(String(key)), keys.allowed, isScalar(key) ? key : node);
      const resolved = this.#resolved(value);
      const parsed = resolved === undefined ? undefined : this.#parse(`${name}.${String(key)}`, resolved, values);
      return named === undefined || parsed === undefined ? [] : [[named, parsed] as const];
    });
  }

  /** A mapping; an empty one when it is absent or a fault was noted. */
  section(name: string, allowed: string): Section {
    const node = this.#node(name);
    if (node !== undefined && !isMap(node)) this.fault(name, 'no mapping', allowed, node);
    return new Section(this.#source, this.path(name), isMap(node) ? node : new YAMLMap());
  }

  has(name: string): boolean {
    return this.#map.has(name);
  }

  isEmptyList(name: string): boolean {
    const node = this.#peek(name);
    return isSeq(node) && node.items.length === 0;
  }

  path(name: string): string {
    return this.#path === '' ? name : `${this.#path}.${name}`;
  }

  fault(name: string, found: string, allowed: string, node: Node | undefined = this.#peek(name) ?? this.#map): void {
    const start = node?.range?.[0];
    const line = start === undefined ? undefined : this.#source.lines.linePos(start).line;
    this.#source.faults.push({ setting: this.path(name), line, found, allowed });
  }

  /** To be called when every setting was read. */
  done(): void {
    for (const { key } of this.#map.items) {
      const name = isScalar(key) ? String(key.value) : 'a key that is no text';
      if (this.#asked.includes(name)) continue;
      const meant = nearest(name.slice(0, SHORTEST_SECRET_CHARS), this.#asked);
      const allowed = meant === undefined ? this.#asked.join(', ') : `${meant} (did you mean that?)`;
      const shown = name.length < SHORTEST_SECRET_CHARS ? name : '*';
      this.fault(shown, 'a setting that is not known', allowed, isScalar(key) ? key : undefined);
    }
  }

  #node(name: string): Node | undefined {
    this.#asked.push(name);
    return this.#peek(name);
  }

  #peek(name: string): Node | undefined {
    return this.#resolved(this.#map.get(name, true));
  }

  #resolved(node: unknown): Node | undefined {
    if (isAlias(node)) return node.resolve(this.#source.document);
    return isScalar(node) || isMap(node) || isSeq(node) ? node : undefined;
  }

  #items(name: string, max: number, allowed: string): (readonly [path: string, node: Node])[] {
    const node = this.#node(name);
    if (node === undefined) return [];
    if (!isSeq(node)) {
      this.fault(name, isScalar(node) ? 'no list' : 'a mapping', allowed, node);
      return [];
    }
    if (node.items.length > max) this.fault(name, `${node.items.length} entries`, `at most ${max}`, node);
    return node.items.slice(0, max).flatMap((item, index) => {
      const resolved = this.#resolved(item);
      return resolved === undefined ? [] : [[`${name}[${index}]`, resolved] as const];
    });
  }

  #parse<T>(path: string, node: Node, rule: Rule<T>): T | undefined {
    const raw: unknown = isScalar(node) ? node.value : isSeq(node) ? [] : {};
    const value = rule.parse(raw);
    if (value === undefined) {
      const why = rule.secret ? undefined : rule.why?.(raw);
      const found = rule.secret ? showSecret(raw) : show(raw);
      this.fault(path, why === undefined ? found : `${found} (${why})`, rule.allowed, node);
    }
    return value;
  }
}
