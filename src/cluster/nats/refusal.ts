// Why a server is there and yet no connection, in words that name the setting to look at.
import { errors } from '@nats-io/transport-node';
import { tlsTroubleOf } from '../tls-trouble.ts';

/** The server knows the client, or will not know it: another try changes nothing before somebody changes the credentials. */
export function isRefusal(error: unknown): boolean {
  return error instanceof errors.AuthorizationError || error instanceof errors.UserAuthenticationExpiredError;
}

/** @param credentials the settings that say who this client is */
export function reasonOf(error: Error, credentials: string | undefined, byTls = false): string {
  // The server says so in an alert after the handshake, which the client loses: it waits for a word that does not come.
  if (byTls && error instanceof errors.TimeoutError) {
    const hint = 'it may want a certificate, or not take ours: check NATS_CERT_FILE and NATS_KEY_FILE';
    return `${error.message}; by TLS, ${hint}`;
  }
  if (isRefusal(error)) {
    const who = credentials === undefined ? 'a client without credentials' : 'this user';
    const what = credentials ?? 'NATS_CREDS_FILE, NATS_NKEY_SEED_FILE, NATS_USER and NATS_PASSWORD, or NATS_TOKEN';
    return `NATS refused ${who}: ${credentials === undefined ? 'set' : 'check'} ${what} (${error.message})`;
  }
  switch (tlsTroubleOf(error)) {
    case 'untrusted':
      return `the certificate of the NATS server is not trusted: check NATS_CA_FILE (${error.message})`;
    case 'otherName':
      return `the certificate of the NATS server is for another name than NATS_URL has (${error.message})`;
    case 'expired':
      return `the certificate of the NATS server has expired, or is not valid yet (${error.message})`;
    case 'ours':
      return `the NATS server does not take our certificate: check NATS_CERT_FILE and NATS_KEY_FILE (${error.message})`;
    case undefined:
      return error.message;
  }
}
