// What kafkajs is told about TLS and SASL so that whatever stands in files is read anew at every connection: certificates by
// a socket factory of ours, the password by a getter, which kafkajs asks each time it logs in. So a secret that was rotated is
// used from the next connection on, by clients that exist as by those that are made later.
import { isIP } from 'node:net';
import { connect, type SecureContextOptions } from 'node:tls';
import type { ISocketFactory, KafkaConfig } from 'kafkajs';
import type { KafkaPassword, KafkaSecurity, KafkaTls } from '../config/kafka.ts';
import { bearerLogin } from './oauth-login.ts';
import { TokenSource } from './oauth-token.ts';

const KEEP_ALIVE_MS = 60_000;

export function securityOptions({ tls, sasl }: KafkaSecurity): Pick<KafkaConfig, 'ssl' | 'sasl' | 'socketFactory'> {
  const login =
    sasl?.mechanism === 'OAUTHBEARER'
      ? bearerLogin(new TokenSource(sasl))
      : sasl === undefined
        ? undefined
        : passwordLogin(sasl);
  return {
    ...(tls !== undefined && { ssl: true, socketFactory: tlsSockets(tls) }),
    ...(login !== undefined && { sasl: login }),
  };
}

function passwordLogin({ mechanism, username, password }: KafkaPassword): NonNullable<KafkaConfig['sasl']> {
  const rest = {
    username,
    get password() {
      return password.read();
    },
  };
  // Spread would read the password now, and for good.
  switch (mechanism) {
    case 'PLAIN':
      return Object.assign(rest, { mechanism: 'plain' as const });
    case 'SCRAM-SHA-256':
      return Object.assign(rest, { mechanism: 'scram-sha-256' as const });
    case 'SCRAM-SHA-512':
      return Object.assign(rest, { mechanism: 'scram-sha-512' as const });
  }
}

function tlsSockets(tls: KafkaTls): ISocketFactory {
  return ({ host, port, onConnect }) => {
    const servername = tls.serverName ?? (isIP(host) === 0 ? host : undefined);
    const options = { host, port, ...(servername !== undefined && { servername }), ...contextOf(tls) };
    return connect(options, onConnect).setKeepAlive(true, KEEP_ALIVE_MS);
  };
}

/** @throws SecretUnreadable */
function contextOf({ ca, cert, key, keyPassword }: KafkaTls): SecureContextOptions {
  return {
    ...(ca !== undefined && { ca: ca.read() }),
    ...(cert !== undefined && { cert: cert.read() }),
    ...(key !== undefined && { key: key.read() }),
    ...(keyPassword !== undefined && { passphrase: keyPassword.read() }),
  };
}
