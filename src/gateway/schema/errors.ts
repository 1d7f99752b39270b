// What can be wrong between a value and its schema, divided by what the caller should do. The messages are read by people:
// in an incident, or beside a dead letter.
import { whereIn } from '../json/fault.ts';

/** A value and a schema that do not go together, seen from inside a codec; `SchemaMismatch` says it outside. */
export class Misfit extends Error {
  readonly path: string;
  readonly found: string;
  readonly expected: string;

  /** `path` as in FEEL, with indices from 0: `items[0].sku`; '' is the value itself. */
  constructor(path: string, found: string, expected: string) {
    super(`${path || 'it'} is ${found}, expected ${expected}`);
    this.path = path;
    this.found = found;
    this.expected = expected;
  }
}

/** The value does not fit its schema, or the bytes are not what their schema says. Something else has to be sent. */
export class SchemaMismatch extends Error {
  readonly code = 'SCHEMA_MISMATCH';
  readonly retryable = false;
  readonly path: string;
  readonly found: string;
  readonly expected: string;

  /** `schema` says which, for people: `schema 7, the latest of subject orders-value`. */
  constructor(schema: string, misfit: Misfit) {
    super(`the value does not fit ${schema}: ${misfit.message}`, { cause: misfit });
    this.path = misfit.path;
    this.found = misfit.found;
    this.expected = misfit.expected;
  }
}

/** The registry answered, and has no such subject, id or reference. It may have one later: somebody has to register it. */
export class SchemaUnknown extends Error {
  readonly code = 'SCHEMA_UNKNOWN';
  readonly retryable = false;
  constructor(what: string) {
    super(`the schema registry knows no ${what}`);
  }
}

/** The registry has the schema, and it cannot be used: of an unknown type, incomplete, or beyond a limit. */
export class SchemaUnusable extends Error {
  readonly code = 'SCHEMA_UNUSABLE';
  readonly retryable = false;
  constructor(schema: string, reason: string, cause?: unknown) {
    super(`${schema} cannot be used: ${reason}`, { cause });
  }
}

/** No answer, or one that says nothing about the schema. Nothing is known; ask again later. */
export class RegistryUnavailable extends Error {
  readonly code = 'REGISTRY_UNAVAILABLE';
  readonly retryable = true;
  constructor(url: string, reason: string, cause?: unknown) {
    super(`the schema registry ${url} ${reason}`, { cause });
  }
}

/**
 * A JSON value by its kind, as a reader of the message recognises it; never the value itself. It is payload, which not everybody
 * may see who is told of this (logs, dead letters, incidents, the API).
 */
export function describe(value: unknown): string {
  if (value === undefined) return 'absent';
  if (value === null) return 'null';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'string') return `a text of ${value.length} ${value.length === 1 ? 'character' : 'characters'}`;
  if (typeof value === 'boolean') return 'a boolean';
  return typeof value === 'number' && !Number.isInteger(value) ? 'a number with a fraction' : 'a whole number';
}

export function notJson(error: unknown): Misfit {
  return new Misfit('', `no JSON${whereIn(error)}`, 'JSON');
}
