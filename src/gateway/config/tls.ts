// Files of TLS, as Kafka and NATS name them: who is trusted, and who we are. That they fit together is found out at the start,
// by the library that will use them.
import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { Rule } from './rules.ts';
import type { EnvReader, SecretText } from './secret.ts';

export interface TlsFiles {
  /** Undefined: the authorities that Node trusts. */
  readonly ca: SecretText | undefined;
  /** Of the client; both or none. */
  readonly cert: SecretText | undefined;
  readonly key: SecretText | undefined;
  readonly keyPassword: SecretText | undefined;
}

const CERTIFICATES: Rule<string> = {
  allowed: 'PEM certificates',
  parse(raw) {
    try {
      new X509Certificate(String(raw));
      return String(raw);
    } catch {
      return undefined;
    }
  },
};

const PRIVATE_KEY: Rule<string> = {
  allowed: 'a PEM private key',
  secret: true,
  parse: (raw) => (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(String(raw)) ? String(raw) : undefined),
};

/** @param prefix `KAFKA_SSL` or `NATS` @param withPassword whether there is a setting for the key's */
export function tlsFilesOf(env: EnvReader, prefix: string, withPassword: boolean): TlsFiles {
  return {
    ca: env.file(`${prefix}_CA_FILE`, CERTIFICATES, 'the path of a file with the PEM certificates that are trusted'),
    cert: env.file(
      `${prefix}_CERT_FILE`,
      CERTIFICATES,
      'the path of a file with the PEM certificate of this client and those above it',
    ),
    key: env.file(`${prefix}_KEY_FILE`, PRIVATE_KEY, `the path of a file with the PEM key of ${prefix}_CERT_FILE`),
    keyPassword: withPassword ? env.secret(`${prefix}_KEY_PASSWORD`) : undefined,
  };
}

/** To be called when each of them was read without a fault. */
export function checkTogether(env: EnvReader, prefix: string, { cert, key, keyPassword }: TlsFiles): void {
  const missing = (name: string, of: string) =>
    env.fault(`${prefix}_${name}`, 'nothing', `a file, with ${prefix}_${of}`);
  if (cert === undefined && key !== undefined) missing('CERT_FILE', 'KEY_FILE');
  if (key === undefined && cert !== undefined) missing('KEY_FILE', 'CERT_FILE');
  if (key === undefined && keyPassword !== undefined) missing('KEY_FILE', 'KEY_PASSWORD');
  if (cert === undefined || key === undefined) return;
  try {
    const passphrase = keyPassword?.read();
    createSecureContext({ cert: cert.read(), key: key.read(), ...(passphrase !== undefined && { passphrase }) });
  } catch (error) {
    const { code = 'unusable' } = error as NodeJS.ErrnoException;
    const password = keyPassword === undefined ? '' : `, encrypted with ${prefix}_KEY_PASSWORD if at all`;
    env.fault(`${prefix}_KEY_FILE`, `${key.path} (${code})`, `the key of ${cert.path}${password}`);
  }
}
