// JSON in which whole numbers too large for a JavaScript number stay exact, as BigInt, in both directions. Any service
// that passes such numbers on needs something of the kind; the bridge itself never parses them.

interface ExactJson {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
  rawJSON(text: string): unknown;
}

const exact = JSON as unknown as ExactJson;

export function parseExact(text: string): unknown {
  return exact.parse(text, (_, value, { source }) => {
    const unsafe = typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(source ?? '');
    return unsafe ? BigInt(source ?? 0) : value;
  });
}

export function stringifyExact(value: unknown): string {
  return JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? exact.rawJSON(part.toString()) : part));
}
