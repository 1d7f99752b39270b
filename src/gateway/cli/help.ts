// Help, made from the table of commands.
import { type CommandSpec, optionForm } from './command-line.ts';
import { COMMANDS } from './command-table.ts';

const INTRO = 'holdfast holds a Camunda 8 job while a service answers over Kafka, and completes exactly that job.';

const ENVIRONMENT = `start, init, check and doctor read the YAML file that HOLDFAST_CONFIG names (default holdfast.yaml), NATS_URL,
KAFKA_BOOTSTRAP_SERVERS, ZEEBE_GRPC_ADDRESS and the other variables of the Camunda SDK, HOLDFAST_NODE, HOLDFAST_HTTP,
HOLDFAST_API and HOLDFAST_API_… (where the node's API listens, and for whom), NATS_MONITOR_URL (for check and doctor),
LOG_LEVEL. Logins and TLS: KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_…, KAFKA_SSL_…, NATS_CREDS_FILE, NATS_NKEY_SEED_FILE,
NATS_USER, NATS_CA_FILE, …; docs/configuration.md has them all. The other commands ask the API of a node: HOLDFAST_API_URL (default
http://127.0.0.1:8091; several separated by commas), HOLDFAST_API_TOKEN or HOLDFAST_API_TOKEN_FILE,
HOLDFAST_API_CA_FILE.
Exit codes: 0 fine, 1 it went wrong, 2 wrong usage or configuration, 3 no node answers, 4 an act was sent and not answered.`;

export function generalHelp(): string {
  const forms = COMMANDS.map((spec) => [formOf(spec), spec.summary] as const);
  return [INTRO, '', ...aligned(forms), '', ENVIRONMENT, '"holdfast help COMMAND" tells the options of one.', ''].join(
    '\n',
  );
}

export function commandHelp(spec: CommandSpec): string {
  const options = Object.entries(spec.options).map(
    ([name, option]) => [optionForm(name, option), option.help] as const,
  );
  return [
    `holdfast ${formOf(spec)}${options.length === 0 ? '' : ' [OPTIONS]'}`,
    '',
    `  ${spec.summary}`,
    ...(spec.more ?? []).map((line) => `  ${line}`),
    ...(options.length === 0 ? [] : ['', ...aligned(options)]),
    '',
    'Examples',
    ...spec.examples.map((example) => `  ${example}`),
    '',
  ].join('\n');
}

function formOf({ name, takes }: CommandSpec): string {
  return takes === '' ? name : `${name} ${takes}`;
}

function aligned(rows: readonly (readonly [name: string, what: string])[]): readonly string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, what]) => `  ${name.padEnd(width)}  ${what}`);
}
