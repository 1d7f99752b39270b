// The cluster map without its pixels. Every node has a field with a place for every shard, the same place in each field: so a
// shard is found again wherever it is, its move is a straight line, and how full a field is shows the balance. What must
// hold: the fields of all nodes have one layout, which depends on the number of shards and the width alone, so that nothing
// shifts while the page is polled.
import type { ClusterView, ShardView } from '../../../operations/model/cluster.ts';

export interface Layout {
  readonly columns: number;
  readonly rows: number;
  /** Of a cell with the gap behind it, CSS px. */
  readonly pitchPx: number;
  readonly heightPx: number;
}

const LARGEST_PITCH_PX = 13;
/** To which a cell is stretched where columns in eights leave room at the side. */
const STRETCHED_PITCH_PX = 16;
const SMALLEST_PITCH_PX = 2;
const MOST_HEIGHT_PX = 150;
const MOST_STRETCHED_HEIGHT_PX = 170;

/** The largest cells with which the field stays low; columns in eights, so that a place can be counted. */
export function layoutOf(shards: number, widthPx: number): Layout {
  for (let pitch = LARGEST_PITCH_PX; ; pitch -= 0.5) {
    const fit = Math.max(1, Math.floor(widthPx / pitch));
    const columns = Math.min(fit < 8 ? fit : fit - (fit % 8), Math.max(shards, 1));
    const rows = Math.max(1, Math.ceil(shards / columns));
    if (rows * pitch > MOST_HEIGHT_PX && pitch > SMALLEST_PITCH_PX) continue;
    const pitchPx = Math.max(pitch, Math.min(widthPx / columns, STRETCHED_PITCH_PX, MOST_STRETCHED_HEIGHT_PX / rows));
    return { columns, rows, pitchPx, heightPx: Math.ceil(rows * pitchPx) };
  }
}

/** Which place is under the pointer; undefined: none. */
export function shardAt(layout: Layout, shards: number, x: number, y: number): number | undefined {
  const [column, row] = [Math.floor(x / layout.pitchPx), Math.floor(y / layout.pitchPx)];
  const shard = row * layout.columns + column;
  return column >= 0 && row >= 0 && column < layout.columns && shard < shards ? shard : undefined;
}

/** Where the arrow keys lead; undefined: not one of them. */
export function shardBeside(layout: Layout, shards: number, shard: number, key: string): number | undefined {
  const steps: Readonly<Record<string, number>> = {
    ArrowLeft: -1,
    ArrowRight: 1,
    ArrowUp: -layout.columns,
    ArrowDown: layout.columns,
  };
  if (key === 'Home') return 0;
  if (key === 'End') return shards - 1;
  const step = steps[key];
  if (step === undefined) return undefined;
  const next = shard + step;
  return next >= 0 && next < shards ? next : shard;
}

/** What is at a shard's place in the field of one node; `elsewhere` and `nobody`: not here. */
export type Cell = ShardView['state'] | 'leaving' | 'expected' | 'elsewhere' | 'nobody';

/** One for each shard, by its number. */
export function cellsOf(view: ClusterView, node: string): readonly Cell[] {
  const cells: Cell[] = [];
  for (const shard of view.shards) cells[shard.shard] = cellOf(shard, node);
  return cells;
}

function cellOf({ node, state, target }: ShardView, here: string): Cell {
  if (node === here && state !== 'released')
    return state === 'owned' && target !== null && target !== here ? 'leaving' : state;
  if (target === here) return 'expected';
  return isUnowned({ node, state }) ? 'nobody' : 'elsewhere';
}

function isUnowned({ node, state }: Pick<ShardView, 'node' | 'state'>): boolean {
  return node === null || state === 'released';
}

/** Shards that nobody answers for. */
export function unowned(view: ClusterView): readonly number[] {
  return view.shards.filter(isUnowned).map(({ shard }) => shard);
}

/** Shards that are on their way: another node than the one that has it is to have it, or it is not in order yet. */
export function moving(view: ClusterView): readonly number[] {
  return view.shards
    .filter(
      ({ node, state, target }) => node !== null && ((target !== null && target !== node) || IN_BETWEEN.has(state)),
    )
    .map(({ shard }) => shard);
}

const IN_BETWEEN: ReadonlySet<ShardView['state']> = new Set(['acquiring', 'rehydrating', 'draining']);

export interface Move {
  readonly shard: number;
  readonly from: string;
  readonly to: string;
}

/** Who has which shard, by its number. */
export type Owners = readonly (string | null)[];

export function ownersOf(view: ClusterView): Owners {
  const owners: (string | null)[] = [];
  for (const { shard, node } of view.shards) owners[shard] = node;
  return owners;
}

/** What has changed hands between two looks. A shard that was nobody's for a while comes from whoever had it `last`. */
export function movesBetween(last: Owners, now: Owners): readonly Move[] {
  return now.flatMap((to, shard) => {
    const from = last[shard];
    return to === null || from === undefined || from === null || from === to ? [] : [{ shard, from, to }];
  });
}

/** The owners as they are now and, where there is none, as they were. */
export function lastOwners(last: Owners, now: Owners): Owners {
  return now.map((node, shard) => node ?? last[shard] ?? null);
}
