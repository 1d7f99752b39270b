// docs/benchmarks.md, from the figures of one run, and of earlier ones for the parts that it left out.
import { type Figure, type Goal, isMet } from './figures.ts';
import type { Flames } from './flame/kept.ts';
import { spreadOf } from './parts/spread.ts';
import { versionsText } from './parts/versions.ts';
import { remarksOn } from './remarks.ts';
import type { BenchResult } from './result.ts';
import { inRound, type Turn } from './side-by-side/rounds.ts';

export function goalText(goal: Goal, unit: string): string {
  const number = (value: number) => `${value}${unit === '' ? '' : ` ${unit}`}`;
  if (goal.kind === 'none') return '';
  if (goal.kind === 'most') return `≤ ${number(goal.value)}`;
  if (goal.kind === 'least') return `≥ ${number(goal.value)}`;
  return `${number(goal.value)} ± ${goal.by}`;
}

/** Three digits that say something. */
export function short(value: number): string {
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 3));
}

export function figureRow(figure: Figure): readonly string[] {
  const { name, before, goal, unit, values } = figure;
  const spread = spreadOf(values);
  const met = isMet(figure);
  const found = spread === undefined ? 'not measured' : `${short(spread.median)}${unit === '' ? '' : ` ${unit}`}`;
  const range = spread === undefined ? '' : `${short(spread.min)} – ${short(spread.max)}`;
  return [name, before, goalText(goal, unit), found, range, met === undefined ? '' : met ? 'met' : '**missed**'];
}

const FIGURE_HEAD = ['figure', 'before', 'goal', 'median', 'min – max', ''] as const;
const TURN_HEAD = [
  'contestant',
  'calls/s',
  '÷ direct',
  'bridge',
  'nats',
  'engine',
  'kafka',
  'service',
  'at 50/s: p50',
  'p99',
] as const;

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

export function figureTable(figures: readonly Figure[], commit: string): string {
  const rows = figures.map((figure) => [...figureRow(figure), `${figure.values.length}`, figure.commit ?? commit]);
  return table([...FIGURE_HEAD, 'rounds', 'commit'], rows);
}

/** Medians over the rounds; CPU in ms per call, at full load. */
export function turnTable(turns: readonly Turn[]): string {
  const names = [...new Set(turns.map(({ contestant }) => contestant))];
  const rows = names.map((name) => {
    const own = turns.filter(({ contestant }) => contestant === name);
    const median = (values: readonly (number | undefined)[]) => {
      const spread = spreadOf(values.filter((value) => value !== undefined && Number.isFinite(value)) as number[]);
      return spread === undefined ? '' : short(spread.median);
    };
    const rate = ({ perSecond }: Turn) => perSecond;
    const toDirect = own.map(
      ({ round, perSecond }) => perSecond / (inRound(turns, round, 'direct', rate) ?? Number.NaN),
    );
    const cpu = (['bridge', 'nats', 'engine', 'kafka', 'service'] as const).map((party) =>
      median(own.map(({ cpuPerCall }) => cpuPerCall[party])),
    );
    return [
      name,
      median(own.map(({ perSecond }) => perSecond)),
      median(toDirect),
      ...cpu,
      median(own.map(({ paced }) => paced?.p50)),
      median(own.map(({ paced }) => paced?.p99)),
    ];
  });
  return table(TURN_HEAD, rows);
}

/** Each commit stands beside what it ran with; commits that are not told of ran before servers' versions were kept. */
export function ranWith(result: BenchResult): string {
  const { commit, versions, earlierRuns = [], figures, turnsCommit } = result;
  const shown = new Set([...figures.map((figure) => figure.commit ?? commit), turnsCommit ?? commit]);
  const commits = new Map<string, Set<string>>();
  for (const run of [{ commit, versions }, ...earlierRuns]) {
    if (!shown.delete(run.commit) && run.commit !== commit) continue;
    const text = versionsText(run.versions);
    commits.set(text, (commits.get(text) ?? new Set()).add(run.commit));
  }
  const told = [...commits].map(([text, of]) => `${[...of].join(', ')}: ${text}.`);
  return [...told, ...(shown.size === 0 ? [] : [`${[...shown].join(', ')}: not kept.`])].join(' ');
}

/** Not in results from before it was. */
function isTwice(turns: readonly Turn[]): boolean {
  return turns.filter(({ contestant, round }) => contestant === 'direct' && round === turns[0]?.round).length > 1;
}

export function reportOf(result: BenchResult, flames: Flames): string {
  const { startedAt, machine, commit, options, turns, turnsCommit, figures, contestants, broken } = result;
  const { cores, memoryMb, cpu } = machine;
  const remarks = remarksOn(figures, flames);
  return `# Benchmarks

Written by \`npm run bench -- --docs\` from the run that is kept in [benchmarks.json](benchmarks.json). All servers, the load and the
contestants shared one machine of ${cores} cores (${cpu}, ${Math.round(memoryMb / 1024)} GB), so figures of calls per second are
ceilings of the whole machine: compare ratios, which are taken within a round. Rounds are interleaved, each part for itself: those side
by side, each trouble in turn, the bridge alone in both ways. The column *rounds* says how many there were; medians are of these. Of
the jobs that wait it is one: a node is filled, taken over, measured at rest and asked for pages once, and only its calls have rounds.
In the rows of these and of *the bridge alone* the engine is a double, which costs nothing and refuses nothing; everywhere else it is real.

The last run was on ${startedAt.slice(0, 10)}, of commit ${commit}. A run may be of some parts only: the last column says of which commit a
figure is. What each commit ran with: ${ranWith(result)}

The column *before*, and with it the goals in ms, are of another machine: compare them by way of the rows *÷ naive*, whose goals are
what the goal is of naive's figure there.

## The figures

${figureTable(figures, commit)}

## Side by side

${contestants.map(({ name, what }) => `* **${name}**: ${what}`).join('\n')}

${turnsCommit === undefined ? '' : `Measured on commit ${turnsCommit}. `}Closed loop with ${options.inFlight} instances in flight for ${options.closedS} s, after a warm-up of ${options.warmUpS} s; CPU in ms per call;
then, at ${options.pacedPerSecond} instances a second for ${options.pacedS} s, the time from when an instance was due to when the engine said that it had
ended.${isTwice(turns) ? ' *direct* is measured at the beginning and at the end of each round.' : ''} What the hold adds and takes in all is what the nodes' own
histograms say, of calls that were completed by the first reply to the first request, interpolated within a bucket.

${turnTable(turns)}
${broken.length === 0 ? '' : `\n## What broke\n\n${broken.map((what) => `* ${what}`).join('\n')}\n`}${remarks.length === 0 ? '' : `\n## Remarks\n\n${remarks.map((remark) => `* ${remark}`).join('\n')}\n`}`;
}
