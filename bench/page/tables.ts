// The page's tables, as markup that stands without any script: what was run where, how it came out, the latencies by leg,
// and what happened when. Beside an earlier run each figure has the earlier one and the change; what was different about
// the runs themselves is marked, because then the change in a figure may have that cause.
import type { LegLatency, LoadResult, LoadTotals } from '../load/result.ts';
import { changeOf, clock, figure, TELLING_PERCENT, type Wanted } from './figures.ts';
import { unique } from './lines.ts';
import { html, type Markup } from './markup.ts';

const TOTALS: readonly (readonly [keyof LoadTotals, string, Wanted])[] = [
  ['planned', 'Planned', 'either'],
  ['started', 'Started', 'either'],
  ['refusals', 'Refused, and asked again', 'less'],
  ['completed', 'Completed', 'more'],
  ['failed', 'Failed', 'less'],
  ['open', 'Open at the end', 'less'],
  ['unanswered', 'Never answered, as the scenario has it', 'either'],
  ['seconds', 'Seconds', 'either'],
  ['completedPerSecond', 'Completed per second', 'more'],
];

type Percentile = Exclude<keyof LegLatency, 'leg' | 'histogram' | 'count' | 'min'>;

const PERCENTILES: readonly (readonly [Percentile, string])[] = [
  ['mean', 'mean'],
  ['p50', 'p50'],
  ['p90', 'p90'],
  ['p99', 'p99'],
  ['p999', 'p99.9'],
  ['max', 'max'],
];

export function totalsTable({ totals }: LoadResult, earlier: LoadResult | undefined): Markup {
  const rows = TOTALS.flatMap(([field, label, wanted]) => {
    const [now, before] = [totals[field], earlier?.totals[field]];
    // Absent where a scenario has nothing of the kind.
    if (now === undefined && before === undefined) return [];
    const compared = earlier && html`<td>${figure(before ?? 0)}</td>${changeCell(now ?? 0, before ?? 0, wanted)}`;
    return [html`<tr><th scope="row">${label}</th><td>${figure(now ?? 0)}</td>${compared}</tr>`];
  });
  return wide(
    'Totals',
    html`<table><caption>Totals</caption><thead><tr><td></td><th scope="col">this run</th>${
      earlier && html`<th scope="col">earlier run</th><th scope="col">change</th>`
    }</tr></thead><tbody>${rows}</tbody></table>`,
  );
}

export function latencyTable({ latencies }: LoadResult, earlier: LoadResult | undefined): Markup {
  const before = earlier?.latencies ?? [];
  const legs = unique([...latencies, ...before].map(({ leg }) => leg));
  const bodies = legs.map((leg) => {
    const find = (run: readonly LegLatency[]) => run.find((one) => one.leg === leg);
    return html`<tbody>${legRows(leg, find(latencies), find(before), earlier !== undefined)}</tbody>`;
  });
  const heads = ['calls', ...PERCENTILES.map(([, label]) => label)].map((label) => html`<th scope="col">${label}</th>`);
  return wide(
    'Latencies by leg',
    html`<table class="latencies${earlier ? '' : ' alone'}"><caption>Latencies by leg, ms</caption><thead><tr><th scope="col">leg</th>${
      earlier && html`<td></td>`
    }${heads}</tr></thead>${bodies}</table>`,
  );
}

function legRows(leg: string, now: LegLatency | undefined, before: LegLatency | undefined, comparing: boolean): Markup {
  if (!comparing) return html`<tr><th scope="row">${leg}</th>${latencyCells(now)}</tr>`;
  const measured = now && before && now.count > 0 && before.count > 0;
  const changes = PERCENTILES.map(([field]) =>
    measured ? changeCell(now[field], before[field], 'less') : html`<td>–</td>`,
  );
  return html`<tr><th scope="rowgroup" rowspan="3">${leg}</th><th scope="row">this run</th>${latencyCells(now)}</tr>
<tr><th scope="row">earlier run</th>${latencyCells(before)}</tr>
<tr><th scope="row">change</th><td></td>${changes}</tr>`;
}

function latencyCells(leg: LegLatency | undefined): Markup {
  const none = leg === undefined || leg.count === 0;
  const cells = PERCENTILES.map(([field]) => html`<td>${none ? '–' : figure(leg[field])}</td>`);
  return html`<td>${leg === undefined ? '–' : figure(leg.count)}</td>${cells}`;
}

/** The word is for those who do not see the colour. */
function changeCell(now: number, before: number, wanted: Wanted): Markup {
  const { text, verdict } = changeOf(now, before, wanted);
  if (verdict === undefined) return html`<td>${text}</td>`;
  return html`<td class="${verdict}">${text}<span class="unseen"> (${verdict})</span></td>`;
}

/** What the names of legs do not say. */
export function legsNote(): Markup {
  return html`<p class="note">Instances count from when they were due, whether they were started in time or not. The other legs
are those that the nodes tell, of calls that were completed at the first try and by the node that took the job. They know their
times up to the bounds of a bucket: a percentile lies somewhere in its bucket, and the largest is a bound.</p>`;
}

export function changeNote(): Markup {
  return html`<p class="note">Changes from ${TELLING_PERCENT} % on are coloured, green for better and red for worse. One pair of runs
says little about smaller ones.</p>`;
}

/** What was run, where, with which versions. */
export function factsTable(result: LoadResult, earlier: LoadResult | undefined): Markup {
  const [now, before] = [factsOf(result), earlier && factsOf(earlier)];
  const names = unique([...now.keys(), ...(before?.keys() ?? [])]);
  const rows = names.map((name) => {
    const [value, old] = [now.get(name) ?? '–', before?.get(name) ?? '–'];
    const other = before !== undefined && old !== value && !DIFFERS_ANYWAY.has(name);
    return html`<tr${other ? html` class="differs"` : undefined}><th scope="row">${name}</th><td>${value}</td>${
      before && html`<td>${old}${other ? html`<span class="unseen"> (differs)</span>` : undefined}</td>`
    }</tr>`;
  });
  return wide(
    'The run',
    html`<table class="facts"><caption>The run</caption><thead><tr><td></td><th scope="col">this run</th>${
      earlier && html`<th scope="col">earlier run</th>`
    }</tr></thead><tbody>${rows}</tbody></table>`,
  );
}

/** What the two runs had not in common; then their figures do not speak of one change alone. */
export function differencesOf(result: LoadResult, earlier: LoadResult): string[] {
  const [now, before] = [factsOf(result), factsOf(earlier)];
  const names = unique([...now.keys(), ...before.keys()]);
  return names.filter((name) => !DIFFERS_ANYWAY.has(name) && now.get(name) !== before.get(name));
}

const DIFFERS_ANYWAY: ReadonlySet<string> = new Set(['started at']);

function factsOf({
  scenario,
  startedAt,
  interruptedAtS,
  machine,
  versions,
  settings,
}: LoadResult): Map<string, string> {
  return new Map([
    ['scenario', scenario],
    ['started at', readableTime(startedAt)],
    ...(interruptedAtS === undefined ? [] : [['interrupted', `after ${figure(interruptedAtS)} s`] as const]),
    ['machine: cores', figure(machine.cores)],
    ['machine: memory, MiB', figure(machine.memoryMb)],
    ['machine: CPU', machine.cpu],
    ...Object.entries(versions).map(([name, version]) => [`version: ${name}`, version] as const),
    ...leaves('', settings).map(([name, value]) => [`setting: ${name}`, value] as const),
  ]);
}

/** As ISO 8601 has it, less what readers do not need. */
export function readableTime(iso: string): string {
  return iso.replace('T', ' ').replace(/\.\d+/, '');
}

/** `service.delay` for a setting within a setting, `faults[0]` for all that one of a list has; a list of mere values is a value. */
function leaves(prefix: string, settings: object): (readonly [string, string])[] {
  return Object.entries(settings).flatMap(([name, value]): (readonly [string, string])[] => {
    const path = prefix + name;
    const items: readonly unknown[] = Array.isArray(value) ? value : [];
    if (items.length > 0 && items.every(isObject))
      return items.map((item, i) => [
        `${path}[${i}]`,
        leaves('', item)
          .map((leaf) => leaf.join(' '))
          .join(', '),
      ]);
    if (isObject(value)) return leaves(`${path}.`, value);
    return [[path, typeof value === 'string' ? value : (JSON.stringify(value) ?? '–')]];
  });
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Numbered as the marks in the plots are. */
export function eventsTable({ events }: LoadResult): Markup | undefined {
  if (events.length === 0) return undefined;
  const rows = events.map(
    ({ atS, what }, i) =>
      html`<tr><th scope="row">${i + 1}</th><td>${clock(atS)}</td><td class="text">${what}</td></tr>`,
  );
  return wide(
    'Events',
    html`<table><caption>Events</caption><thead><tr><th scope="col">mark</th><th scope="col">at</th><th scope="col" class="text">what</th></tr></thead><tbody>${rows}</tbody></table>`,
  );
}

/** On a narrow screen the table moves, by finger or by key, and not the page. */
function wide(label: string, table: Markup): Markup {
  return html`<div class="wide" role="region" aria-label="${label}" tabindex="0">${table}</div>`;
}
