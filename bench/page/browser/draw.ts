// What the page's script does: it reads the data that stand in the page and draws all plots of them, first how long calls
// took, then the course of the run. Everything that comes from the data goes into the page as text.

import type { LoadResult } from '../../load/result.ts';
import { histogramPlot, percentilePlot } from '../distribution.ts';
import { clock, figure } from '../figures.ts';
import { type Line, needsLogarithm, type Plot, timePlots } from '../lines.ts';
import { logTicks, percentileText, percentileTicks, TIME_STEPS } from '../ticks.ts';
import { type Axis, type Chart, chartOf, LINEAR } from './chart.ts';
import { element, legendOf } from './legend.ts';

interface Data {
  readonly result: LoadResult;
  readonly earlier: LoadResult | null;
}

const { result, earlier } = JSON.parse(
  document.querySelector('script[type="application/json"]')?.textContent ?? '',
) as Data;

/** From the least to the most, and never nothing. */
const given = (min: number | null, max: number | null): [number, number] => [
  min ?? 0,
  Math.max(max ?? 1, (min ?? 0) + 1),
];

const MS: Axis = {
  logarithmic: true,
  range: (min, max) => [min ?? 1, max ?? 10],
  text: figure,
  ticks: logTicks,
};
const LABELLED_MS: Axis = { ...MS, label: 'ms' };
const NINES: Axis = {
  logarithmic: true,
  range: (_, max) => [1, 10 ** Math.ceil(Math.log10(Math.max(10, max ?? 10)) - 1e-9)],
  text: percentileText,
  ticks: (_, max, most) => percentileTicks(max, most),
};
const TIME: Axis = { logarithmic: false, range: given, text: clock, steps: TIME_STEPS };
const WIDE_MS: Axis = { ...MS, range: (min, max) => [(min ?? 1) / 1.3, (max ?? 10) * 1.3] };

drawDistribution(document.getElementById('distribution')!);
drawCourse(document.getElementById('course')!);

function drawDistribution(section: HTMLElement): void {
  const percentiles = percentilePlot(result, earlier ?? undefined);
  const histogram = histogramPlot(result, earlier ?? undefined);
  if (percentiles.lines.length === 0) {
    section.append(noteOf('No call was measured.'));
    return;
  }
  const charts: Chart[] = [];
  const rest = percentiles.names.map((name) => {
    const leg = result.latencies.find((one) => one.leg === name);
    return leg === undefined || leg.count === 0 ? '' : `p50 ${figure(leg.p50)}, p99 ${figure(leg.p99)} ms`;
  });
  const legend = legendOf(percentiles.names, rest, earlier !== null, (shown, withEarlier) => {
    for (const chart of charts) chart.show(shown, withEarlier);
  });
  section.append(legend.root);
  const first = figureOf(section, 'Percentiles', 'the share of calls that took up to so many ms');
  const second = figureOf(section, 'Histogram', 'percent of the calls that took about so many ms');
  const shared = { x: LABELLED_MS, sync: 'distribution', marks: [] };
  const onCursor = (index: number | null) => {
    legend.read(index === null ? undefined : valuesAt(percentiles, index, percentileText));
    first.at.textContent = index === null ? '' : `up to ${figure(percentiles.x[index]!)} ms`;
  };
  charts.push(chartOf(first.place, percentiles, { ...shared, y: NINES, stepped: false, onCursor }));
  charts.push(chartOf(second.place, histogram, { ...shared, y: LINEAR, stepped: true, onCursor: () => {} }));
}

function drawCourse(section: HTMLElement): void {
  const marks = result.events.map(({ atS, what }, i) => ({ atS, what, number: i + 1 }));
  const plots = timePlots(result, earlier ?? undefined);
  if (plots.length === 0) section.append(noteOf('No series was recorded.'));
  for (const plot of plots) {
    const logarithmic = plot.title === 'Latency' && needsLogarithm(plot);
    const { frame, place, at } = figureOf(section, plot.title, logarithmic ? `${plot.unit}, logarithmic` : plot.unit);
    const rest = plot.names.map((_, name) => restOf(plot.lines.find((line) => line.name === name)));
    const legend = legendOf(plot.names, rest, earlier !== null, (shown, withEarlier) => chart.show(shown, withEarlier));
    frame.append(legend.root);
    const chart = chartOf(place, plot, {
      ...{ x: TIME, y: logarithmic ? WIDE_MS : LINEAR, sync: 'course', stepped: false, marks },
      onCursor(index) {
        legend.read(index === null ? undefined : valuesAt(plot, index, figure));
        at.textContent = index === null ? '' : [`at ${clock(index)}`, ...eventsAt(index)].join(' · ');
      },
    });
  }
}

function eventsAt(second: number): string[] {
  return result.events.filter(({ atS }) => Math.floor(atS) === second).map(({ what }) => what);
}

/** By name: this run's, and the earlier one's in brackets. */
function valuesAt({ names, lines }: Plot, index: number, text: (value: number) => string): string[] {
  return names.map((_, name) => {
    const read = (ofEarlier: boolean) => {
      const value = lines.find((line) => line.name === name && line.earlier === ofEarlier)?.values[index] ?? null;
      return value === null ? '–' : text(value);
    };
    return earlier === null ? read(false) : `${read(false)} (${read(true)})`;
  });
}

function restOf(line: Line | undefined): string {
  const values = (line?.values ?? []).filter((value) => value !== null);
  if (line === undefined || values.length === 0) return '';
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const max = values.reduce((most, value) => Math.max(most, value));
  return `mean ${figure(mean)}, max ${figure(max)}`;
}

function figureOf(section: HTMLElement, title: string, unit: string) {
  const frame = element('figure');
  const caption = element('figcaption');
  const heading = element('h3');
  heading.textContent = title;
  const quiet = element('span', 'unit');
  quiet.textContent = unit;
  const at = element('span', 'at');
  caption.append(heading, quiet, at);
  const place = element('div', 'plot');
  place.setAttribute('role', 'img');
  place.setAttribute('aria-label', `${title}, ${unit}`);
  frame.append(caption, place);
  section.append(frame);
  return { frame, place, at };
}

function noteOf(text: string): HTMLElement {
  const note = element('p', 'note');
  note.textContent = text;
  return note;
}
