// A reviver that keeps numbers as they are written when a double cannot hold them: JSON.stringify writes them so again.
declare global {
  interface JSON {
    rawJSON(text: string): unknown;
  }
}

export function exact(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || context?.source === undefined) return value;
  return String(value) === context.source ? value : JSON.rawJSON(context.source);
}
