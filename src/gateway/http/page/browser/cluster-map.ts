// Nodes × shards: a card for each node with its state in words and its field of shards (map-layout.ts says how a field is made),
// and the shard under the pointer or the arrow keys in words below.
import type { VNode } from 'preact';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { ClusterView, NodeView } from '../../../operations/model/cluster.ts';
import { h } from './element.ts';
import { count, many } from './format.ts';
import { useLive } from './hooks.ts';
import { drawCell, Flights, paletteOf, prepared } from './map-draw.ts';
import { type Cell, cellsOf, lastOwners, layoutOf, movesBetween, type Owners, ownersOf } from './map-layout.ts';
import { NodeHead } from './node-card.ts';
import { ShardField } from './shard-field.ts';
import { Go, Section } from './ui.ts';
import { NODE } from './words.ts';

/** How long a shard that has moved is marked. */
const MARKED_MS = 10_000;
/** A node that is not listed any more stays on the map so long, with what it had. */
const GONE_AFTER_MS = 60_000;

interface Cursor {
  readonly node: string;
  readonly shard: number;
}

export function ClusterMap({ cluster }: { readonly cluster: ClusterView }): VNode {
  const live = useLive();
  const nowMs = performance.now();
  const [width, setWidth] = useState(0);
  const [cursor, setCursor] = useState<Cursor>();
  const cards = useRef<HTMLDivElement>(null);
  const sky = useRef<HTMLCanvasElement>(null);
  const flights = useRef<Flights>(null);
  const fields = useRef(new Map<string, HTMLCanvasElement>());
  const owners = useRef<Owners>([]);
  const moved = useRef(new Map<number, number>());
  const nodes = useNodes(cluster, nowMs);
  const shards = cluster.shards.length;
  const layout = layoutOf(shards, Math.max(width, 100));

  useLayoutEffect(() => {
    const measure = () => setWidth(cards.current?.querySelector('canvas')?.parentElement?.clientWidth ?? 0);
    const observer = new ResizeObserver(measure);
    if (cards.current) observer.observe(cards.current);
    measure();
    if (sky.current) flights.current = new Flights(sky.current);
    return () => {
      observer.disconnect();
      flights.current?.stop();
    };
  }, []);

  // What has moved since the last look.
  useEffect(() => {
    const now = ownersOf(cluster);
    const moves = movesBetween(owners.current, now);
    for (const { shard } of moves) moved.current.set(shard, performance.now());
    owners.current = lastOwners(owners.current, now);
    if (moves.length > 0 && width > 0) flights.current?.start(moves, fields.current, layout);
  }, [cluster]);

  for (const [shard, atMs] of moved.current) if (nowMs - atMs > MARKED_MS) moved.current.delete(shard);
  const marked = new Set(moved.current.keys());
  const cells = useMemo(() => new Map(nodes.map(({ node }) => [node, cellsOf(cluster, node)])), [cluster]);
  const field = ({ node }: NodeView) =>
    h(ShardField, {
      ...{ node, layout, marked, widthPx: width, cells: cells.get(node) ?? [] },
      cursor: cursor?.node === node ? cursor.shard : undefined,
      point: (shard) => setCursor(shard === undefined ? undefined : { node, shard }),
      placed: (canvas) => (canvas ? fields.current.set(node, canvas) : fields.current.delete(node)),
    });
  return h(
    Section,
    {
      title: 'Shards',
      id: 'shards',
      class: 'map',
      aside: h('p', { class: 'quiet' }, `${count(shards)} shards on ${many(nodes.length, 'node')}`),
    },
    h(
      'div',
      { class: 'cards', ref: cards },
      nodes.map((node) =>
        h(
          'article',
          {
            key: node.node,
            class: `card node-${node.state}`,
            'aria-label': `Node ${node.node}, ${NODE[node.state].text}`,
          },
          h(NodeHead, { node, answers: cluster.answeredBy === node.node, reload: () => live.now() }),
          h('div', { class: 'field-box' }, field(node)),
        ),
      ),
      h('canvas', { class: 'sky', ref: sky, 'aria-hidden': 'true' }),
    ),
    h(Inspector, { cluster, cursor }),
    h(Legend, {}),
  );
}

/** The nodes by name; one that has just been forgotten stays a while, for people look where it was. */
function useNodes(cluster: ClusterView, nowMs: number): readonly NodeView[] {
  const known = useRef(new Map<string, { node: NodeView; atMs: number }>());
  for (const node of cluster.nodes) known.current.set(node.node, { node, atMs: nowMs });
  for (const [name, { node, atMs }] of known.current) {
    if (nowMs - atMs > GONE_AFTER_MS) known.current.delete(name);
    else if (!cluster.nodes.some((listed) => listed.node === name))
      known.current.set(name, {
        node: {
          ...node,
          state: node.state === 'dead' ? 'dead' : 'left',
          shardsOwned: 0,
          pending: null,
          waitingFor: [],
        },
        atMs,
      });
  }
  return [...known.current.values()]
    .map(({ node }) => node)
    .sort((a, b) => a.node.localeCompare(b.node, 'en', { numeric: true }));
}

function Inspector({ cluster, cursor }: { readonly cluster: ClusterView; readonly cursor: Cursor | undefined }): VNode {
  const shard = cursor === undefined ? undefined : cluster.shards.find(({ shard }) => shard === cursor.shard);
  if (shard === undefined)
    return h(
      'p',
      { class: 'inspector quiet', 'aria-live': 'polite' },
      'Point at a shard, or go to a field with Tab and the arrow keys.',
    );
  const { node, state, epoch, target } = shard;
  return h(
    'p',
    { class: 'inspector', 'aria-live': 'polite' },
    h('strong', {}, `Shard ${shard.shard}`),
    node === null ? ' has no owner' : ` of ${node}, ${state}, since revision ${epoch}`,
    target !== null && target !== node ? `, on its way to ${target}` : '',
    '. ',
    h(Go, { to: { view: 'jobs', query: { shard: String(shard.shard) } }, tabIndex: -1 }, 'Its jobs'),
  );
}

const LEGEND: readonly (readonly [Cell, string])[] = [
  ['owned', 'owned'],
  ['rehydrating', 'rehydrating'],
  ['acquiring', 'acquiring'],
  ['draining', 'handing over'],
  ['expected', 'to come here'],
  ['unknown', 'not known'],
  ['nobody', "nobody's"],
  ['elsewhere', 'elsewhere'],
];
const SAMPLE_PX = 12;

/** With the same strokes as the map. */
function Legend(): VNode {
  const list = useRef<HTMLUListElement>(null);
  useLayoutEffect(() => {
    for (const [i, canvas] of [...(list.current?.querySelectorAll('canvas') ?? [])].entries()) {
      const context = prepared(canvas, SAMPLE_PX, SAMPLE_PX);
      if (context) drawCell(context, LEGEND[i]![0], 0, 0, SAMPLE_PX, false, paletteOf(canvas));
    }
  });
  return h(
    'ul',
    { class: 'legend', ref: list, 'aria-label': 'Legend' },
    LEGEND.map(([cell, text]) => h('li', { key: cell }, h('canvas', { class: 'sample', 'aria-hidden': 'true' }), text)),
  );
}
