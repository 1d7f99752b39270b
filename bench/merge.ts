// A run of some parts (`--only`) takes the place of what was known of these, and leaves the rest of docs/benchmarks.json as it
// stands: all parts together take an hour of a machine of their own. Each figure says of which commit it is.
import type { Figure } from './figures.ts';
import type { BenchResult } from './result.ts';

export function withEarlier(result: BenchResult, earlier: BenchResult | undefined): BenchResult {
  if (earlier === undefined) return result;
  const named = (figures: readonly Figure[]) => new Set(figures.map(({ name }) => name));
  const measured = named(result.figures);
  const kept = earlier.figures
    .filter(({ name }) => !measured.has(name))
    .map((figure) => ({ ...figure, commit: figure.commit ?? earlier.commit }));
  const figures = inOrderOf(earlier.figures, [...kept, ...result.figures]);
  const turns: Partial<Turns> = result.turns.length > 0 ? {} : turnsOf(earlier);
  const shown = new Set([...figures.map(({ commit }) => commit), turns.turnsCommit]);
  const runs = [...(earlier.earlierRuns ?? []), { commit: earlier.commit, versions: earlier.versions }];
  const earlierRuns = runs.filter(({ commit }) => shown.has(commit));
  return { ...result, ...turns, figures, ...(earlierRuns.length > 0 && { earlierRuns }) };
}

type Turns = Pick<BenchResult, 'turns' | 'contestants' | 'options' | 'turnsCommit'>;

function turnsOf({ turns, contestants, options, turnsCommit, commit }: BenchResult): Turns {
  return { turns, contestants, options, turnsCommit: turnsCommit ?? commit };
}

/** A figure that is new stands behind the one that it was measured after. */
function inOrderOf(order: readonly Figure[], figures: readonly Figure[]): Figure[] {
  let before = -1;
  const placed = figures.map((figure) => {
    const at = order.findIndex(({ name }) => name === figure.name);
    if (at >= 0) before = at;
    return { figure, at: before };
  });
  return placed.sort((a, b) => a.at - b.at).map(({ figure }) => figure);
}
