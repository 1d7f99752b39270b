// How NATS is spoken to: by TLS, and who we say we are: a credentials file, an NKey seed, user and password, or a token; at
// most one of them. All of it may stand in files, which are read again at every connect.
import { credsAuthenticator, nkeyAuthenticator } from '@nats-io/transport-node';
import type { LinkOptions } from '../../cluster/nats/connection.ts';
import { authenticatorOf, type NatsLogin } from '../../cluster/nats/login.ts';
import { type Rule, text } from './rules.ts';
import { type EnvReader, PASSWORD, type SecretText } from './secret.ts';
import { checkTogether, type TlsFiles, tlsFilesOf } from './tls.ts';

export interface NatsAccess {
  /** Undefined: TLS only if the server insists, and by the authorities that Node trusts. */
  readonly tls: TlsFiles | undefined;
  readonly login: NatsCredentials | undefined;
  /** What subjects for answers begin with. */
  readonly inboxPrefix: string;
}

export type NatsCredentials =
  | { readonly kind: 'creds' | 'nkey' | 'token'; readonly setting: string; readonly secret: SecretText }
  | { readonly kind: 'password'; readonly setting: string; readonly user: string; readonly secret: SecretText };

const USER = text(/^[^\p{Cc}]{1,256}$/u, 'a text of 1 to 256 characters');
const PREFIX = text(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){0,7}$/, 'a subject without wildcards, such as _INBOX_orders');

/** What the client itself can sign with. */
function usable(allowed: string, sign: (content: string) => unknown): Rule<string> {
  const parse = (raw: unknown) => {
    try {
      sign(String(raw));
      return String(raw);
    } catch {
      return undefined;
    }
  };
  return { allowed, secret: true, parse };
}

const CREDS = usable('a credentials file', (creds) => credsAuthenticator(Buffer.from(`${creds}\n`))('nonce'));
const SEED = usable('an NKey seed', (seed) => nkeyAuthenticator(Buffer.from(seed))('nonce'));

export function natsAccessOf(env: EnvReader, urls: readonly string[]): NatsAccess {
  const tls = tlsFilesOf(env, 'NATS', false);
  const creds = env.file(
    'NATS_CREDS_FILE',
    CREDS,
    'the path of a NATS credentials file: a JWT and the seed of its NKey',
  );
  const seed = env.file('NATS_NKEY_SEED_FILE', SEED, 'the path of a file with the seed of a user NKey, SU…');
  const user = env.optional('NATS_USER', USER);
  const password = env.secret('NATS_PASSWORD');
  const token = env.secret('NATS_TOKEN');
  const inboxPrefix = env.optional('NATS_INBOX_PREFIX', PREFIX) ?? '_INBOX';
  const nothing = { tls: undefined, login: undefined, inboxPrefix };
  if (env.faulty) return nothing;

  checkTogether(env, 'NATS', tls);
  if (user === undefined && password !== undefined)
    env.fault('NATS_USER', 'nothing', `${USER.allowed}, with NATS_PASSWORD`);
  if (user !== undefined && password === undefined) {
    env.fault('NATS_PASSWORD', 'nothing', `${PASSWORD.allowed}, with NATS_USER`);
  }
  const logins: NatsCredentials[] = [];
  if (creds !== undefined) logins.push({ kind: 'creds', setting: 'NATS_CREDS_FILE', secret: creds });
  if (seed !== undefined) logins.push({ kind: 'nkey', setting: 'NATS_NKEY_SEED_FILE', secret: seed });
  if (user !== undefined && password !== undefined) {
    logins.push({ kind: 'password', setting: 'NATS_USER and NATS_PASSWORD', user, secret: password });
  }
  if (token !== undefined) logins.push({ kind: 'token', setting: 'NATS_TOKEN', secret: token });
  const inUrl = urls.some((url) => /^\w+:\/\/[^/]*@/.test(url)) ? ['a user in NATS_URL'] : [];
  const ways = [...logins.map(({ setting }) => setting), ...inUrl];
  if (ways.length > 1) env.fault(logins[0]?.setting ?? '', ways.join(', '), 'one of them: a client is one user');

  const files = [tls.ca, tls.cert, tls.key].some((file) => file !== undefined);
  const byTls = files || urls.some((url) => url.startsWith('tls://'));
  return { tls: byTls ? tls : undefined, login: logins[0], inboxPrefix };
}

/** What a connection to NATS is made with, wherever one is made. */
export function natsLink({
  natsUrls,
  natsAccess,
}: {
  readonly natsUrls: readonly string[];
  readonly natsAccess: NatsAccess;
}) {
  const { tls, login, inboxPrefix } = natsAccess;
  const inUrl = natsUrls.some((url) => url.includes('@')) ? 'the user in NATS_URL' : undefined;
  const options = {
    ...(tls !== undefined && { tls: pathsOf(tls) }),
    ...(login !== undefined && { authenticator: authenticatorOf(loginOf(login)) }),
    inboxPrefix,
  };
  return {
    url: natsUrls.join(','),
    options,
    credentials: login?.setting ?? inUrl,
  } satisfies Partial<LinkOptions>;
}

/** The client reads these files itself, at every connect. */
function pathsOf({ ca, cert, key }: TlsFiles) {
  return {
    ...(ca?.path !== undefined && { caFile: ca.path }),
    ...(cert?.path !== undefined && { certFile: cert.path }),
    ...(key?.path !== undefined && { keyFile: key.path }),
  };
}

function loginOf(login: NatsCredentials): NatsLogin {
  const read = () => login.secret.read();
  return login.kind === 'password' ? { kind: 'password', user: login.user, read } : { kind: login.kind, read };
}
