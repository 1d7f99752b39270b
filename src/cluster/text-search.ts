// Is this text part of that one, upper and lower case being the same? Over a million jobs, most of which are bytes in chunks
// (actors/pending-job/cold-store.ts): so the text that is looked for is made into bytes too, once, with both cases of each letter.
// A regular expression for letters, a plain search for what has none: digits are what is looked for most.
//
// Jobs are shown one by one, but most have what is looked for nowhere, and a search that is begun anew for each of them costs
// more than the search. So it goes on behind the job, to the next place in the chunk where it is found, and that is remembered:
// the jobs before that place need no search. That is sound because the bytes of a job never change, and it helps because
// jobs are shown about in the order in which they stand. One that stands before all that is known is searched by itself.
import type { Packed } from '../actors/pending-job/cold-store.ts';

/** What is known of a chunk: from where to where nothing begins, and where the one that begins there ends. */
interface Known {
  from: number;
  /** Behind all others: there is none. */
  hit: number;
  end: number;
  written: number;
}

interface Found {
  /** Nothing begins before. */
  readonly at: number;
  readonly end: number;
}

const NOWHERE: Found = { at: Number.POSITIVE_INFINITY, end: Number.POSITIVE_INFINITY };
/** A regular expression needs a string: as large as the job, then so large, and more each time. */
const FIRST_WINDOW_BYTES = 1 << 10;
const WINDOW_BYTES = 1 << 16;
/** So much of a text is looked for that is looked for as it is; from eight on Node looks in another way, which is slower here. */
const END_BYTES = 6;

/** Bytes that are looked for in packed jobs, one after another. */
abstract class BytesSearch {
  readonly #known = new Map<Buffer, Known>();
  #bytes: Buffer | undefined;
  #last: Known | undefined;

  /** May it be in the job, anywhere? Of a long text only the end is looked for. Where the job ends is asked only when there is one behind. */
  mayBeIn(packed: Packed): boolean {
    const { bytes, from, written } = packed;
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#last = this.#known.get(bytes);
    }
    let known = this.#last;
    if (known === undefined) {
      known = { from, written, hit: from - 1, end: from };
      this.#last = known;
      this.#known.set(bytes, known);
    } else if (from < known.from) {
      return this.within(bytes, from, packed.to).end <= packed.to;
    }
    // A job may have come to stand behind what was written then.
    if (known.hit < from || (known.written !== written && known.hit >= known.written)) {
      const { at, end } = this.next(packed);
      known.from = from;
      known.hit = at;
      known.end = end;
      known.written = written;
    }
    return known.hit !== Number.POSITIVE_INFINITY && known.end <= packed.to;
  }

  /** The first one that begins in the job or behind it. */
  protected abstract next(packed: Packed): Found;
  protected abstract within(bytes: Buffer, from: number, to: number): Found;
}

/** As they are. */
export class PlainSearch extends BytesSearch {
  readonly #sought: Buffer;
  /** What is looked for in jobs: keys differ at their ends, and a short text is found sooner. */
  readonly #end: Buffer;

  constructor(text: string) {
    super();
    this.#sought = Buffer.from(text, 'utf8');
    this.#end = this.#sought.subarray(-END_BYTES);
  }

  /** Is this all that stands there? */
  isAt({ bytes }: Packed, { from, to }: { readonly from: number; readonly to: number }): boolean {
    return to - from === this.#sought.length && bytes.compare(this.#sought, 0, to - from, from, to) === 0;
  }

  protected override next({ bytes, from }: Packed): Found {
    return this.#found(bytes.indexOf(this.#end, from), 0);
  }

  protected override within(bytes: Buffer, from: number, to: number): Found {
    return this.#found(bytes.subarray(from, to).indexOf(this.#end), from);
  }

  #found(at: number, offset: number): Found {
    return at < 0 ? NOWHERE : { at: offset + at, end: offset + at + this.#end.length };
  }
}

/** In both cases of each letter. */
class CasesSearch extends BytesSearch {
  readonly #pattern: RegExp;
  readonly #most: number;

  constructor(letters: readonly (readonly string[])[]) {
    super();
    this.#pattern = patternOf(letters);
    this.#most = letters.reduce((sum, cases) => sum + Math.max(...cases.map((letter) => bytesOf(letter).length)), 0);
  }

  protected override next({ bytes, from: start, to, written }: Packed): Found {
    let from = start;
    let end = to;
    for (let size = FIRST_WINDOW_BYTES; ; size = Math.min(size * 2, WINDOW_BYTES)) {
      const found = this.within(bytes, from, end);
      if (found !== NOWHERE || end >= written) return found;
      from = Math.max(from, end - this.#most + 1);
      end = Math.min(end + size, written);
    }
  }

  protected override within(bytes: Buffer, from: number, to: number): Found {
    this.#pattern.lastIndex = 0;
    if (!this.#pattern.test(bytes.toString('latin1', from, to))) return NOWHERE;
    const end = from + this.#pattern.lastIndex;
    return { at: end - this.#most, end };
  }
}

export class TextSearch {
  readonly #pattern: RegExp;
  readonly #search: BytesSearch;

  constructor(text: string) {
    const letters = [...text].map(casesOf);
    this.#pattern = patternOf(letters);
    this.#search = letters.every((cases) => cases.length === 1) ? new PlainSearch(text) : new CasesSearch(letters);
  }

  /** False: it is nowhere in the job, neither in what is to be searched nor elsewhere. */
  mayBeIn(packed: Packed): boolean {
    return this.#search.mayBeIn(packed);
  }

  inText(text: string): boolean {
    return this.#isIn(bytesOf(text));
  }

  inSpan({ bytes }: Packed, { from, to }: { readonly from: number; readonly to: number }): boolean {
    return to > from && this.#isIn(bytes.toString('latin1', from, to));
  }

  #isIn(bytes: string): boolean {
    this.#pattern.lastIndex = 0;
    return this.#pattern.test(bytes);
  }
}

/** UTF-8, one character per byte. */
function bytesOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

function patternOf(letters: readonly (readonly string[])[]): RegExp {
  return new RegExp(letters.map(oneOf).join(''), 'g');
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
