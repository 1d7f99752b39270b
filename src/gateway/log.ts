// Logs: one JSON line per transition on standard output, with fixed names for what is searched for.
//
// `Log` is what the rest of the gateway sees, small enough that a test or the simulator brings its own. Fields whose
// names say that they are secret are cut, at the top and one level down; secrets of the configuration do not show
// themselves anyway (config/config.ts, `Secret`).
import { type DestinationStream, pino } from 'pino';

/** The fixed names, and whatever else a line has to say. An `Error` goes under `err`. */
export interface LogFields {
  readonly node?: string;
  readonly incarnation?: string;
  readonly shard?: number;
  readonly epoch?: number;
  readonly correlationId?: string;
  readonly jobKey?: string;
  readonly revision?: number;
  /** Of the process instance that the job is of: the trace in which its call is found. */
  readonly traceId?: string | undefined;
  readonly err?: unknown;
  readonly [further: string]: unknown;
}

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log that adds these fields to every line. */
  with(fields: LogFields): Log;
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const SECRET_FIELDS = [
  'key',
  'secret',
  'secrets',
  'password',
  'pass',
  'token',
  'authorization',
  'creds',
  'nkey',
  'seed',
];

/** Says nothing. */
export const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {}, with: () => SILENT };

/** `destination` is standard output unless a test wants to read the lines. */
export function createLog(level: LogLevel, fields: LogFields = {}, destination?: DestinationStream): Log {
  const options = {
    level,
    base: fields,
    messageKey: 'message',
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    hooks: { streamWrite: harmless },
    redact: { paths: SECRET_FIELDS.flatMap((name) => [name, `*.${name}`]), censor: '[secret]' },
  };
  return wrap(destination === undefined ? pino(options) : pino(options, destination));
}

/** What JSON leaves as it is and a terminal may obey: C1 controls, marks that turn the direction of text. It means the same. */
const OBEYED = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

function harmless(line: string): string {
  return line.replace(OBEYED, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function wrap(logger: pino.Logger): Log {
  return {
    debug: (message, fields = {}) => logger.debug(fields, message),
    info: (message, fields = {}) => logger.info(fields, message),
    warn: (message, fields = {}) => logger.warn(fields, message),
    error: (message, fields = {}) => logger.error(fields, message),
    with: (fields) => wrap(logger.child(fields)),
  };
}
