// Is this text part of that one, upper and lower case being the same? Over a million jobs, most of which are strings of bytes
// (actors/pending-job/cold.ts): so the text that is looked for is made into bytes too, once, with both cases of each letter.
// A regular expression for letters, a plain search for what has none: digits are what is looked for most.
export class TextSearch {
  readonly #plain: string | undefined;
  readonly #pattern: RegExp;

  constructor(text: string) {
    const letters = [...text].map(casesOf);
    this.#plain = letters.every((cases) => cases.length === 1) ? bytesOf(text) : undefined;
    this.#pattern = new RegExp(letters.map(oneOf).join(''), 'g');
  }

  /** In bytes, one character each. */
  inBytes(bytes: string): boolean {
    return this.firstEnd(bytes, 0) >= 0;
  }

  /** Where the first one ends that begins at `from` or later, in bytes; -1: there is none. Those that begin later end later. */
  firstEnd(bytes: string, from: number): number {
    if (this.#plain !== undefined) {
      const at = bytes.indexOf(this.#plain, from);
      return at < 0 ? -1 : at + this.#plain.length;
    }
    this.#pattern.lastIndex = from;
    return this.#pattern.test(bytes) ? this.#pattern.lastIndex : -1;
  }

  inText(text: string): boolean {
    return this.inBytes(bytesOf(text));
  }
}

/** UTF-8, one character per byte. */
export function bytesOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** As it is, and in the other case where that is one letter too. */
function casesOf(letter: string): string[] {
  const others = [letter.toLowerCase(), letter.toUpperCase()].filter((other) => [...other].length === 1);
  return [...new Set([letter, ...others])];
}

function oneOf(cases: readonly string[]): string {
  const [first = '', ...more] = cases.map((letter) => escaped(bytesOf(letter)));
  return more.length === 0 ? first : `(?:${[first, ...more].join('|')})`;
}

function escaped(bytes: string): string {
  return [...bytes].map((byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`).join('');
}
