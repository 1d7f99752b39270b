// The pixels of the cluster map: a canvas per node, for thousands of places are no work for a document, and one above them all
// across which shards fly when they move. States differ in shape; colours come from the style sheet. Nothing is drawn while
// nothing changes, and who wants no motion sees none: a moved shard stays marked for a while either way.
import type { Cell, Layout, Move } from './map-layout.ts';

export interface Palette {
  readonly own: string;
  readonly quiet: string;
  readonly faint: string;
  readonly moved: string;
  readonly bad: string;
  readonly focus: string;
}

const NAMES = ['own', 'quiet', 'faint', 'moved', 'bad', 'focus'] as const;

/** The properties are registered as colours (base.css), so that what they come to in this scheme is asked for. */
export function paletteOf(element: Element): Palette {
  const style = getComputedStyle(element);
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--map-${name}`)])) as Record<
    (typeof NAMES)[number],
    string
  >;
}

/** Sizes a canvas for the screen's own pixels and clears it. */
export function prepared(
  canvas: HTMLCanvasElement,
  widthPx: number,
  heightPx: number,
): CanvasRenderingContext2D | null {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [Math.round(widthPx * ratio), Math.round(heightPx * ratio)];
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const context = canvas.getContext('2d');
  context?.setTransform(ratio, 0, 0, ratio, 0, 0);
  context?.clearRect(0, 0, widthPx, heightPx);
  return context;
}

export function drawField(
  context: CanvasRenderingContext2D,
  cells: readonly Cell[],
  layout: Layout,
  moved: ReadonlySet<number>,
  cursor: number | undefined,
  palette: Palette,
): void {
  const { columns, pitchPx } = layout;
  // On the screen's own pixels: an edge in between is a blur.
  const ratio = context.getTransform().a;
  const snapped = (n: number) => Math.round(n * pitchPx * ratio) / ratio;
  for (const [shard, cell] of cells.entries()) {
    const x = snapped(shard % columns);
    const y = snapped(Math.floor(shard / columns));
    drawCell(context, cell, x, y, pitchPx, moved.has(shard), palette);
  }
  if (cursor === undefined) return;
  context.strokeStyle = palette.focus;
  context.lineWidth = 2;
  context.strokeRect(
    (cursor % columns) * pitchPx - 0.5,
    Math.floor(cursor / columns) * pitchPx - 0.5,
    pitchPx,
    pitchPx,
  );
}

export function drawCell(
  context: CanvasRenderingContext2D,
  cell: Cell,
  x: number,
  y: number,
  pitch: number,
  moved: boolean,
  palette: Palette,
): void {
  const gap = pitch >= 8 ? 2 : pitch >= 4 ? 1 : 0.5;
  const size = Math.max(1, pitch >= 4 ? Math.floor(pitch - gap) : pitch - gap);
  const dot = (colour: string, part: number) => {
    const side = Math.max(1, size * part);
    context.fillStyle = colour;
    context.fillRect(x + (size - side) / 2, y + (size - side) / 2, side, side);
  };
  const outline = (colour: string) => {
    context.strokeStyle = colour;
    context.lineWidth = pitch >= 8 ? 1.5 : 1;
    const inset = context.lineWidth / 2;
    context.strokeRect(x + inset, y + inset, size - 2 * inset, size - 2 * inset);
  };
  const own = moved ? palette.moved : palette.own;
  switch (cell) {
    case 'owned':
      context.fillStyle = own;
      return context.fillRect(x, y, size, size);
    case 'rehydrating':
      context.fillStyle = palette.moved;
      context.fillRect(x, y + size / 2, size, size / 2);
      return outline(palette.moved);
    case 'acquiring':
      return outline(palette.moved);
    case 'draining':
    case 'leaving':
      context.fillStyle = palette.moved;
      context.beginPath();
      context.moveTo(x, y);
      context.lineTo(x + size, y);
      context.lineTo(x, y + size);
      context.fill();
      return outline(palette.moved);
    case 'unknown':
      context.strokeStyle = palette.quiet;
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(x + 1, y + 1);
      context.lineTo(x + size - 1, y + size - 1);
      context.moveTo(x + size - 1, y + 1);
      context.lineTo(x + 1, y + size - 1);
      return context.stroke();
    case 'expected':
      return dot(palette.moved, 0.4);
    case 'nobody':
      return dot(palette.bad, 0.45);
    default:
      return dot(palette.faint, 0.2);
  }
}

interface Flight {
  readonly fromX: number;
  readonly fromY: number;
  readonly toX: number;
  readonly toY: number;
  readonly startsAtMs: number;
}

const FLIGHT_MS = 850;
const SPREAD_MS = 500;
const MOST_FLIGHTS = 600;

/** The canvas above the fields. */
export class Flights {
  readonly #canvas: HTMLCanvasElement;
  #flights: Flight[] = [];
  #frame = 0;

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
  }

  /** @param fields the canvas of each node, where it is now */
  start(moves: readonly Move[], fields: ReadonlyMap<string, HTMLCanvasElement>, layout: Layout): void {
    if (matchMedia('(prefers-reduced-motion: reduce)').matches || document.hidden) return;
    const here = this.#canvas.getBoundingClientRect();
    const nowMs = performance.now();
    const placeOf = (node: string, shard: number) => {
      const box = fields.get(node)?.getBoundingClientRect();
      if (box === undefined) return undefined;
      const x = box.left - here.left + (shard % layout.columns) * layout.pitchPx;
      return [x, box.top - here.top + Math.floor(shard / layout.columns) * layout.pitchPx] as const;
    };
    for (const [i, { shard, from, to }] of moves.slice(0, MOST_FLIGHTS).entries()) {
      const [start, end] = [placeOf(from, shard), placeOf(to, shard)];
      if (start === undefined || end === undefined) continue;
      const startsAtMs = nowMs + (SPREAD_MS * i) / moves.length;
      this.#flights.push({ fromX: start[0], fromY: start[1], toX: end[0], toY: end[1], startsAtMs });
    }
    this.#flights = this.#flights.slice(-MOST_FLIGHTS);
    if (this.#frame === 0 && this.#flights.length > 0)
      this.#frame = requestAnimationFrame(() => this.#draw(layout.pitchPx));
  }

  stop(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#flights = [];
  }

  #draw(pitchPx: number): void {
    this.#frame = 0;
    const nowMs = performance.now();
    const { clientWidth, clientHeight } = this.#canvas;
    const context = prepared(this.#canvas, clientWidth, clientHeight);
    this.#flights = this.#flights.filter(({ startsAtMs }) => nowMs < startsAtMs + FLIGHT_MS);
    if (context === null || this.#flights.length === 0) return;
    const { moved } = paletteOf(this.#canvas);
    const size = Math.max(2, pitchPx - 2);
    context.fillStyle = moved;
    context.strokeStyle = moved;
    for (const { fromX, fromY, toX, toY, startsAtMs } of this.#flights) {
      const part = (nowMs - startsAtMs) / FLIGHT_MS;
      if (part < 0) continue;
      const [head, tail] = [eased(part), eased(Math.max(0, part - 0.18))];
      const at = (e: number) => [fromX + (toX - fromX) * e, fromY + (toY - fromY) * e] as const;
      const [[x, y], [tailX, tailY]] = [at(head), at(tail)];
      context.globalAlpha = 0.35;
      context.lineWidth = size / 3;
      context.beginPath();
      context.moveTo(tailX + size / 2, tailY + size / 2);
      context.lineTo(x + size / 2, y + size / 2);
      context.stroke();
      context.globalAlpha = 1;
      context.fillRect(x, y, size, size);
    }
    this.#frame = requestAnimationFrame(() => this.#draw(pitchPx));
  }
}

function eased(part: number): number {
  return part < 0.5 ? 4 * part ** 3 : 1 - (-2 * part + 2) ** 3 / 2;
}
