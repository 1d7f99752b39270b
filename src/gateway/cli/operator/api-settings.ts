// Where the API is and who asks: from the environment and two options, without holdfast.yaml. The token never comes from the
// command line, where every process of the machine could read it, and is in no message.
import { readFileSync } from 'node:fs';
import type { Env } from '../../config/secret.ts';
import { type Arguments, UsageFault } from '../command-line.ts';
import { duration } from '../values.ts';

export interface ApiSettings {
  /** Asked in this order, beginning with the one that answered last. */
  readonly urls: readonly URL[];
  readonly token: string | undefined;
  /** PEM; undefined: the certificate authorities that Node knows. */
  readonly ca: string | undefined;
  /** Of one call to one address. */
  readonly timeoutMs: number;
}

export const DEFAULT_URL = 'http://127.0.0.1:8091';
/** Longer than a node takes to say that it has no answer; dead letters are read from Kafka, which takes longer. */
const DEFAULT_TIMEOUT_MS = 20_000;
const LETTERS_TIMEOUT_MS = 35_000;
const MAX_URLS = 16;
/** Printable, and without blanks: it becomes part of a header. */
const TOKEN = /^[\x21-\x7e]{1,8192}$/;
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** @throws UsageFault */
export function readApiSettings(args: Arguments, env: Env): ApiSettings {
  const timeout = args.value('timeout');
  const defaultMs = args.command.startsWith('dlq ') ? LETTERS_TIMEOUT_MS : DEFAULT_TIMEOUT_MS;
  const said = args.value('url');
  const name = said === undefined ? 'HOLDFAST_API_URL' : '--url';
  return {
    urls: urlsOf(name, said ?? (env.HOLDFAST_API_URL?.trim() || DEFAULT_URL)),
    token: tokenOf(env),
    ca: caOf(env),
    timeoutMs: timeout === undefined ? defaultMs : duration('--timeout', timeout, 100, 600_000),
  };
}

/** Addresses that would carry the token where others on the way can read it. */
export function exposed({ urls, token }: ApiSettings): readonly URL[] {
  return token === undefined ? [] : urls.filter((url) => url.protocol === 'http:' && !LOOPBACK.test(url.hostname));
}

function urlsOf(name: string, text: string): readonly URL[] {
  const allowed = `up to ${MAX_URLS} addresses such as https://node-1:8091, separated by commas`;
  const urls = text.split(',').map((part) => {
    const url = URL.parse(part.trim());
    if (url === null || !/^https?:$/.test(url.protocol))
      throw new UsageFault(`${name} is wrong; allowed are ${allowed}`);
    if (url.username !== '' || url.password !== '')
      throw new UsageFault(`${name} holds a user or password, which belong in HOLDFAST_API_TOKEN_FILE as a token`);
    if (url.search !== '' || url.hash !== '') throw new UsageFault(`${name} holds a query; allowed are ${allowed}`);
    if (!url.pathname.endsWith('/')) url.pathname += '/';
    return url;
  });
  if (urls.length > MAX_URLS) throw new UsageFault(`${name} has ${urls.length} addresses; allowed are ${allowed}`);
  return urls;
}

function tokenOf(env: Env): string | undefined {
  const given = env.HOLDFAST_API_TOKEN?.trim() || undefined;
  const file = env.HOLDFAST_API_TOKEN_FILE?.trim() || undefined;
  if (given !== undefined && file !== undefined)
    throw new UsageFault('both HOLDFAST_API_TOKEN and HOLDFAST_API_TOKEN_FILE are set; one of them is allowed');
  const name = file === undefined ? 'HOLDFAST_API_TOKEN' : 'HOLDFAST_API_TOKEN_FILE';
  const token = file === undefined ? given : contentOf(name, file).trim();
  if (token !== undefined && !TOKEN.test(token))
    throw new UsageFault(`${name} holds no token; allowed is one line of printable characters without blanks`);
  return token;
}

function caOf(env: Env): string | undefined {
  const file = env.HOLDFAST_API_CA_FILE?.trim() || undefined;
  if (file === undefined) return undefined;
  const pem = contentOf('HOLDFAST_API_CA_FILE', file);
  if (!pem.includes('-----BEGIN CERTIFICATE-----'))
    throw new UsageFault(`HOLDFAST_API_CA_FILE: ${file} holds no certificate in PEM form`);
  return pem;
}

function contentOf(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new UsageFault(`${name}: ${file} cannot be read (${why})`);
  }
}
