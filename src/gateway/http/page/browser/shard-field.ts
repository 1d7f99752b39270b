// The field of one node on the cluster map: a canvas that is painted when what it shows has changed and at no other time, for the
// page asks every second, a large cluster has tens of thousands of places, and almost always all is as it was.
import type { VNode } from 'preact';
import { useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { h } from './element.ts';
import { drawField, paletteOf, prepared } from './map-draw.ts';
import { type Cell, type Layout, shardAt, shardBeside } from './map-layout.ts';

export interface ShardFieldProps {
  readonly node: string;
  readonly cells: readonly Cell[];
  readonly layout: Layout;
  readonly widthPx: number;
  /** Shards that have moved lately. */
  readonly marked: ReadonlySet<number>;
  /** The shard that is pointed at here. */
  readonly cursor: number | undefined;
  point(shard: number | undefined): void;
  /** Told where the canvas is, and when it has gone. */
  placed(canvas: HTMLCanvasElement | null): void;
}

export function ShardField(props: ShardFieldProps): VNode {
  const { node, cells, layout, widthPx, marked, cursor, point, placed } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const painted = useRef('');
  const label = useMemo(
    () => `Shards of ${node}: ${inWords(cells)}. Arrow keys go from shard to shard.`,
    [node, cells],
  );
  const picture = useMemo(() => cells.join(), [cells]);

  useLayoutEffect(() => {
    if (canvas.current === null || widthPx === 0) return;
    const palette = paletteOf(canvas.current);
    const look = Object.values(palette).join();
    const wanted = [picture, widthPx, layout.heightPx, devicePixelRatio, [...marked].join(), cursor, look].join('|');
    if (wanted === painted.current) return;
    painted.current = wanted;
    const context = prepared(canvas.current, widthPx, layout.heightPx);
    if (context) drawField(context, cells, layout, marked, cursor, palette);
  });

  const pointed = (event: PointerEvent) => point(shardAt(layout, cells.length, event.offsetX, event.offsetY));
  const onKeyDown = (event: KeyboardEvent) => {
    const shard = shardBeside(layout, cells.length, cursor ?? 0, event.key);
    if (shard === undefined) return;
    event.preventDefault();
    point(cursor === undefined ? 0 : shard);
  };
  return h('canvas', {
    ref: (element: HTMLCanvasElement | null) => {
      canvas.current = element;
      placed(element);
    },
    class: 'field-of-shards',
    // So that a screen reader lets the arrow keys through.
    role: 'application',
    'aria-roledescription': 'field of shards',
    tabIndex: 0,
    'aria-label': label,
    style: { height: `${layout.heightPx}px` },
    onPointerMove: pointed,
    onPointerDown: pointed,
    onPointerLeave: (event: PointerEvent) => event.pointerType === 'mouse' && point(undefined),
    onFocus: () => cursor === undefined && point(0),
    onBlur: () => point(undefined),
    onKeyDown,
  });
}

/** `41 owned, 2 rehydrating` */
function inWords(cells: readonly Cell[]): string {
  const counts = new Map<Cell, number>();
  for (const cell of cells) counts.set(cell, (counts.get(cell) ?? 0) + 1);
  const here = [...counts].filter(([cell]) => cell !== 'elsewhere' && cell !== 'nobody');
  return here.length === 0 ? 'none' : here.map(([cell, n]) => `${n} ${cell}`).join(', ');
}
