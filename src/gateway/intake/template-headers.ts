// The record headers that a process model adds to its request: a FEEL context of names and texts. Numbers and booleans are
// texts too, as the engine writes them; null leaves the header out, so that a model can write {priority: order.priority}
// without asking first whether there is one.
import { show } from '../config/faults.ts';
import { HEADER_NAME } from '../config/rules.ts';
import { members } from '../json/slices.ts';
import { found, scalarOf } from './template-fields.ts';

export const MAX_HEADERS = 64;
/** Names and values together, in UTF-8. */
export const MAX_HEADERS_BYTES = 8 * 1024;

/** Names quoted in one message. */
const MAX_QUOTED = 5;

export type Headers = readonly (readonly [name: string, value: string])[];

/**
 * @param slice JSON text of the input; undefined: absent
 * @param fault called with what was found and what is allowed; once for each kind of fault
 */
export function headersOf(
  slice: string | undefined,
  isTechnical: (name: string) => boolean,
  fault: (found: string, allowed: string) => void,
): Headers {
  if (slice === undefined || slice === 'null') return [];
  if (!slice.startsWith('{')) {
    fault(found(slice), 'a context of header names and texts, such as ={priority: "high"}');
    return [];
  }
  const entries = [...members(slice)].filter(([, value]) => value !== 'null');
  if (entries.length > MAX_HEADERS) {
    fault(`${entries.length} headers`, `at most ${MAX_HEADERS}`);
    return [];
  }
  const named = (names: readonly string[], allowed: string) => {
    if (names.length > 0) fault(quoted(names), allowed);
  };
  const names = entries.map(([name]) => name);
  const illegal = names.filter((name) => HEADER_NAME.parse(name) === undefined);
  named(illegal, HEADER_NAME.allowed);
  named(
    names.filter((name) => !illegal.includes(name) && isTechnical(name)),
    'names that are not technical: those are set by the bridge, in the header profile of the call',
  );
  named(
    entries.filter(([, value]) => scalarOf(value) === undefined).map(([name]) => name),
    'a text, a number or a boolean as value of each header; the function string() makes texts',
  );
  const headers = entries.map(([name, value]) => [name, scalarOf(value) ?? ''] as const);
  const bytes = headers.reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value), 0);
  if (bytes > MAX_HEADERS_BYTES)
    fault(`${bytes} bytes of headers`, `at most ${MAX_HEADERS_BYTES}; what is large belongs into the body`);
  return headers;
}

function quoted(names: readonly string[]): string {
  const shown = names.slice(0, MAX_QUOTED).map(show);
  return [...shown, ...(names.length > MAX_QUOTED ? [`${names.length - MAX_QUOTED} more`] : [])].join(', ');
}
