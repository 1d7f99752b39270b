// `holdfast status`: is everything there, who does what, what waits longest. And `routes`, its lower half alone.
import { type MovementGroup, grouped as together } from '../../http/page/browser/movements.ts';
import { ClusterView, type NodeView, type ShardView } from '../../operations/model/cluster.ts';
import { RoutesView, type RouteView } from '../../operations/model/flow.ts';
import { count } from '../finding.ts';
import { type Column, type Sheet, type Style, table } from '../table.ts';
import { printable } from '../text-width.ts';
import { grouped, localTime, span } from '../words.ts';
import { read } from './api-client.ts';
import { missingWords } from './pages.ts';
import type { Session } from './session.ts';
import { shown } from './watch.ts';

const RECENT_MS = 5 * 60_000;
const MOVEMENTS_SHOWN = 5;

export function status(session: Session): Promise<number> {
  const { api, json, out } = session;
  return shown(session, async () => {
    const [cluster, routes] = await Promise.all([api.get('cluster'), api.get('routes')]);
    if (json) return [`{"cluster":${cluster.text},"routes":${routes.text}}`];
    const view = await read(ClusterView, cluster);
    const { sheet } = out;
    return [...clusterLines(view, sheet), '', ...routeLines(await read(RoutesView, routes), view.atMs, sheet)];
  });
}

export function routes(session: Session): Promise<number> {
  const { api, json, out } = session;
  return shown(session, async () => {
    const answer = await api.get('routes');
    return json ? [answer.text] : routeLines(await read(RoutesView, answer), answer.atMs, out.sheet);
  });
}

export function clusterLines(view: ClusterView, sheet: Sheet): readonly string[] {
  const pending = view.nodes.reduce((sum, node) => sum + (node.pending ?? 0), 0);
  const counts = `${count(view.nodes.length, 'node')}, ${count(view.shards.length, 'shard')}, ${grouped(pending)} pending`;
  const asked = `answered by ${printable(view.answeredBy)} at ${localTime(view.atMs)}`;
  return [
    `${sheet.paint('bold', `cluster ${printable(view.cluster)}`)}: ${counts}; ${asked}`,
    '',
    ...table(nodeColumns(view.atMs), view.nodes, sheet),
    ...missingWords(view.missing, 'figures').map((words) => sheet.paint('red', words)),
    ...unsettled(view.shards).map((words) => sheet.paint('yellow', words)),
    ...recent(view),
  ];
}

const NODE_STYLES: Readonly<Record<string, Style>> = {
  ready: 'green',
  notReady: 'yellow',
  draining: 'yellow',
  silent: 'red',
  dead: 'red',
};

function nodeColumns(nowMs: number): readonly Column<NodeView>[] {
  return [
    { title: 'NODE', of: ({ node }) => node },
    { title: 'STATE', of: ({ state }) => state, style: ({ state }) => NODE_STYLES[state] },
    { title: 'VERSION', extra: true, of: ({ version }) => version },
    { title: 'UP', align: 'right', of: ({ startedAtMs }) => (startedAtMs === null ? null : span(nowMs - startedAtMs)) },
    {
      title: 'LEASE',
      align: 'right',
      of: ({ leaseRemainingMs }) => (leaseRemainingMs === null ? null : span(leaseRemainingMs)),
    },
    { title: 'SHARDS', align: 'right', of: ({ shardsOwned }) => shardsOwned },
    { title: 'PENDING', align: 'right', of: ({ pending }) => (pending === null ? null : grouped(pending)) },
    { title: 'SKEW', align: 'right', of: ({ clockSkewMs }) => (clockSkewMs === null ? null : span(clockSkewMs)) },
    { title: 'WAITING FOR', least: 20, of: ({ waitingFor }) => waitingFor.join('; ') },
  ];
}

/** Shards that nobody serves right now, and those that are to move. */
function unsettled(shards: readonly ShardView[]): readonly string[] {
  const idle = shards.filter(({ state }) => state !== 'owned');
  const states = [...Map.groupBy(idle, ({ state }) => state)].map(([state, some]) => `${some.length} ${state}`);
  const moving = shards.filter(({ node, target, state }) => state === 'owned' && target !== null && target !== node);
  return [
    ...(idle.length === 0
      ? []
      : [`${idle.length} of ${count(shards.length, 'shard')} not served: ${states.join(', ')}`]),
    ...(moving.length === 0 ? [] : [`${count(moving.length, 'shard')} about to move`]),
  ];
}

function recent({ movements, atMs }: ClusterView): readonly string[] {
  const young = movements.filter((movement) => atMs - movement.atMs < RECENT_MS);
  const groups = together(young);
  const lines = groups.slice(0, MOVEMENTS_SHOWN).map((group) => groupWords(group, atMs));
  const rest = groups.slice(MOVEMENTS_SHOWN).reduce((sum, { shards }) => sum + shards.length, 0);
  return lines.length === 0 ? [] : ['', ...lines, ...(rest === 0 ? [] : [`and ${rest} more in the last 5 minutes`])];
}

function groupWords({ kind, about, others, shards, jobs, tookMs, atMs }: MovementGroup, nowMs: number): string {
  const one = (node: string | null) => printable(node ?? 'nobody');
  const rest = others.map(([node, n]) => (others.length === 1 ? one(node) : `${one(node)} (${n})`)).join(', ');
  const way =
    kind === 'takeover' ? `${one(about)} → ${rest}` : kind === 'first' ? `→ ${one(about)}` : `${rest} → ${one(about)}`;
  const which = shards.length === 1 ? `shard ${shards[0]}` : count(shards.length, 'shard');
  const most = shards.length === 1 ? '' : ' at most';
  return `${which} ${way}, ${kind}, ${count(jobs, 'job')} in ${span(tookMs)}${most}, ${span(nowMs - atMs)} ago`;
}

function routeLines({ routes, missing }: RoutesView, nowMs: number, sheet: Sheet): readonly string[] {
  const oldestFirst = routes.toSorted((a, b) => (a.oldestHeldAtMs ?? Infinity) - (b.oldestHeldAtMs ?? Infinity));
  const lines = routes.length === 0 ? ['no routes'] : table(routeColumns(nowMs), oldestFirst, sheet);
  return [...lines, ...missingWords(missing, 'figures').map((words) => sheet.paint('red', words))];
}

function routeColumns(nowMs: number): readonly Column<RouteView>[] {
  return [
    { title: 'ROUTE', least: 16, of: ({ lane }) => lane },
    {
      title: 'KIND',
      extra: true,
      of: ({ kind }) => kind,
      style: ({ kind }) => (kind === 'removed' ? 'yellow' : undefined),
    },
    { title: 'PENDING', align: 'right', of: ({ pending }) => grouped(pending) },
    {
      title: 'OLDEST',
      align: 'right',
      of: ({ oldestHeldAtMs }) => (oldestHeldAtMs === null ? null : span(nowMs - oldestHeldAtMs)),
      style: (route) => (isOverdue(route, nowMs) ? 'red' : undefined),
    },
    {
      title: 'SINCE',
      extra: true,
      of: ({ oldestHeldAtMs }) => (oldestHeldAtMs === null ? null : localTime(oldestHeldAtMs)),
    },
    { title: 'OLDEST JOB', extra: true, of: ({ oldestJobKey }) => oldestJobKey },
    { title: 'HELD/S', align: 'right', of: ({ heldPerSecond }) => heldPerSecond.toFixed(1) },
    { title: 'ENDED/S', align: 'right', of: ({ endedPerSecond }) => endedPerSecond.toFixed(1) },
    {
      title: 'UNSENT',
      align: 'right',
      of: ({ unsent }) => unsent,
      style: ({ unsent }) => (unsent > 0 ? 'yellow' : undefined),
    },
    { title: 'ROOM', align: 'right', of: ({ room }) => room, style: ({ room }) => (room === 0 ? 'red' : undefined) },
  ];
}

function isOverdue({ oldestHeldAtMs, replyTimeoutMs }: RouteView, nowMs: number): boolean {
  return oldestHeldAtMs !== null && replyTimeoutMs !== null && nowMs - oldestHeldAtMs > replyTimeoutMs;
}
