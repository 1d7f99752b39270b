// The settings of the API's listener. On loopback it may be open to everybody on the machine; anywhere else it needs TLS and
// to know who asks, and without both the node does not start. Files are read here once, so that a fault in them is told with
// all others; who uses them reads them again when they change (http/api).
import { BlockList, isIP, isIPv6 } from 'node:net';
import { assertKeyPair } from '../key-pair.ts';
import { ROLES, type Role } from '../operations/operations.ts';
import { tokensIn } from './api-tokens.ts';
import { ConfigError, type Fault, show } from './faults.ts';
import { type HttpAddress, httpAddress, oneOf, type Rule, text } from './rules.ts';
import type { Env } from './secret.ts';

export interface OidcSettings {
  readonly issuer: string;
  readonly audience: string;
  /** undefined: as the issuer's discovery document says. */
  readonly jwksUrl: string | undefined;
  /** The claim itself, or a path of names with dots between them. */
  readonly rolesClaim: string;
  /** Before viewer, operator and admin. */
  readonly rolePrefix: string;
}

export interface ApiSettings {
  readonly address: HttpAddress;
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  readonly tokensFile: string | undefined;
  readonly oidc: OidcSettings | undefined;
  /** The least role that sees payloads. */
  readonly payloads: Role | 'nobody';
}

const [CERT, KEY] = ['HOLDFAST_API_TLS_CERT_FILE', 'HOLDFAST_API_TLS_KEY_FILE'];
const TOKENS = 'HOLDFAST_API_TOKENS_FILE';
const [ISSUER, AUDIENCE] = ['HOLDFAST_API_OIDC_ISSUER', 'HOLDFAST_API_OIDC_AUDIENCE'];

const DEFAULT_ADDRESS: HttpAddress = { host: '127.0.0.1', port: 8091 };
const ADDRESS: Rule<HttpAddress | 'off'> = {
  allowed: `${httpAddress(DEFAULT_ADDRESS.port).allowed}; or off`,
  parse: (raw) => (raw === 'off' ? 'off' : httpAddress(DEFAULT_ADDRESS.port).parse(raw)),
};
const URL_FORM: Rule<string> = {
  allowed:
    'an https:// URL without credentials (http:// only of this machine), such as https://login.example.org/realms/ops',
  parse: (raw) => (typeof raw === 'string' && isSafeUrl(raw) ? raw : undefined),
};
const AUDIENCE_FORM = text(/^[!-~]{1,255}$/, '1 to 255 characters without spaces, as in the claim aud');
const CLAIM = text(/^[A-Za-z0-9_.:/-]{1,200}$/, 'a claim, such as roles or realm_access.roles');
const PREFIX = text(/^[A-Za-z0-9_.:/-]{1,64}$/, '1 to 64 letters, digits, "_", ".", ":", "/" and "-"');
const FILES: Readonly<Record<string, string>> = {
  [CERT]: 'the path of a readable PEM file: the certificate, and behind it those that lead to its root',
  [KEY]: 'the path of a readable PEM file with the private key of the certificate, not encrypted',
  [TOKENS]: 'the path of a readable YAML file: a list of name, role and sha256',
};

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** A name counts only if it is `localhost`: any other may come to mean something else. */
export function isLoopback(host: string): boolean {
  if (isIP(host) === 0) return host.toLowerCase() === 'localhost';
  return LOOPBACK.check(host, isIPv6(host) ? 'ipv6' : 'ipv4');
}

/** Secrets and keys travel there, or what is believed comes from there. */
export function isSafeUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password, hash } = new URL(text);
  const isLocal = isLoopback(hostname.replace(/^\[(.*)\]$/, '$1'));
  return (protocol === 'https:' || (protocol === 'http:' && isLocal)) && `${username}${password}${hash}` === '';
}

/** undefined: off. Faults go into `faults`, and the result is only good when there is none. */
export function apiOf(env: Env, faults: Fault[], readFile: (path: string) => string): ApiSettings | undefined {
  const has = (name: string): boolean => (env[name]?.trim() ?? '') !== '';
  const read = <T, D>(name: string, rule: Rule<T>, otherwise: D): T | D => {
    const raw = env[name]?.trim() || undefined;
    if (raw === undefined) return otherwise;
    const value = rule.parse(raw);
    if (value === undefined) faults.push({ setting: name, found: show(raw), allowed: rule.allowed });
    return value ?? otherwise;
  };
  const file = (name: string) => contentOf(name, env[name]?.trim() || undefined, readFile, faults);

  const address = read('HOLDFAST_API', ADDRESS, has('HOLDFAST_API') ? undefined : DEFAULT_ADDRESS);
  const [cert, key, tokens] = [file(CERT), file(KEY), file(TOKENS)];
  const issuer = read(ISSUER, URL_FORM, undefined);
  const audience = read(AUDIENCE, AUDIENCE_FORM, undefined);
  const jwksUrl = read('HOLDFAST_API_OIDC_JWKS_URL', URL_FORM, undefined);
  const rolesClaim = read('HOLDFAST_API_OIDC_ROLES_CLAIM', CLAIM, 'roles');
  const rolePrefix = read('HOLDFAST_API_OIDC_ROLE_PREFIX', PREFIX, 'holdfast-');
  const payloads = read('HOLDFAST_API_PAYLOADS', oneOf([...ROLES, 'nobody']), 'admin');
  if (address === 'off') return undefined;

  for (const [one, other] of [
    [CERT, KEY],
    [KEY, CERT],
    [ISSUER, AUDIENCE],
    [AUDIENCE, ISSUER],
  ] as const) {
    if (has(one) && !has(other)) {
      faults.push({
        setting: other,
        found: 'nothing',
        allowed: `a value, for ${one} is set, and one is no use without the other`,
      });
    }
  }
  if (cert !== undefined && key !== undefined) checkPair(cert, key, faults);
  if (tokens !== undefined) checkTokens(tokens, faults);
  if (address === undefined) return undefined;
  checkOpenness(address, has(CERT) && has(KEY), has(TOKENS) || has(ISSUER), faults);
  const oidc =
    issuer === undefined || audience === undefined ? undefined : { issuer, audience, jwksUrl, rolesClaim, rolePrefix };
  const tls = cert && key && { certFile: cert.path, keyFile: key.path };
  return { address, tls, tokensFile: tokens?.path, oidc, payloads };
}

function checkOpenness({ host, port }: HttpAddress, hasTls: boolean, knowsWho: boolean, faults: Fault[]): void {
  if (isLoopback(host) || (hasTls && knowsWho)) return;
  const tls = `TLS (${CERT} and ${KEY})`;
  const who = `authentication (${TOKENS}, or ${ISSUER} and ${AUDIENCE})`;
  const lacking = [...(hasTls ? [] : [tls]), ...(knowsWho ? [] : [who])].join(' and ');
  faults.push({
    setting: 'HOLDFAST_API',
    found: `${show(`${host}:${port}`)} without ${lacking}`,
    allowed: `with ${tls} and ${who} any address; otherwise only one of this machine, such as 127.0.0.1:${DEFAULT_ADDRESS.port}; or off`,
  });
}

interface Content {
  readonly path: string;
  readonly text: string;
}

function contentOf(
  name: string,
  path: string | undefined,
  readFile: (path: string) => string,
  faults: Fault[],
): Content | undefined {
  if (path === undefined) return undefined;
  try {
    return { path, text: readFile(path) };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'not readable';
    faults.push({ setting: name, found: `${show(path)} (${code})`, allowed: FILES[name] ?? 'a readable file' });
    return undefined;
  }
}

function checkPair(cert: Content, key: Content, faults: Fault[]): void {
  try {
    assertKeyPair(cert.text, key.text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const allowed = 'a certificate and its own private key, both PEM, the key not encrypted';
    faults.push({ setting: `${CERT} and ${KEY}`, found: `${cert.path} and ${key.path} (${why})`, allowed });
  }
}

function checkTokens({ path, text }: Content, faults: Fault[]): void {
  try {
    tokensIn(path, text);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const { setting, line, found, allowed } of error.faults) {
      const place = [path, ...(line === undefined ? [] : [line])].join(':');
      faults.push({ setting: setting === path ? TOKENS : `${TOKENS} ${place} ${setting}`, found, allowed });
    }
  }
}
