// The commands by their names (what each takes is in command-table.ts), and how their ends become exit codes (exit.ts).
// What a person asked for goes to standard output, what went wrong to standard error; `start` logs JSON instead.
// Each command loads what it needs when it runs: nobody who asks for help waits for a Kafka client.
import { readFileSync } from 'node:fs';
import type { Config } from '../config/config.ts';
import type { Env } from '../config/secret.ts';
import { productVersion } from '../product.ts';
import { type Arguments, type CommandSpec, parseCommand, show, UsageFault } from './command-line.ts';
import { COMMANDS, GROUPS } from './command-table.ts';
import { EXIT } from './exit.ts';
import { commandHelp, generalHelp } from './help.ts';
import type { Io } from './io.ts';
import type { OperatorCommand } from './operator/session.ts';

const OTHER_NAMES: Readonly<Record<string, string>> = {
  '--version': 'version',
  '-v': 'version',
  '--help': 'help',
  '-h': 'help',
};

/** Those that ask the API of a node. */
const OPERATOR: Readonly<Record<string, () => Promise<OperatorCommand>>> = {
  status: async () => (await import('./operator/status.ts')).status,
  routes: async () => (await import('./operator/status.ts')).routes,
  jobs: async () => (await import('./operator/jobs.ts')).jobs,
  job: async () => (await import('./operator/job.ts')).job,
  outcomes: async () => (await import('./operator/jobs.ts')).outcomes,
  shards: async () => (await import('./operator/shards.ts')).shards,
  audit: async () => (await import('./operator/audit.ts')).audit,
  'dlq list': async () => (await import('./operator/dead-letters.ts')).letters,
  'dlq view': async () => (await import('./operator/dead-letters.ts')).letter,
  'dlq redrive': async () => (await import('./operator/redrive.ts')).redrive,
  'dlq follow': async () => (await import('./operator/redrive.ts')).followRun,
  'dlq stop': async () => (await import('./operator/redrive.ts')).stopRun,
  drain: async () => (await import('./operator/nodes.ts')).drain,
  resume: async () => (await import('./operator/nodes.ts')).resume,
  whoami: async () => (await import('./operator/nodes.ts')).whoami,
};

/** Answers the exit code. */
export async function run(args: readonly string[], env: Env, io: Io = process): Promise<number> {
  try {
    const { spec, rest } = commandOf(args);
    const parsed = parseCommand(spec, rest);
    if (parsed.helpWanted) return print(io, commandHelp(spec));
    return await runCommand(parsed, env, io);
  } catch (error) {
    if (!(error instanceof UsageFault)) throw error;
    const more = error.command === undefined ? 'holdfast help' : `holdfast help ${error.command}`;
    io.stderr.write(`holdfast: ${error.message}\n"${more}" tells what is allowed.\n`);
    return EXIT.usage;
  }
}

async function runCommand(args: Arguments, env: Env, io: Io): Promise<number> {
  const name = args.command;
  switch (name) {
    case 'start':
      return configured(env, io, async (config, readAgain) => (await import('./start.ts')).start(config, readAgain));
    case 'init':
      return configured(env, io, async (config) => (await import('./init.ts')).init(config));
    case 'check':
      return configured(env, io, async (config) => (await import('./check.ts')).check(config));
    case 'doctor':
      return configured(env, io, async (config) =>
        (await import('./doctor.ts')).doctor(config, args, env, io, productVersion()),
      );
    case 'version':
      return print(io, `${productVersion()}\n`);
    case 'help':
      return print(io, args.positionals.length === 0 ? generalHelp() : commandHelp(commandOf(args.positionals).spec));
  }
  const command = await OPERATOR[name]?.();
  if (command === undefined) throw new Error(`the command ${name} is in the table and does nothing`);
  const { operate } = await import('./operator/session.ts');
  const lasting = args.has('watch') || args.has('yes') || name === 'dlq follow';
  return operate(command, args, env, io, lasting);
}

/** @throws UsageFault */
function commandOf(args: readonly string[]): { readonly spec: CommandSpec; readonly rest: readonly string[] } {
  const [word = 'help', ...rest] = args;
  const first = Object.hasOwn(OTHER_NAMES, word) ? OTHER_NAMES[word] : word;
  if (GROUPS.includes(word)) {
    // The group alone, or with options, is its list.
    const [second = '-', ...others] = rest;
    const [name, left] = second.startsWith('-') ? [`${word} list`, rest] : [`${word} ${second}`, others];
    const spec = COMMANDS.find((command) => command.name === name);
    if (spec !== undefined) return { spec, rest: left };
    const allowed = COMMANDS.map((command) => command.name).filter((one) => one.startsWith(`${word} `));
    throw new UsageFault(`there is no command ${show(name)}; allowed are ${allowed.join(', ')}`);
  }
  const spec = COMMANDS.find(({ name }) => name === first);
  if (spec === undefined) {
    const names = [...new Set(COMMANDS.map(({ name }) => name.split(' ', 1)[0]))].join(', ');
    throw new UsageFault(`there is no command ${show(word)}; allowed are ${names}`);
  }
  return { spec, rest };
}

function print({ stdout }: Io, text: string): number {
  stdout.write(text);
  return EXIT.fine;
}

async function configured(
  env: Env,
  io: Io,
  command: (config: Config, readAgain: () => Config) => Promise<number>,
): Promise<number> {
  const { ConfigError, loadConfig } = await import('../config/config.ts');
  const read = () => loadConfig(env, (path) => readFileSync(path, 'utf8'));
  let config: Config;
  try {
    config = read();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    io.stderr.write(`holdfast: ${error.message}\n`);
    return EXIT.usage;
  }
  return command(config, read);
}
