// Events as vertical marks through a plot over time. Each carries its number, by which the table of events below names
// it, and what happened, as far as there is room above the plot.
import { layOut } from '../labels.ts';
import { colourOf } from './theme.ts';

export interface Mark {
  readonly atS: number;
  readonly number: number;
  readonly what: string;
}

/** Rows of labels above a plot, and their height in CSS pixels. */
const ROWS = 3;
const ROW_PX = 14;
const FONT_PX = 11;
const GAP_PX = 6;

export function roomFor(marks: readonly Mark[]): number {
  return marks.length === 0 ? 8 : ROWS * ROW_PX + 4;
}

export function drawMarks(plot: uPlot, marks: readonly Mark[]): void {
  const { ctx, bbox } = plot;
  const px = uPlot.pxRatio;
  const right = bbox.left + bbox.width;
  const inside = marks
    .map((mark) => ({ mark, x: Math.round(plot.valToPos(mark.atS, 'x', true)) }))
    .filter(({ x }) => x >= bbox.left && x <= right);
  ctx.save();
  ctx.font = `${FONT_PX * px}px system-ui, sans-serif`;
  ctx.textBaseline = 'top';
  ctx.textAlign = 'left';
  ctx.strokeStyle = ctx.fillStyle = colourOf('--mark');
  ctx.lineWidth = px;
  const texts = inside.map(({ mark }) => ({ full: `${mark.number} ${mark.what}`, short: `${mark.number}` }));
  const width = (text: string) => ctx.measureText(text).width + GAP_PX * px;
  const places = layOut(
    inside.map(({ x }, i) => ({ x, full: width(texts[i]!.full), short: width(texts[i]!.short) })),
    ROWS,
    right + GAP_PX * px,
  );
  inside.forEach(({ x }, i) => {
    const place = places[i];
    const top = bbox.top - (place === undefined ? 0 : (ROWS - place.row) * ROW_PX * px);
    ctx.beginPath();
    ctx.setLineDash([2 * px, 2 * px]);
    // A label that had to move back lies across its mark, which then begins below it.
    ctx.moveTo(x, place !== undefined && place.left < x ? top + ROW_PX * px : top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    if (place === undefined) return;
    ctx.fillText(place.full ? texts[i]!.full : texts[i]!.short, place.left + 3 * px, top);
  });
  ctx.restore();
}
