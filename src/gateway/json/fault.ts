// Where a text is no JSON. The parser's own words quote it, and not everybody who is told of that may see payloads.

/** @param error what `JSON.parse` threw @returns to be put behind a word; '' when it does not say where */
export function whereIn(error: unknown): string {
  const [, position] = /at position (\d+)/.exec(error instanceof Error ? error.message : '') ?? [];
  return position === undefined ? '' : `, from position ${position} on`;
}
