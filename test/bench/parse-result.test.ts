// parseResult is total: any text is a LoadResult or is refused with the place of every fault, and nothing else happens.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseResult, ResultError } from '../../bench/load/parse-result.ts';
import { anyResult, SAMPLE } from './results.ts';

describe('what is a result', () => {
  test('comes out as it went in, fields of a later version too', () => {
    const later = { ...SAMPLE, hostnames: ['a'] };
    expect(parseResult(JSON.stringify(later))).toEqual(later);
  });

  test('one of a run that was interrupted', () => {
    const interrupted = { ...SAMPLE, interruptedAtS: 12.5 };
    expect(parseResult(JSON.stringify(interrupted))).toEqual(interrupted);
    const when = 'interruptedAtS is "late"; allowed: a number from 0 on';
    expect(refusal(JSON.stringify({ ...SAMPLE, interruptedAtS: 'late' })).message).toBe(when);
  });

  test('any other as well', () => {
    fc.assert(
      fc.property(anyResult, (result) => {
        expect(parseResult(JSON.stringify(result))).toEqual(JSON.parse(JSON.stringify(result)));
      }),
      { numRuns: 200 },
    );
  });
});

describe('what is none', () => {
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    fc.json().map((json) => `{"format":1,"totals":${json}}`),
  );

  test('any text is refused with a ResultError that names something, and never with another error', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const error = refusal(text);
        expect(error.faults.length).toBeGreaterThan(0);
        expect(error.message).not.toBe('');
      }),
      { numRuns: 1_000 },
    );
  });

  test('a file that was cut off is refused wherever it was cut', () => {
    const text = JSON.stringify(SAMPLE);
    for (let length = 0; length < text.length; length += 7) {
      expect(refusal(text.slice(0, length)).message).toMatch(/^this is not JSON: /);
    }
  });

  test.each(leavesOf(SAMPLE))('$at of the wrong type is named, and nothing else', ({ path, at }) => {
    // A boolean is allowed nowhere but in settings, where anything is.
    const { faults } = refusal(JSON.stringify(changed(SAMPLE, path, true)));
    expect(faults).toEqual([expect.stringMatching(/ is true; /)]);
    expect(faults[0]!.startsWith(`${at} is true`)).toBe(true);
  });

  test.each(leavesOf(SAMPLE).filter(({ path }) => typeof path.at(-1) === 'string' && path[0] !== 'versions'))(
    '$at missing is named, and nothing else',
    ({ path, at }) => {
      const { faults } = refusal(JSON.stringify(changed(SAMPLE, path, undefined)));
      expect(faults).toEqual([expect.stringMatching(/ is missing/)]);
      expect(faults[0]!.startsWith(`${at} is missing`)).toBe(true);
    },
  );

  test.each([
    ['[]', 'this is a list; a result is an object'],
    ['null', 'this is null; a result is an object'],
    ['{"format":2,"scenario":7}', 'format is 2; this version reads format 1'],
    ['{"format":"1"}', 'format is "1"; this version reads format 1'],
  ])('%s: %s', (text, message) => {
    expect(refusal(text).message).toBe(message);
  });

  test.each<[string, readonly (string | number)[], unknown, string]>([
    ['a count that is broken', ['totals', 'failed'], 1.5, 'totals.failed is 1.5; allowed: a whole number from 0 on'],
    ['a negative latency', ['latencies', 0, 'p50'], -1, 'latencies[0].p50 is -1; allowed: a number from 0 on'],
    [
      'a day that does not exist',
      ['startedAt'],
      '2026-13-01T00:00:00Z',
      'startedAt is "2026-13-01T00:00:00Z"; allowed: a time as in ISO 8601, with its zone',
    ],
    [
      'an unknown group',
      ['series', 0, 'group'],
      'toString',
      'series[0].group is "toString"; allowed: latency, throughput, pending, cpu, memory, cluster, takeovers',
    ],
    [
      'calls that no bar counts',
      ['latencies', 0, 'count'],
      11,
      'latencies[0].histogram counts 10 values, and latencies[0].count is 11',
    ],
    [
      'bars out of order',
      ['latencies', 0, 'histogram', 1, 'ms'],
      0.5,
      'latencies[0].histogram[1].ms is 0.5; allowed: no less than the one before it',
    ],
    ['settings that are a list', ['settings'], [1], 'settings is a list; allowed: an object'],
  ])('%s', (_, path, value, message) => {
    expect(refusal(JSON.stringify(changed(SAMPLE, path, value))).message).toBe(message);
  });

  test('numbers beyond all numbers', () => {
    const text = JSON.stringify(SAMPLE).replace(/"seconds":\d+/, '"seconds":1e999');
    expect(refusal(text).message).toBe('totals.seconds is Infinity; allowed: a number from 0 on');
  });

  test('many faults are counted, the first ten are told', () => {
    const values = Array.from({ length: 25 }, () => 'x');
    const error = refusal(JSON.stringify(changed(SAMPLE, ['series', 0, 'values'], values)));
    expect(error.faults).toHaveLength(25);
    expect(error.message.split('\n')).toHaveLength(11);
    expect(error.message).toMatch(/\nand 15 more$/);
  });
});

function refusal(text: string): ResultError {
  try {
    parseResult(text);
  } catch (error) {
    expect(error).toBeInstanceOf(ResultError);
    return error as ResultError;
  }
  throw new Error(`taken for a result: ${text}`);
}

type Path = readonly (string | number)[];

/** Every value that is neither a list nor an object, outside the settings and the format, which have rules of their own. */
function leavesOf(value: unknown, path: Path = []): { path: Path; at: string }[] {
  if (path[0] === 'settings' || path[0] === 'format') return [];
  if (typeof value !== 'object' || value === null) {
    const at = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('');
    return [{ path, at: at.slice(1) }];
  }
  return Object.entries(value).flatMap(([name, inner]) =>
    leavesOf(inner, [...path, Array.isArray(value) ? Number(name) : name]),
  );
}

function changed(value: unknown, [step, ...rest]: Path, to: unknown): unknown {
  if (step === undefined) return to;
  const copy = structuredClone(value) as Record<string | number, unknown>;
  copy[step] = changed(copy[step], rest, to);
  return copy;
}
