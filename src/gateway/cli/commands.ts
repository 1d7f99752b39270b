// The commands and their exit codes: 0 fine, 1 it went wrong or `check` has findings, 2 wrong usage or configuration.
// What a person asked for goes to standard output, what went wrong to standard error; `start` logs JSON instead.
import { readFileSync } from 'node:fs';
import { type Config, ConfigError, loadConfig } from '../config.ts';
import type { Env } from '../config-env.ts';
import { productVersion } from '../product.ts';

export const EXIT = { fine: 0, failed: 1, usage: 2 } as const;

const USAGE = `holdfast holds a Camunda 8 job while a service answers over Kafka, and completes exactly that job.

  holdfast start     run a node until SIGTERM; it hands its work over before it ends
  holdfast init      make the bucket and the topics
  holdfast check     validate the configuration, look at every server, say what is wrong and what to do
  holdfast version   print the version
  holdfast help      print this

Configuration: the YAML file that HOLDFAST_CONFIG names (default holdfast.yaml), NATS_URL, KAFKA_BOOTSTRAP_SERVERS,
ZEEBE_GRPC_ADDRESS and the other variables of the Camunda SDK, HOLDFAST_NODE, HOLDFAST_HTTP, HOLDFAST_API,
NATS_MONITOR_URL (for check), LOG_LEVEL. Logins and TLS: KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_…, KAFKA_SSL_…,
NATS_CREDS_FILE, NATS_NKEY_SEED_FILE, NATS_USER, NATS_CA_FILE, …; docs/configuration.md has them all.
`;

/** Answers the exit code. */
export async function run(args: readonly string[], env: Env): Promise<number> {
  const [command = 'help', ...rest] = args;
  if (rest.length > 0) return usageFault(`holdfast ${command} takes no arguments, and got: ${rest.join(' ')}`);
  switch (command) {
    case 'start':
      return configured(env, async (config) => (await import('./start.ts')).start(config, () => read(env)));
    case 'init':
      return configured(env, async (config) => (await import('./init.ts')).init(config));
    case 'check':
      return configured(env, async (config) => (await import('./check.ts')).check(config));
    case 'version':
    case '--version':
    case '-v':
      process.stdout.write(`${productVersion()}\n`);
      return EXIT.fine;
    case 'help':
    case '--help':
    case '-h':
      process.stdout.write(USAGE);
      return EXIT.fine;
    default:
      return usageFault(`there is no command ${command}`);
  }
}

function read(env: Env): Config {
  return loadConfig(env, (path) => readFileSync(path, 'utf8'));
}

async function configured(env: Env, command: (config: Config) => Promise<number>): Promise<number> {
  let config: Config;
  try {
    config = read(env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`holdfast: ${error.message}\n`);
    return EXIT.usage;
  }
  return command(config);
}

function usageFault(what: string): number {
  process.stderr.write(`holdfast: ${what}\n\n${USAGE}`);
  return EXIT.usage;
}
