// How Kafka is spoken to: in the clear or by TLS, and who we say we are. Names and words are those of Kafka's own clients
// (`security.protocol`, `sasl.mechanism`, `sasl.oauthbearer.…`) as environment variables. What cannot be meant together is
// a fault: a password beside PLAINTEXT would mean that somebody believes to be protected and is not.
import { oneOf, type Rule, text } from './rules.ts';
import { type EnvReader, PASSWORD, type SecretText } from './secret.ts';
import { checkTogether, type TlsFiles, tlsFilesOf } from './tls.ts';

export interface KafkaSecurity {
  /** Undefined: plain text. */
  readonly tls: KafkaTls | undefined;
  /** Undefined: nobody asks who we are, or only by our certificate. */
  readonly sasl: KafkaSasl | undefined;
}

export interface KafkaTls extends TlsFiles {
  /** Name that every broker's certificate has to bear; undefined: the broker's host. */
  readonly serverName: string | undefined;
}

export type KafkaSasl = KafkaPassword | KafkaOAuth;

export interface KafkaPassword {
  readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
  readonly username: string;
  readonly password: SecretText;
}

/** Client credentials grant (RFC 6749, section 4.4). */
export interface KafkaOAuth {
  readonly mechanism: 'OAUTHBEARER';
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: SecretText;
  /** '' none. */
  readonly scope: string;
}

export const NO_KAFKA_SECURITY: KafkaSecurity = { tls: undefined, sasl: undefined };

const PROTOCOL = oneOf(['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL']);
const MECHANISM = oneOf(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER']);
const NAME = text(/^[^\p{Cc}]{1,256}$/u, 'a text of 1 to 256 characters');
const SCOPE = text(/^[\x21-\x7e]+( [\x21-\x7e]+)*$/, 'scopes separated by spaces');
const HOST = text(/^[A-Za-z0-9._-]{1,253}$/, 'the name in the certificates of the brokers');
const TOKEN_URL: Rule<string> = {
  allowed: 'the http or https URL of a token endpoint, without credentials',
  parse: (raw) => (typeof raw === 'string' && /^https?:\/\/[^\s@]+$/.test(raw) && URL.canParse(raw) ? raw : undefined),
};

const OAUTH = 'KAFKA_SASL_OAUTHBEARER_';

export function kafkaSecurityOf(env: EnvReader): KafkaSecurity {
  const protocol = env.optional('KAFKA_SECURITY_PROTOCOL', PROTOCOL) ?? 'PLAINTEXT';
  const mechanism = env.optional('KAFKA_SASL_MECHANISM', MECHANISM);
  const username = env.optional('KAFKA_SASL_USERNAME', NAME);
  const password = env.secret('KAFKA_SASL_PASSWORD');
  const tokenUrl = env.optional(`${OAUTH}TOKEN_ENDPOINT_URL`, TOKEN_URL);
  const clientId = env.optional(`${OAUTH}CLIENT_ID`, NAME);
  const clientSecret = env.secret(`${OAUTH}CLIENT_SECRET`);
  const scope = env.optional(`${OAUTH}SCOPE`, SCOPE) ?? '';
  const files = tlsFilesOf(env, 'KAFKA_SSL', true);
  const serverName = env.optional('KAFKA_SSL_SERVER_NAME', HOST);
  if (env.faulty) return NO_KAFKA_SECURITY;

  const required = <T>(value: T | undefined, name: string, allowed: string): T | undefined => {
    if (value === undefined) env.fault(name, 'nothing', allowed);
    return value;
  };
  /** Faults of settings that mean nothing beside another one. */
  const idle = (names: readonly string[], beside: string, instead: string) => {
    for (const name of names) env.fault(name, `a setting that ${beside} does not use`, `${instead}, or nothing here`);
  };
  const login = (): KafkaSasl | undefined => {
    if (!protocol.startsWith('SASL_')) {
      const instead = 'KAFKA_SECURITY_PROTOCOL SASL_SSL or SASL_PLAINTEXT';
      idle(env.given('KAFKA_SASL_'), `KAFKA_SECURITY_PROTOCOL ${protocol}`, instead);
      return undefined;
    }
    if (required(mechanism, 'KAFKA_SASL_MECHANISM', MECHANISM.allowed) === undefined) return undefined;
    if (mechanism === 'OAUTHBEARER') {
      const idleNames = [...env.given('KAFKA_SASL_USERNAME'), ...env.given('KAFKA_SASL_PASSWORD')];
      idle(idleNames, 'KAFKA_SASL_MECHANISM OAUTHBEARER', `${OAUTH}CLIENT_ID and ${OAUTH}CLIENT_SECRET`);
      required(tokenUrl, `${OAUTH}TOKEN_ENDPOINT_URL`, TOKEN_URL.allowed);
      required(clientId, `${OAUTH}CLIENT_ID`, NAME.allowed);
      required(clientSecret, `${OAUTH}CLIENT_SECRET`, PASSWORD.allowed);
      if (tokenUrl === undefined || clientId === undefined || clientSecret === undefined) return undefined;
      return { mechanism, tokenUrl, clientId, clientSecret, scope };
    }
    idle(env.given(OAUTH), `KAFKA_SASL_MECHANISM ${mechanism}`, 'OAUTHBEARER there');
    required(username, 'KAFKA_SASL_USERNAME', NAME.allowed);
    required(password, 'KAFKA_SASL_PASSWORD', PASSWORD.allowed);
    if (mechanism === undefined || username === undefined || password === undefined) return undefined;
    return { mechanism, username, password };
  };
  const sasl = login();
  if (protocol.endsWith('SSL')) {
    checkTogether(env, 'KAFKA_SSL', files);
    return { tls: { ...files, serverName }, sasl };
  }
  const instead = 'KAFKA_SECURITY_PROTOCOL SSL or SASL_SSL';
  idle(env.given('KAFKA_SSL_'), `KAFKA_SECURITY_PROTOCOL ${protocol}`, instead);
  return { tls: undefined, sasl };
}
