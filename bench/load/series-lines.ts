// The lines of a result while they grow: one value a second each, null where there was none.
import type { Series, SeriesGroup } from './result.ts';

export class Lines {
  readonly #lines = new Map<string, { group: SeriesGroup; name: string; unit: string; values: (number | null)[] }>();

  put(group: SeriesGroup, name: string, unit: string, second: number, value: number): void {
    const key = `${group}/${name}`;
    const line = this.#lines.get(key) ?? { group, name, unit, values: [] };
    this.#lines.set(key, line);
    while (line.values.length <= second) line.values.push(null);
    line.values[second] = value;
  }

  all(seconds: number): Series[] {
    return [...this.#lines.values()].map(({ values, ...line }) => ({
      ...line,
      values: Array.from({ length: seconds }, (_, second) => values[second] ?? null),
    }));
  }
}
