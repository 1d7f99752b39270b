// JSON into the values that FEEL computes with and back, without changing a number on the way. Integers that no double
// holds are bigints; every other number is a double, which is what the engine makes of it too.
//
// A double beyond 2^53 leaves with an exponent: 1e20 came as a double, and written out as an integer of 21 digits the
// engine would refuse it.

interface ExactJson {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
  rawJSON(text: string): unknown;
}

/** Both are in Node 24, and in no library that TypeScript knows yet. */
const exactJson = JSON as unknown as ExactJson;

const INTEGER = /^-?\d+$/;
/** 2^53 has sixteen digits; most texts need no reviver, which costs several times the parsing. */
const MAY_BE_BIG = /\d{16}/;

export interface ParsedExactly {
  readonly value: unknown;
  /** There are bigints in it. */
  readonly big: boolean;
}

/** @throws what JSON.parse does, and RangeError when the nesting is too deep */
export function parseExactly(text: string): ParsedExactly {
  if (!MAY_BE_BIG.test(text)) return { value: JSON.parse(text), big: false };
  let big = false;
  const value = exactJson.parse(text, (_key, parsed, { source }) => {
    if (typeof parsed !== 'number' || source === undefined) return parsed;
    // What even a double takes for infinite is nothing that anybody can count with or pass on.
    if (Number.isSafeInteger(parsed) || !Number.isFinite(parsed) || !INTEGER.test(source)) return parsed;
    big = true;
    return BigInt(source);
  });
  return { value, big };
}

/**
 * JSON text of what an expression yields; dates, times and durations are strings in ISO 8601.
 * @param bigs how bigints are written: as they are, or as the doubles next to them
 * @throws TypeError when JSON has no form for it
 */
export function writeExactly(value: unknown, bigs: 'exact' | 'double' = 'exact'): string {
  return JSON.stringify(value, (_key, member: unknown) => {
    switch (typeof member) {
      case 'bigint':
        return exactJson.rawJSON(bigs === 'exact' ? String(member) : Number(member).toExponential());
      case 'number':
        if (!Number.isFinite(member)) throw new TypeError(`yields ${member}, which JSON cannot hold`);
        return Number.isInteger(member) && !Number.isSafeInteger(member)
          ? exactJson.rawJSON(member.toExponential())
          : member;
      case 'undefined':
        return null;
      case 'object':
        if (member === null || Array.isArray(member) || Object.getPrototypeOf(member) === Object.prototype)
          return member;
        throw new TypeError('yields a range or a function, which JSON cannot hold');
      case 'function':
        throw new TypeError('yields a function, which JSON cannot hold');
      default:
        return member;
    }
  });
}
