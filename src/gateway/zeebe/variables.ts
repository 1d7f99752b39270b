// Whether the engine takes variables as they are. What it would refuse, change without a word, or never hand out again is
// said before it is sent, with the place and what to do; the limits are those of Zeebe 8.6 and 8.8 as run.
//
// What must hold: variables without a fault come back from the engine as the same numbers and strings (a number with a
// fraction or an exponent as the double that it is), and no variables of ours make it fall over: those nested a few thousand
// levels deep end its gateway; those only a little too deep are taken, and then no job that has them is ever handed out, nor
// another one in the same answer.
//
// Most variables are innocent, and few characters tell: a look for those is all that they cost. The others are read once
// from the left, without recursion, because depth is up to whoever wrote the text.

/** As the engine's JSON reader and writer have it, the object of all variables included. */
const MAX_DEPTH = 1000;
const MIN_INTEGER = -(2n ** 63n);
const MAX_INTEGER = 2n ** 64n - 1n;
/** Of MAX_INTEGER. More digits are more, for JSON has no leading zeros. */
const MAX_DIGITS = 20;
/** Fewer characters than this write no number that is out of bounds: 2e308. */
const SHORT = 5;

/** Of the shortest whole number that may be out of bounds. */
const LONG = 19;
/** An exponent of three digits; a UUID is not taken for one. Without it, and without many digits, no double overflows. */
const EXPONENT = /\d[eE]\+?\d{3,}[\s,\]}]/;

/**
 * What is wrong with them, for people; undefined: the engine takes them.
 * @param json text of an object that JSON.parse has accepted
 */
export function faultOfVariables(json: string): string | undefined {
  const suspect =
    hasManyDigits(json) ||
    EXPONENT.test(json) ||
    json.includes('\\ud') ||
    json.includes('\\uD') ||
    (json.length > 2 * MAX_DEPTH && hasManyBrackets(json));
  return suspect ? new Reading(json).firstFault() : undefined;
}

/** So many in a row. One of them stands where only every so many characters are looked at. */
function hasManyDigits(json: string): boolean {
  for (let at = LONG - 1; at < json.length; at += LONG) {
    if (!isDigit(json.charCodeAt(at))) continue;
    let [from, to] = [at, at + 1];
    while (isDigit(json.charCodeAt(from - 1))) from -= 1;
    while (isDigit(json.charCodeAt(to))) to += 1;
    if (to - from >= LONG) return true;
  }
  return false;
}

/** As too many levels have. */
function hasManyBrackets(json: string): boolean {
  let brackets = 0;
  for (const bracket of ['[', '{']) {
    for (let at = json.indexOf(bracket); at >= 0; at = json.indexOf(bracket, at + 1)) {
      brackets += 1;
      if (brackets > MAX_DEPTH) return true;
    }
  }
  return false;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const PLUS = 0x2b;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const CAPITAL_E = 0x45;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const LETTER_E = 0x65;
const LETTER_U = 0x75;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

const NAME = /"[^"\\]*(?:\\.[^"\\]*)*"/y;
const FIRST_ELEMENT = -1;

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}

class Reading {
  readonly #json: string;
  /** Of each open object where the present name begins, of each open list −1 − the present index. */
  readonly #places: number[] = [];
  /** The next string is a name. */
  #name = false;
  /** The first backslash that was not read yet. */
  #backslash: number;

  constructor(json: string) {
    this.#json = json;
    this.#backslash = json.indexOf('\\');
  }

  firstFault(): string | undefined {
    const json = this.#json;
    const places = this.#places;
    for (let at = 0; at < json.length; at++) {
      const code = json.charCodeAt(at);
      if (code === QUOTE) {
        const end = this.#string(at);
        if (typeof end === 'string') return end;
        at = end;
      } else if (code === COMMA) {
        const place = places[places.length - 1] ?? 0;
        if (place < 0) places[places.length - 1] = place - 1;
        else this.#name = true;
      } else if (code === MINUS || isDigit(code)) {
        const end = endOfNumber(json, at);
        const fault = faultOfNumber(json, at, end);
        if (fault !== undefined) return `${this.#place()} is ${shown(json.slice(at, end))}, ${fault}`;
        at = end - 1;
      } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
        if (places.length === MAX_DEPTH) {
          return `${this.#place()} is nested more than ${MAX_DEPTH} levels deep, which the engine cannot hand out again`;
        }
        this.#name = code === OPEN_BRACE;
        places.push(code === OPEN_BRACE ? at : FIRST_ELEMENT);
      } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
        this.#name = false;
        places.pop();
      }
    }
    return undefined;
  }

  /** @param from where the opening quote is @returns where the closing one is, or what is wrong */
  #string(from: number): number | string {
    const json = this.#json;
    const isName = this.#name;
    this.#name = false;
    if (isName) this.#places[this.#places.length - 1] = from;
    let end = json.indexOf('"', from + 1);
    while (this.#backslash >= 0 && this.#backslash < end) {
      const at = this.#backslash;
      const length = lengthOfEscape(json, at);
      if (length === 0) {
        const where = isName ? `a name in ${this.#place(this.#places.length - 1)}` : this.#place();
        const half = json.slice(at, at + 6);
        return `${where} has half a character (${half} without its other half), of which the engine would make "?"`;
      }
      this.#backslash = json.indexOf('\\', at + length);
      if (end < at + length) end = json.indexOf('"', at + length);
    }
    return end;
  }

  /** `order.items[0].id`, of the innermost `levels` open objects and lists from the outside. */
  #place(levels = this.#places.length): string {
    if (levels === 0) return 'the reply';
    const place = this.#places
      .slice(0, Math.min(levels, MAX_SHOWN_LEVELS))
      .map((at, level) => (at < 0 ? `[${FIRST_ELEMENT - at}]` : shownName(nameAt(this.#json, at), level === 0)))
      .join('');
    return levels > MAX_SHOWN_LEVELS ? `${place}…` : place;
  }
}

function endOfNumber(json: string, from: number): number {
  let at = from + 1;
  for (;;) {
    const code = json.charCodeAt(at);
    if (!isDigit(code) && !isOfFraction(code)) return at;
    at += 1;
  }
}

/** Whether it is one of `.eE+-`. */
function isOfFraction(code: number): boolean {
  return code === POINT || code === LETTER_E || code === CAPITAL_E || code === MINUS || code === PLUS;
}

function faultOfNumber(json: string, from: number, to: number): string | undefined {
  if (to - from < SHORT) return undefined;
  const number = json.slice(from, to);
  if (/[.eE]/.test(number)) {
    if (Number.isFinite(Number(number))) return undefined;
    return 'more than a double holds; the engine would make "Infinity" of it: let the service send a string';
  }
  const digits = number.startsWith('-') ? number.length - 1 : number.length;
  if (digits < LONG) return undefined;
  if (digits <= MAX_DIGITS && BigInt(number) >= MIN_INTEGER && BigInt(number) <= MAX_INTEGER) return undefined;
  return `and the engine takes whole numbers from ${MIN_INTEGER} to ${MAX_INTEGER}: let the service send a string`;
}

/** Of the escape at a backslash, a character's two halves together; 0: a half without the other. */
function lengthOfEscape(json: string, at: number): 0 | 2 | 6 | 12 {
  const unit = unitAt(json, at);
  if (unit === undefined) return 2;
  if (unit < 0xd800 || unit > 0xdfff) return 6;
  const other = unit < 0xdc00 ? unitAt(json, at + 6) : undefined;
  return other !== undefined && other >= 0xdc00 && other <= 0xdfff ? 12 : 0;
}

/** The UTF-16 unit that is written as `\uXXXX` there. */
function unitAt(json: string, at: number): number | undefined {
  if (json[at] !== '\\' || json.charCodeAt(at + 1) !== LETTER_U) return undefined;
  return Number.parseInt(json.slice(at + 2, at + 6), 16);
}

const MAX_SHOWN_LEVELS = 12;
const MAX_SHOWN_CHARS = 60;

function shown(text: string): string {
  return text.length <= MAX_SHOWN_CHARS ? text : `${text.slice(0, MAX_SHOWN_CHARS - 1)}…`;
}

function shownName(name: string, outermost: boolean): string {
  if (!/^[\p{L}_$][\p{L}\p{N}_$-]*$/u.test(name)) return `[${JSON.stringify(shown(name).toWellFormed())}]`;
  return outermost ? shown(name) : `.${shown(name)}`;
}

/** @param from where its quote opens */
function nameAt(json: string, from: number): string {
  NAME.lastIndex = from;
  return JSON.parse(NAME.exec(json)?.[0] ?? '""');
}
