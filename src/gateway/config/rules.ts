// What a setting may be, one rule per kind. A rule says in words what is allowed and turns a raw value into a typed one;
// `undefined` means: not allowed. Rules know nothing of files or names, so the environment and the YAML file share them.
import { SECRET_ID as SECRET_ID_FORM } from '../../actors/correlation-id.ts';
import { parseDuration } from '../../actors/duration.ts';
import { checkExpression } from '../replies/interpret.ts';

export interface Rule<T> {
  readonly allowed: string;
  parse(raw: unknown): T | undefined;
  /** What exactly is wrong with a value that is not allowed. */
  why?(raw: unknown): string | undefined;
  /** The raw value must never be shown. */
  readonly secret?: boolean;
  /** Of a secret: what was found, without a word of what may not be shown; default its length. */
  found?(raw: unknown): string | undefined;
}

export function text(pattern: RegExp, allowed: string): Rule<string> {
  return { allowed, parse: (raw) => (typeof raw === 'string' && pattern.test(raw) ? raw : undefined) };
}

export function oneOf<const T extends string>(values: readonly T[]): Rule<T> {
  return { allowed: values.join(', '), parse: (raw) => values.find((value) => value === raw) };
}

/** One of the words, or `<word>:<text>` where the text names something. */
export function oneOfOr<const T extends string, const W extends string>(
  values: readonly T[],
  word: W,
  what: string,
  rest: RegExp,
): Rule<{ readonly word: T | W; readonly rest: string }> {
  return {
    allowed: `${values.join(', ')}, or ${word}:<${what}>`,
    parse(raw) {
      const plain = values.find((value) => value === raw);
      if (plain !== undefined) return { word: plain, rest: '' };
      if (typeof raw !== 'string' || !raw.startsWith(`${word}:`)) return undefined;
      const named = raw.slice(word.length + 1);
      return rest.test(named) ? { word, rest: named } : undefined;
    },
  };
}

export interface HttpAddress {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

/** @param port in the examples */
export function httpAddress(port: number): Rule<HttpAddress> {
  return {
    allowed: `host:port, such as 127.0.0.1:${port}, 0.0.0.0:${port} or [::1]:${port}`,
    parse(raw) {
      const match =
        typeof raw === 'string'
          ? /^(\[(?<v6>[0-9a-fA-F:.]+)\]|(?<host>[A-Za-z0-9._-]+)):(?<port>\d{1,5})$/.exec(raw)
          : null;
      const { v6, host, port } = match?.groups ?? {};
      const name = v6 ?? host;
      return name !== undefined && Number(port) <= 65_535 ? { host: name, port: Number(port) } : undefined;
    },
  };
}

export function integer(min: number, max: number): Rule<number> {
  return {
    allowed: `a whole number from ${min} to ${max}`,
    parse: (raw) => (Number.isInteger(raw) && Number(raw) >= min && Number(raw) <= max ? Number(raw) : undefined),
  };
}

/** An ISO 8601 duration in ms; the bounds are given in the same form. */
export function duration(min: string, max: string): Rule<number> {
  const [minMs, maxMs] = [parseDuration(min), parseDuration(max)];
  return {
    allowed: `an ISO 8601 duration from ${min} to ${max}, such as PT30S, PT10M or P1D`,
    parse(raw) {
      const ms = typeof raw === 'string' ? durationOf(raw) : undefined;
      return ms !== undefined && ms >= minMs && ms <= maxMs ? ms : undefined;
    },
  };
}

function durationOf(raw: string): number | undefined {
  try {
    return parseDuration(raw);
  } catch {
    return undefined;
  }
}

export const TOPIC: Rule<string> = text(
  /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/,
  'a Kafka topic name: 1 to 249 letters, digits, ".", "_" and "-"',
);
export const CLUSTER: Rule<string> = text(/^[a-z0-9-]{1,32}$/, '1 to 32 lower-case letters, digits and "-"');
export const JOB_TYPE: Rule<string> = text(
  /^[^\p{Cc}]{1,256}$/u,
  'the job type of the service task, 1 to 256 characters (quote numbers)',
);
/** As BPMN errors and messages are named in a model. */
export const ERROR_CODE = /^[^\p{Cc}]{1,256}$/u;
export const MESSAGE_NAME = /^[^\p{Cc}]{1,256}$/u;

export const FLAG: Rule<boolean> = {
  allowed: 'true or false',
  parse: (raw) => (typeof raw === 'boolean' ? raw : undefined),
};

export const MAX_EXPRESSION_CHARS = 8192;

/** FEEL, with or without the leading "=" that modellers write; kept without it. */
export const EXPRESSION: Rule<string> = {
  allowed: `a FEEL expression of at most ${MAX_EXPRESSION_CHARS} characters, such as "= response.id"`,
  parse(raw) {
    if (typeof raw !== 'string' || raw.length > MAX_EXPRESSION_CHARS) return undefined;
    const expression = expressionIn(raw);
    return expression !== '' && checkExpression(expression) === undefined ? expression : undefined;
  },
  why: (raw) => (typeof raw === 'string' ? checkExpression(expressionIn(raw)) : undefined),
};

function expressionIn(raw: string): string {
  return raw.replace(/^\s*=/, '').trim();
}

/** Ours and those of the frameworks would be lost on a service if anybody could overwrite them. */
export const HEADER_NAME: Rule<string> = text(
  /^(?!kafka_|holdfast-|ce_|REPLY_)[A-Za-z0-9._-]{1,128}$/,
  'header names of letters, digits, ".", "_" and "-", none that begins with kafka_, ce_, REPLY_ or holdfast-',
);
export const HEADER_VALUE: Rule<string> = text(/^.{1,4096}$/su, 'a text, or a FEEL expression with a leading "="');

export const VARIABLE: Rule<string> = text(/^[^\p{Cc}\s]{1,256}$/u, 'names of process variables');
export const TENANT: Rule<string> = text(
  /^(<default>|[A-Za-z0-9._-]{1,31})$/,
  'tenant ids of 1 to 31 letters, digits, ".", "_" and "-", or "<default>"',
);
export const SECRET_ID: Rule<string> = text(SECRET_ID_FORM, '1 to 8 lower-case letters and digits');

const MIN_KEY_BYTES = 16;
const MAX_KEY_BYTES = 1024;

export const SECRET_KEY: Rule<Uint8Array> = {
  secret: true,
  allowed: `base64 of ${MIN_KEY_BYTES} to ${MAX_KEY_BYTES} random bytes, for example from "openssl rand -base64 32"`,
  parse(raw) {
    if (typeof raw !== 'string' || !/^[A-Za-z0-9+/]+={0,2}$/.test(raw) || raw.length % 4 !== 0) return undefined;
    const key = new Uint8Array(Buffer.from(raw, 'base64'));
    return key.length >= MIN_KEY_BYTES && key.length <= MAX_KEY_BYTES ? key : undefined;
  },
};
