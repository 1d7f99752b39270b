// What a command takes, as data, and the arguments of one call read by it. Strict: whatever is not in the specification is
// a fault that names it and what is allowed, before anything is sent to anybody.
import { parseArgs } from 'node:util';

export interface OptionSpec {
  /** `flag`: no value. `value`: one. `list`: may be repeated. `seconds`: with or without a small number behind it. */
  readonly kind: 'flag' | 'value' | 'list' | 'seconds';
  /** What stands for the value in help and messages. */
  readonly value?: string;
  readonly help: string;
}

export interface CommandSpec {
  readonly name: string;
  /** The positional arguments, as help shows them; '' for none. */
  readonly takes: string;
  /** How many of them: at least, at most. */
  readonly count: readonly [least: number, most: number];
  readonly summary: string;
  /** Further lines of its help. */
  readonly more?: readonly string[];
  readonly options: Readonly<Record<string, OptionSpec>>;
  readonly examples: readonly string[];
}

/** The command was called in a way that it is not made for; the message says what is. */
export class UsageFault extends Error {
  readonly code = 'CLI_USAGE';
  readonly retryable = false;
  /** Whose help tells more; undefined: everybody's. */
  readonly command: string | undefined;

  constructor(message: string, command?: string) {
    super(message);
    this.command = command;
  }
}

export class Arguments {
  /** Its name in the table. */
  readonly command: string;
  readonly positionals: readonly string[];
  readonly helpWanted: boolean;
  readonly #options: ReadonlyMap<string, readonly string[]>;

  constructor(
    command: string,
    positionals: readonly string[],
    options: ReadonlyMap<string, readonly string[]>,
    helpWanted = false,
  ) {
    this.command = command;
    this.positionals = positionals;
    this.#options = options;
    this.helpWanted = helpWanted;
  }

  /** Names of those that were given. */
  get given(): readonly string[] {
    return [...this.#options.keys()];
  }

  has(name: string): boolean {
    return this.#options.has(name);
  }

  /** '' for a flag and for `seconds` without a number. */
  value(name: string): string | undefined {
    return this.#options.get(name)?.[0];
  }

  list(name: string): readonly string[] {
    return this.#options.get(name) ?? [];
  }
}

/** A number behind an option that may go without: no key of the engine is as short. */
const SECONDS = /^\d{1,4}$/;

/** @throws UsageFault */
export function parseCommand(spec: CommandSpec, args: readonly string[]): Arguments {
  const tokens = tokensOf(spec, args);
  if (tokens.some((token) => token.kind === 'option' && token.name === 'help')) {
    return new Arguments(spec.name, [], new Map(), true);
  }
  const fault = (what: string) => new UsageFault(`${spec.name}: ${what}`, spec.name);
  const options = new Map<string, string[]>();
  const positionals: string[] = [];
  let open: string | undefined;
  for (const token of tokens) {
    const takesSeconds = open;
    open = undefined;
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') {
      if (takesSeconds !== undefined && SECONDS.test(token.value)) options.set(takesSeconds, [token.value]);
      else positionals.push(token.value);
      continue;
    }
    const option = Object.hasOwn(spec.options, token.name) ? spec.options[token.name] : undefined;
    if (option === undefined) throw fault(`there is no option ${token.rawName}; ${allowedOptions(spec)}`);
    const before = options.get(token.name);
    if (before !== undefined && option.kind !== 'list') throw fault(`--${token.name} is given twice`);
    options.set(token.name, [...(before ?? []), optionValue(token.name, option, token, fault)]);
    if (option.kind === 'seconds' && !token.inlineValue) open = token.name;
  }
  const [least, most] = spec.count;
  if (positionals.length < least) throw fault(`${spec.takes} is missing`);
  if (positionals.length > most) {
    const extra = positionals.slice(most).map(show).join(', ');
    throw fault(`${extra} is too much; it takes ${spec.takes === '' ? 'options only' : spec.takes}`);
  }
  return new Arguments(spec.name, positionals, options);
}

interface OptionToken {
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

function optionValue(
  name: string,
  option: OptionSpec,
  token: OptionToken,
  fault: (what: string) => UsageFault,
): string {
  const { value, inlineValue = false } = token;
  switch (option.kind) {
    case 'flag':
      if (value !== undefined) throw fault(`--${name} takes no value, and got ${show(value)}`);
      return '';
    case 'seconds':
      if (value !== undefined && !SECONDS.test(value))
        throw fault(`--${name} takes whole seconds, and got ${show(value)}`);
      return value ?? '';
    case 'value':
    case 'list':
      if (value === undefined || (!inlineValue && /^-./.test(value)))
        throw fault(`--${name} needs a value: --${name} ${option.value} (--${name}=… for one that begins with -)`);
      return value;
  }
}

function tokensOf(spec: CommandSpec, args: readonly string[]) {
  const options = Object.entries(spec.options).map(([name, { kind }]) => {
    const type = kind === 'flag' || kind === 'seconds' ? ('boolean' as const) : ('string' as const);
    return [name, { type, multiple: true }] as const;
  });
  const help = { type: 'boolean', short: 'h' } as const;
  // Not strict: its own complaints name the option and not what is allowed.
  const { tokens } = parseArgs({
    args: [...args],
    options: { ...Object.fromEntries(options), help },
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  return tokens;
}

function allowedOptions(spec: CommandSpec): string {
  const names = Object.entries(spec.options).map(([name, option]) => optionForm(name, option));
  return names.length === 0 ? 'it has none' : `allowed are ${names.join(', ')}`;
}

export function optionForm(name: string, { kind, value }: OptionSpec): string {
  if (kind === 'flag') return `--${name}`;
  return kind === 'seconds' ? `--${name} [SECONDS]` : `--${name} ${value}`;
}

/** As it was written, short, and harmless on a terminal. */
export function show(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 79)}…` : text);
}
