// The command that grants a right of Kafka to the user of the configuration.
import type { Config } from '../config/config.ts';

const WORDS = { READ: 'Read', WRITE: 'Write' } as const;

export function grant(
  config: Config,
  operations: readonly ('READ' | 'WRITE')[],
  kind: 'topic' | 'group',
  name: string,
): string {
  const wanted = operations.map((operation) => `--operation ${WORDS[operation]}`).join(' ');
  const command = `kafka-acls.sh --add --allow-principal ${principal(config)} ${wanted} --${kind} ${name}`;
  return `Grant ${operations.join(' and ')}: ${command} (all that nodes need: deploy/kafka/acls.sh).`;
}

/** As brokers name it, where they do not map names otherwise (`ssl.principal.mapping.rules`). */
function principal({ kafkaSecurity: { tls, sasl } }: Config): string {
  if (sasl !== undefined)
    return sasl.mechanism === 'OAUTHBEARER' ? "'User:<subject of the token>'" : `'User:${sasl.username}'`;
  return tls?.cert === undefined ? 'User:ANONYMOUS' : "'User:<subject of the certificate>'";
}
