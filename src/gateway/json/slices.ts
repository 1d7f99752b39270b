// A JSON object as text: where its members stand, and the same text with one member more, replaced or gone. Values are
// cut out and put together as they were written, so that no number changes, however large; nothing is parsed but names.
//
// Every function takes text that JSON.parse has accepted. Nested values are skipped by counting brackets, not by
// recursion: depth is up to whoever wrote the text.

interface Span {
  readonly name: string;
  /** From the quote that opens the name. */
  readonly from: number;
  readonly valueFrom: number;
  /** Just behind the value. */
  readonly to: number;
}

/** The top-level members in their order, each with its value's text. Of a name that appears twice the last one counts. */
export function members(object: string): Map<string, string> {
  return new Map(spans(object).map(({ name, valueFrom, to }) => [name, object.slice(valueFrom, to)]));
}

/** The object with this member: instead of the one of that name, or else behind the others. `value` is JSON text. */
export function withMember(object: string, name: string, value: string): string {
  const all = spans(object);
  const same = all.findLast((span) => span.name === name);
  if (same !== undefined) return object.slice(0, same.valueFrom) + value + object.slice(same.to);
  const last = all.at(-1);
  const at = last?.to ?? object.indexOf('{') + 1;
  return `${object.slice(0, at)}${last ? ',' : ''}${JSON.stringify(name)}:${value}${object.slice(at)}`;
}

/** The object without members of this name. */
export function withoutMember(object: string, name: string): string {
  const all = spans(object);
  const kept = all.filter((span) => span.name !== name);
  if (kept.length === all.length) return object;
  return `{${kept.map(({ from, to }) => object.slice(from, to)).join(',')}}`;
}

/** Whether the text is an object and not another JSON value. */
export function isObject(json: string): boolean {
  return json.charCodeAt(skipSpace(json, 0)) === OPEN_BRACE;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const SPACES = new Set([0x20, 0x09, 0x0a, 0x0d]);

function spans(object: string): Span[] {
  const found: Span[] = [];
  if (!isObject(object)) return found;
  let at = skipSpace(object, skipSpace(object, 0) + 1);
  while (object.charCodeAt(at) === QUOTE) {
    const from = at;
    at = skipString(object, at);
    const quoted = object.slice(from, at);
    const name: string = quoted.includes('\\') ? JSON.parse(quoted) : quoted.slice(1, -1);
    const valueFrom = skipSpace(object, skipSpace(object, at) + 1);
    const to = skipValue(object, valueFrom);
    found.push({ name, from, valueFrom, to });
    at = skipSpace(object, to);
    if (object.charCodeAt(at) === COMMA) at = skipSpace(object, at + 1);
  }
  return found;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (SPACES.has(text.charCodeAt(at))) at += 1;
  return at;
}

/** @param from where the opening quote is @returns just behind the closing one */
function skipString(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at + 1;
}

function skipValue(text: string, from: number): number {
  let depth = 0;
  let at = from;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = skipString(text, at);
      if (depth === 0) return at;
      continue;
    }
    if (code === OPEN_BRACE || code === OPEN_BRACKET) depth += 1;
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      // Of the object around a number or a word.
      if (depth === 0) return at;
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (code === COMMA || SPACES.has(code))) return at;
    at += 1;
  }
  return at;
}
