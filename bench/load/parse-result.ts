// A load run's result out of the text of a file. Files are written by other versions of the harness, cut off by a full
// disk, edited by hand, or something else entirely, so nothing about them is taken for granted: the text is either a
// LoadResult of format 1, or it is refused with every fault that was found and the place of each
// (`latencies[2].p99 is "fast"; allowed: …`). Fields that are not known here stay: a later harness may have added them.
//
// The shapes below are typed by LoadResult itself: a field that is added there and not checked here does not compile.
import type { LegLatency, LoadResult, LoadTotals, Series, SeriesGroup } from './result.ts';

/** The text is not the result of a load run; the message says why, fault by fault. */
export class ResultError extends Error {
  readonly code = 'LOAD_RESULT';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    const more = faults.length - MOST_FAULTS_TOLD;
    super([...faults.slice(0, MOST_FAULTS_TOLD), ...(more > 0 ? [`and ${more} more`] : [])].join('\n'));
    this.faults = faults;
  }
}

/** @throws ResultError and nothing else, whatever the text is */
export function parseResult(text: string): LoadResult {
  const value = parseJson(text);
  const faults: string[] = [];
  const note = (fault: string) => faults.push(fault);
  if (!isRecord(value)) throw new ResultError([`this is ${shown(value)}; a result is an object`]);
  // The rest of another format may mean anything.
  if (value.format !== 1) throw new ResultError([`format is ${shown(value.format)}; this version reads format 1`]);
  if (result(value, '', note)) return value;
  throw new ResultError(faults);
}

const MOST_FAULTS_TOLD = 10;

type Note = (fault: string) => void;
/** Notes what is wrong with the value at this place, and says whether it is a T. */
type Check<T> = (value: unknown, at: string, note: Note) => value is T;
type Shape<T> = { readonly [Field in keyof T]-?: Check<T[Field]> };

const text = simple<string>('a text', (value) => typeof value === 'string');
const finite = simple<number>('a number', (value) => Number.isFinite(value));
const duration = simple<number>('a number from 0 on', (value) => Number.isFinite(value) && (value as number) >= 0);
const count = simple<number>(
  'a whole number from 0 on',
  (value) => Number.isSafeInteger(value) && (value as number) >= 0,
);
const instant = simple<string>(
  'a time as in ISO 8601, with its zone',
  (value) =>
    typeof value === 'string' &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(value) &&
    !Number.isNaN(Date.parse(value)),
);
const settings = simple<Readonly<Record<string, unknown>>>('an object', isRecord);
const orNull = simple<number | null>('a number or null', (value) => value === null || Number.isFinite(value));

const GROUPS: Readonly<Record<SeriesGroup, true>> = {
  ...{ latency: true, throughput: true, pending: true },
  ...{ cpu: true, memory: true, cluster: true, takeovers: true },
};
const group = simple<SeriesGroup>(
  Object.keys(GROUPS).join(', '),
  (value) => typeof value === 'string' && Object.hasOwn(GROUPS, value),
);

const leg: Check<LegLatency> = (value, at, note): value is LegLatency => {
  if (!legShape(value, at, note)) return false;
  const counted = value.histogram.reduce((sum, bar) => sum + bar.count, 0);
  if (counted !== value.count) note(`${at}.histogram counts ${counted} values, and ${at}.count is ${value.count}`);
  const low = value.histogram.findIndex(({ ms }, i) => i > 0 && ms < value.histogram[i - 1]!.ms);
  if (low >= 0)
    note(`${at}.histogram[${low}].ms is ${value.histogram[low]!.ms}; allowed: no less than the one before it`);
  return counted === value.count && low < 0;
};
const legShape = object<LegLatency>({
  ...{ leg: text, count, mean: duration, min: duration, p50: duration, p90: duration },
  ...{ p99: duration, p999: duration, max: duration },
  histogram: listOf(object({ ms: duration, count })),
});

const result = object<LoadResult>({
  format: simple<1>('1', (value) => value === 1),
  scenario: text,
  settings,
  startedAt: instant,
  interruptedAtS: (value, at, note): value is number => value === undefined || duration(value, at, note),
  machine: object({ cores: count, memoryMb: duration, cpu: text }),
  versions: everyOf(text),
  totals: object<LoadTotals>({
    ...{ planned: count, started: count, refusals: count, completed: count, failed: count, open: count },
    ...{ seconds: duration, completedPerSecond: duration },
    unanswered: (value, at, note): value is number => value === undefined || count(value, at, note),
  }),
  latencies: listOf(leg),
  series: listOf(object<Series>({ group, name: text, unit: text, values: listOf(orNull) })),
  events: listOf(object({ atS: finite, what: text })),
});

function simple<T>(allowed: string, fits: (value: unknown) => boolean): Check<T> {
  return (value, at, note): value is T => {
    const ok = fits(value);
    if (!ok) note(value === undefined ? `${at} is missing` : `${at} is ${shown(value)}; allowed: ${allowed}`);
    return ok;
  };
}

function object<T>(shape: Shape<T>): Check<T> {
  const fields = Object.entries(shape) as [string, Check<unknown>][];
  const isObject = simple('an object', isRecord);
  return (value, at, note): value is T => {
    if (!isObject(value, at, note)) return false;
    const own = value as Readonly<Record<string, unknown>>;
    const prefix = at === '' ? '' : `${at}.`;
    // All of them, so that all faults are told.
    return fields.map(([name, check]) => check(own[name], prefix + name, note)).every(Boolean);
  };
}

function listOf<T>(check: Check<T>): Check<readonly T[]> {
  const isList = simple<readonly unknown[]>('a list', Array.isArray);
  return (value, at, note): value is readonly T[] =>
    isList(value, at, note) && value.map((item, i) => check(item, `${at}[${i}]`, note)).every(Boolean);
}

function everyOf<T>(check: Check<T>): Check<Readonly<Record<string, T>>> {
  const isObject = simple<Readonly<Record<string, unknown>>>('an object', isRecord);
  return (value, at, note): value is Readonly<Record<string, T>> =>
    isObject(value, at, note) &&
    Object.entries(value)
      .map(([name, item]) => check(item, `${at}.${name}`, note))
      .every(Boolean);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ResultError([`this is not JSON: ${(error as Error).message}`]);
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Short enough for a message. */
function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  if (Array.isArray(value)) return 'a list';
  if (isRecord(value)) return 'an object';
  const printed = typeof value === 'number' ? `${value}` : JSON.stringify(value);
  return printed.length > 60 ? `${printed.slice(0, 60)}…` : printed;
}
