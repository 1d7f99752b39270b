// One plot on the screen: its lines, solid for this run and dashed for the earlier one, on axes that say what they are, as
// wide as its place is, in the colours of the scheme, with a cursor that it shares with its like.
import { compact } from '../figures.ts';
import type { Line, Plot } from '../lines.ts';
import { drawMarks, type Mark, roomFor } from './marks.ts';
import { colourOf, lineVariable, onSchemeChange } from './theme.ts';

export interface Axis {
  readonly logarithmic: boolean;
  /** As long as the axis, whatever the lines are. */
  readonly range: (min: number | null, max: number | null) => [number, number];
  readonly text: (value: number) => string;
  /** Beside the axis, where the plot's title does not name its unit. */
  readonly label?: string;
  /** Default: as the library likes, at multiples of `steps`. */
  readonly ticks?: (min: number, max: number, most: number) => number[];
  readonly steps?: readonly number[];
}

export interface Form {
  readonly x: Axis;
  readonly y: Axis;
  /** Plots of one key share a cursor, and what part of the x axis they show. */
  readonly sync: string;
  readonly stepped: boolean;
  readonly marks: readonly Mark[];
  /** The index under the cursor; null: it is elsewhere. */
  readonly onCursor: (index: number | null) => void;
}

export interface Chart {
  show(names: readonly boolean[], earlier: boolean): void;
}

const HEIGHT_PX = 230;
const FONT = '12px system-ui, sans-serif';
/** The least between two marks of an axis. */
const X_SPACE_PX = 56;
const Y_SPACE_PX = 26;

export function chartOf(place: HTMLElement, { x, lines }: Plot, form: Form): Chart {
  const options: uPlot.Options = {
    width: place.clientWidth,
    height: HEIGHT_PX + roomFor(form.marks),
    padding: [roomFor(form.marks), 14, 0, 0],
    legend: { show: false },
    cursor: { y: false, sync: { key: form.sync, setSeries: false, scales: ['x', null] }, points: { size: 7 } },
    scales: { x: scaleOf(form.x), y: scaleOf(form.y) },
    axes: [axisOf(form.x, X_SPACE_PX, 34), axisOf(form.y, Y_SPACE_PX, 66)],
    series: [{}, ...lines.map((line) => seriesOf(line, form.stepped))],
    hooks: {
      drawAxes: [(plot) => drawMarks(plot, form.marks)],
      setCursor: [(plot) => form.onCursor(plot.cursor.idx ?? null)],
    },
  };
  const plot = new uPlot(options, [[...x], ...lines.map(({ values }) => [...values])], place);
  new ResizeObserver(() => {
    if (place.clientWidth !== plot.width) plot.setSize({ width: place.clientWidth, height: plot.height });
  }).observe(place);
  onSchemeChange(() => plot.redraw());
  return {
    show(names, earlier) {
      plot.batch(() => {
        lines.forEach((line, i) => {
          plot.setSeries(i + 1, { show: (names[line.name] ?? true) && (earlier || !line.earlier) });
        });
      });
    },
  };
}

function scaleOf({ logarithmic, range }: Axis): uPlot.Scale {
  return { time: false, distr: logarithmic ? 3 : 1, range: (_, min, max) => range(min, max) };
}

function axisOf({ ticks, steps, text, label }: Axis, spacePx: number, sizePx: number): uPlot.Axis {
  const lines = { stroke: () => colourOf('--grid'), width: 1 };
  return {
    stroke: () => colourOf('--quiet'),
    grid: lines,
    ticks: { ...lines, size: 4 },
    size: sizePx,
    space: spacePx,
    font: FONT,
    ...(label !== undefined && { label, labelFont: FONT, labelSize: 18, labelGap: 0 }),
    values: (_, splits) => splits.map((value) => (value === null ? '' : text(value))),
    ...(steps && { incrs: [...steps] }),
    ...(ticks && {
      splits: (plot: uPlot, axis: number, min: number, max: number) => {
        const lengthPx = (axis === 0 ? plot.bbox.width : plot.bbox.height) / uPlot.pxRatio;
        return ticks(min, max, Math.max(2, Math.floor(lengthPx / spacePx)));
      },
      filter: (_: uPlot, splits: number[]) => splits,
    }),
  };
}

function seriesOf(line: Line, stepped: boolean): uPlot.Series {
  const stroke = () => colourOf(lineVariable(line.name));
  return {
    stroke,
    width: line.earlier ? 1.25 : 1.75,
    ...(line.earlier && { dash: [5, 4] }),
    // A step ends at its x.
    ...(stepped && { paths: uPlot.paths.stepped!({ align: -1 }) }),
    // Without neighbours a value has no line, and would not be seen.
    points: { show: false, size: 4, fill: stroke, filter: () => alone(line.values) },
  };
}

function alone(values: Line['values']): number[] {
  const none = (i: number) => (values[i] ?? null) === null;
  return values.flatMap((value, i) => (value !== null && none(i - 1) && none(i + 1) ? [i] : []));
}

export const LINEAR: Axis = {
  logarithmic: false,
  range: (min, max) => [Math.min(0, min ?? 0), (max ?? 0) > 0 ? max! * 1.05 : 1],
  text: compact,
};
