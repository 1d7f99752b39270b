// Values of options and arguments, read once. Each fault names the option, what was found and what is allowed.
import { parseDuration } from '../../actors/duration.ts';
import { show, UsageFault } from './command-line.ts';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const LONGEST_MS = 366 * 86_400_000;
const DURATION = 'a duration such as 300s, 5m, 2h, 1d or PT1H30M';

function fault(name: string, found: string, allowed: string): UsageFault {
  return new UsageFault(`${name} is ${show(found)}; allowed is ${allowed}`);
}

/** Milliseconds. */
export function duration(name: string, text: string, leastMs = 0, mostMs = LONGEST_MS): number {
  const ms = durationMs(text);
  if (ms === undefined) throw fault(name, text, DURATION);
  if (ms < leastMs || ms > mostMs) {
    throw fault(name, text, `a duration from ${leastMs / 1_000} s to ${mostMs / 1_000} s`);
  }
  return ms;
}

function durationMs(text: string): number | undefined {
  const [, count, unit = ''] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? [];
  if (count !== undefined) return Number(count) * (UNIT_MS[unit] ?? Number.NaN);
  try {
    return parseDuration(text);
  } catch {
    return undefined;
  }
}

export function integer(name: string, text: string, least: number, most: number): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) throw fault(name, text, `a whole number from ${least} to ${most}`);
  return value;
}

export function oneOf<const W extends readonly string[]>(name: string, text: string, words: W): W[number] {
  const found = words.find((word) => word === text);
  if (found === undefined) throw fault(name, text, `one of ${words.join(', ')}`);
  return found;
}

export function matching(name: string, text: string, form: RegExp, allowed: string): string {
  if (!form.test(text)) throw fault(name, text, allowed);
  return text;
}

/** A key of the engine, which does not fit a number. */
export function engineKey(name: string, text: string): string {
  return matching(name, text, /^\d{1,19}$/, 'a key of the engine: up to 19 digits');
}

export function nodeName(name: string, text: string): string {
  return matching(name, text, /^[A-Za-z0-9_-]{1,64}$/, 'the name of a node: 1 to 64 letters, digits, "_" and "-"');
}

export function length(name: string, text: string, least: number, most: number): string {
  if (text.length < least || text.length > most) throw fault(name, text, `${least} to ${most} characters`);
  return text;
}

/** Wall clock, ms: a time, or how long ago. A time without a zone is local. */
export function moment(name: string, text: string, nowMs: number): number {
  const agoMs = durationMs(text);
  if (agoMs !== undefined) return Math.max(0, nowMs - agoMs);
  const form = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)?)?$/;
  const atMs = form.test(text) ? Date.parse(text.length === 10 ? `${text}T00:00` : text) : Number.NaN;
  if (!(atMs >= 0)) throw fault(name, text, `a time such as 2026-01-31T08:00 or 2026-01-31T08:00:00Z, or ${DURATION}`);
  return atMs;
}

export interface LetterPosition {
  readonly partition: number;
  readonly offset: string;
}

export function position(name: string, text: string): LetterPosition {
  const [, partition, offset] = /^(\d{1,9})\/(\d{1,19})$/.exec(text) ?? [];
  if (partition === undefined || offset === undefined)
    throw fault(name, text, 'PARTITION/OFFSET as in the list, such as 0/1234');
  return { partition: Number(partition), offset };
}
