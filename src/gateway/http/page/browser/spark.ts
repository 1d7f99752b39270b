// Sparklines: one step a second, drawn as an area. All of a row share one scale, so that two of them can be compared by
// eye; whatever is not zero is seen, however small beside the rest.

export interface Spark {
  readonly area: string;
  readonly line: string;
}

const LEAST_PX = 1.5;

/** @param most of the whole row; the paths are in a box of width × height with y downwards */
export function sparkOf(counts: readonly number[], most: number, width: number, height: number): Spark {
  if (counts.length === 0) return { area: '', line: '' };
  const step = width / counts.length;
  const y = (n: number) =>
    n <= 0 ? height : Math.min(height - LEAST_PX, height - (n / Math.max(most, 1)) * (height - 1));
  const points = counts.flatMap((n, i) => {
    const top = y(n).toFixed(1);
    return [`${(i * step).toFixed(1)} ${top}`, `${((i + 1) * step).toFixed(1)} ${top}`];
  });
  const line = `M${points.join('L')}`;
  return { line, area: `${line}L${width} ${height}L0 ${height}Z` };
}

/** Mean of the last `seconds` counts. */
export function recentRate(counts: readonly number[], seconds = 5): number {
  const recent = counts.slice(-seconds);
  return recent.length === 0 ? 0 : sum(recent) / recent.length;
}

export function sum(counts: readonly number[]): number {
  return counts.reduce((total, n) => total + n, 0);
}

/** A round figure not below the largest count: 10, 15, 20, 30, …: a scale that does not move with every second. */
export function scaleOf(rows: readonly (readonly number[])[]): number {
  const most = Math.max(1, ...rows.map((counts) => Math.max(0, ...counts)));
  const ten = 10 ** Math.floor(Math.log10(most));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((n) => n * ten).find((n) => n >= most)!;
}
