// Cuts JSON text into the texts of its parts, so that a part can be passed on exactly as it was written: no number is
// read, no key is moved, nothing is escaped anew. Iterative: the depth of a body is not ours to limit.

/**
 * The members of a JSON object: each name, decoded, with the text of its value, without white space around it. Of a
 * name that comes again the last value counts, as in JSON.parse.
 * @param text valid JSON; anything but an object has no members
 */
export function members(text: string): Map<string, string> {
  const found = new Map<string, string>();
  let at = pastSpace(text, 0);
  if (text[at] !== '{') return found;
  at = pastSpace(text, at + 1);
  while (text[at] === '"') {
    const endOfName = pastString(text, at);
    const name: string = JSON.parse(text.slice(at, endOfName));
    const from = pastSpace(text, pastSpace(text, endOfName) + 1);
    const to = pastValue(text, from);
    found.set(name, text.slice(from, to));
    at = pastSpace(text, to);
    if (text[at] === ',') at = pastSpace(text, at + 1);
  }
  return found;
}

function pastSpace(text: string, from: number): number {
  let at = from;
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at++;
  return at;
}

/** `from`: its opening quote. */
function pastString(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

function pastValue(text: string, from: number): number {
  let depth = 0;
  let at = from;
  while (at < text.length) {
    switch (text[at]) {
      case '"':
        at = pastString(text, at);
        break;
      case '{':
      case '[':
        depth++;
        at++;
        break;
      case '}':
      case ']':
        depth--;
        at++;
        break;
      default:
        if (depth === 0) return pastBare(text, at);
        at++;
    }
    if (depth === 0) return at;
  }
  return at;
}

/** A number, true, false or null. */
function pastBare(text: string, from: number): number {
  let at = from;
  while (at < text.length && !',}] \n\r\t'.includes(text[at]!)) at++;
  return at;
}
