// What a kept flame graph says of itself, inside of its file: of which commit it is, how it was made, and whose code took how
// much. docs/benchmarks.md reads it there, so it cannot say anything else.
import type { Share } from './tree.ts';

export interface FlameNote {
  readonly commit: string;
  /** That makes it again. */
  readonly command: string;
  /** Of the main thread's time, 0 to 1: it waited. */
  readonly idle: number;
  /** Of what it did, the largest first. */
  readonly shares: readonly Share[];
}

export function metadataOf(note: FlameNote): string {
  return `<metadata>${JSON.stringify(note).replace(/[&<>]/g, (found) => `&#${found.charCodeAt(0)};`)}</metadata>`;
}

/** @throws when the file is a drawing without */
export function noteIn(svg: string): FlameNote {
  const [, text] = /<metadata>(.*?)<\/metadata>/s.exec(svg) ?? [];
  if (text === undefined) throw new Error('a flame graph without <metadata>: npm run flame draws it');
  const json = text.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));
  return JSON.parse(json) as FlameNote;
}
