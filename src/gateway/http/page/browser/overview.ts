// The first view: how it stands in one line, what flows, who has which shard, what waits longest, what has moved.
import type { VNode } from 'preact';
import type { ClusterView, RoutesView } from '../../../operations/model.ts';
import { ClusterMap } from './cluster-map.ts';
import { h } from './element.ts';
import { Flow } from './flow.ts';
import { age, count, many, shardList } from './format.ts';
import { useLive, useLiveState } from './hooks.ts';
import { moving, unowned } from './map-layout.ts';
import { Movements } from './movements-list.ts';
import { Routes } from './routes.ts';
import { Glyph, Missing, Nothing, Title } from './ui.ts';
import { named, type Shape, type Tone } from './words.ts';

export function Overview(): VNode {
  const { cluster, flow, routes } = useLiveState();
  if (cluster === undefined) return h('div', {}, h(Title, {}, 'Overview'), h(Nothing, {}, 'Asking the node…'));
  return h(
    'div',
    { class: 'overview' },
    h(Verdict, { cluster: cluster.value, routes: routes?.value }),
    h(Missing, { nodes: missingIn(cluster.value, routes?.value), what: 'what they hold is not counted here.' }),
    h(Flow, { flow: flow?.value }),
    h(ClusterMap, { cluster: cluster.value }),
    h(
      'div',
      { class: 'two' },
      h(Routes, { routes: routes?.value }),
      h(Movements, { movements: cluster.value.movements }),
    ),
  );
}

function missingIn(cluster: ClusterView, routes: RoutesView | undefined): readonly string[] {
  return [...new Set([...cluster.missing, ...(routes?.missing ?? [])])];
}

interface Saying {
  readonly tone: Tone;
  readonly shape: Shape;
  readonly text: string;
}

function Verdict({
  cluster,
  routes,
}: {
  readonly cluster: ClusterView;
  readonly routes: RoutesView | undefined;
}): VNode {
  const nowMs = useLive().wallMs();
  const { tone, shape, text } = verdictOn(cluster);
  const pending = routes?.routes.reduce((sum, route) => sum + route.pending, 0);
  const unsent = routes?.routes.reduce((sum, route) => sum + route.unsent, 0);
  const oldest = routes?.routes.map(({ oldestHeldAtMs }) => oldestHeldAtMs).filter((atMs) => atMs !== null);
  const ready = cluster.nodes.filter(({ state }) => state === 'ready').length;
  const owned = cluster.shards.filter(({ state }) => state === 'owned').length;
  const figures = [
    ['pending', pending === undefined ? '–' : count(pending)],
    ['oldest', oldest === undefined || oldest.length === 0 ? '–' : age(nowMs - Math.min(...oldest))],
    ['not sent yet', unsent === undefined ? '–' : count(unsent)],
    ['nodes ready', `${ready} / ${cluster.nodes.length}`],
    ['shards owned', `${count(owned)} / ${count(cluster.shards.length)}`],
  ] as const;
  return h(
    'div',
    { class: 'verdict' },
    h(
      'h1',
      { id: 'title', tabIndex: -1, class: `tone-${tone}` },
      h(Glyph, { shape }),
      h('span', { role: 'status' }, text),
    ),
    h(
      'dl',
      { class: 'figures' },
      figures.map(([name, value]) => h('div', { key: name }, h('dt', {}, name), h('dd', {}, value))),
    ),
  );
}

/** The worst of what there is to say. */
export function verdictOn(cluster: ClusterView): Saying {
  const nodesIn = (...states: readonly string[]) =>
    cluster.nodes.filter(({ state }) => states.includes(state)).map(({ node }) => node);
  const lost = unowned(cluster);
  const dead = nodesIn('dead');
  const silent = [...new Set([...nodesIn('silent'), ...cluster.missing])].filter((node) => !dead.includes(node));
  const lacking = nodesIn('notReady');
  const underway = moving(cluster);
  const draining = nodesIn('draining');
  if (cluster.shards.length === 0) return { tone: 'quiet', shape: 'ring', text: 'No shards yet' };
  if (lost.length > 0)
    return {
      tone: 'bad',
      shape: 'cross',
      text: `${many(lost.length, 'shard')} without an owner: ${shardList(lost, 4)}`,
    };
  if (dead.length > 0)
    return { tone: 'bad', shape: 'cross', text: `${named(dead)} ${dead.length === 1 ? 'is' : 'are'} dead` };
  if (silent.length > 0)
    return {
      tone: 'warn',
      shape: 'dashed',
      text: `${named(silent)} ${silent.length === 1 ? 'does' : 'do'} not answer`,
    };
  if (lacking.length > 0)
    return { tone: 'warn', shape: 'ring', text: `${named(lacking)} ${lacking.length === 1 ? 'is' : 'are'} not ready` };
  if (underway.length > 0)
    return { tone: 'calm', shape: 'half', text: `${many(underway.length, 'shard')} on the move` };
  if (draining.length > 0)
    return { tone: 'calm', shape: 'half', text: `${named(draining)} ${draining.length === 1 ? 'is' : 'are'} drained` };
  return { tone: 'good', shape: 'disc', text: 'All shards owned, all nodes ready' };
}
