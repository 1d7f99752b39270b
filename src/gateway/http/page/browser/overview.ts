// The first view: how it stands in one line, what flows, who has which shard, what waits longest, what has moved.
import type { VNode } from 'preact';
import type { ClusterView } from '../../../operations/model/cluster.ts';
import type { RoutesView } from '../../../operations/model/flow.ts';
import { ClusterMap } from './cluster-map.ts';
import { h } from './element.ts';
import { Flow } from './flow.ts';
import { age, count } from './format.ts';
import { useLive, useLiveState } from './hooks.ts';
import { Movements } from './movements-list.ts';
import { Routes } from './routes.ts';
import { Glyph, Nothing, Title } from './ui.ts';
import { verdictOn } from './verdict.ts';
import { named } from './words.ts';

export function Overview(): VNode {
  const { cluster, flow, routes } = useLiveState();
  if (cluster === undefined) return h('div', {}, h(Title, {}, 'Overview'), h(Nothing, {}, 'Asking the node…'));
  return h(
    'div',
    { class: 'overview' },
    h(Verdict, {
      cluster: cluster.value,
      routes: routes?.value,
      missing: [...new Set([cluster, flow, routes].flatMap((known) => known?.value.missing ?? []))],
    }),
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

function Verdict({
  cluster,
  routes,
  missing,
}: {
  readonly cluster: ClusterView;
  readonly routes: RoutesView | undefined;
  readonly missing: readonly string[];
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
      'div',
      { role: 'status' },
      h('h1', { id: 'title', tabIndex: -1, class: `tone-${tone}` }, h(Glyph, { shape }), h('span', {}, text)),
      // Always there, so that nothing moves when a node falls silent.
      missing.length === 0
        ? h('p', { class: 'quiet' }, 'All nodes have answered.')
        : h(
            'p',
            { class: 'tone-warn' },
            `${named(missing)} did not answer: ${missing.length === 1 ? 'what it holds' : 'what they hold'} is not counted here.`,
          ),
    ),
    h(
      'dl',
      { class: 'figures' },
      figures.map(([name, value]) => h('div', { key: name }, h('dt', {}, name), h('dd', {}, value))),
    ),
  );
}
