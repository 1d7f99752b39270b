// What waits, by route, the longest wait first.
import type { VNode } from 'preact';
import type { RoutesView, RouteView } from '../../../operations/model/flow.ts';
import { h } from './element.ts';
import { age, count, duration, rate } from './format.ts';
import { useLive } from './hooks.ts';
import { type Column, Table } from './table.ts';
import { Go, Nothing, Section } from './ui.ts';
import { ROUTE_KIND } from './words.ts';

export function Routes({ routes }: { readonly routes: RoutesView | undefined }): VNode {
  const nowMs = useLive().wallMs();
  const rows = longestFirst(routes?.routes ?? []);
  return h(
    Section,
    { title: 'Pending by route', id: 'routes', class: 'routes' },
    routes !== undefined && rows.length === 0
      ? h(Nothing, {}, 'No route is configured, and nothing waits.')
      : h(Table<RouteView>, {
          label: 'Pending jobs by route, the longest wait first',
          columns: columns(nowMs),
          rows,
          idOf: ({ kind, lane }) => `${kind} ${lane}`,
          to: ({ lane }) => ({ view: 'jobs', query: { lane } }),
        }),
  );
}

/** Those with nothing that waits by name, behind the others. */
export function longestFirst(routes: readonly RouteView[]): readonly RouteView[] {
  const since = ({ oldestHeldAtMs }: RouteView) => oldestHeldAtMs ?? Number.MAX_VALUE;
  return [...routes].sort((a, b) => since(a) - since(b) || a.lane.localeCompare(b.lane, 'en'));
}

function columns(nowMs: number): readonly Column<RouteView>[] {
  return [
    {
      name: 'Route',
      kind: 'main',
      cell: ({ lane, kind }) => [lane, ROUTE_KIND[kind] !== '' && h('small', {}, ROUTE_KIND[kind])],
    },
    { name: 'Pending', kind: 'number', cell: ({ pending }) => count(pending) },
    { name: 'Oldest', kind: 'number', cell: (route) => h(Oldest, { route, nowMs }) },
    { name: 'Held/s', kind: 'number', cell: ({ heldPerSecond }) => rate(heldPerSecond) },
    { name: 'Ended/s', kind: 'number', cell: ({ endedPerSecond }) => rate(endedPerSecond) },
    {
      name: 'Not sent',
      kind: 'number',
      cell: ({ unsent }) => (unsent === 0 ? h('span', { class: 'quiet' }, '0') : h('b', {}, count(unsent))),
    },
    {
      name: 'Room',
      kind: 'number',
      cell: ({ room }) =>
        room === null
          ? h('span', { class: 'quiet', title: 'No limit met yet' }, '–')
          : room === 0
            ? h('span', { class: 'tone-bad' }, 'full')
            : count(room),
    },
  ];
}

/** Its age, and as a bar how much of the time that a reply has is gone. */
function Oldest({ route, nowMs }: { readonly route: RouteView; readonly nowMs: number }): VNode {
  const { oldestHeldAtMs, oldestJobKey, replyTimeoutMs } = route;
  if (oldestHeldAtMs === null) return h('span', { class: 'quiet' }, '–');
  const waitedMs = Math.max(0, nowMs - oldestHeldAtMs);
  const part = replyTimeoutMs === null || replyTimeoutMs <= 0 ? undefined : Math.min(1, waitedMs / replyTimeoutMs);
  const text =
    oldestJobKey === null
      ? age(waitedMs)
      : h(Go, { to: { view: 'job', jobKey: oldestJobKey }, title: `Job ${oldestJobKey}` }, age(waitedMs));
  return h(
    'span',
    { class: 'oldest' },
    text,
    part !== undefined &&
      replyTimeoutMs !== null &&
      h(
        'span',
        {
          class: `gone ${part > 0.8 ? 'nearly' : ''}`,
          title: `A reply has ${duration(replyTimeoutMs)}`,
          role: 'img',
          'aria-label': `of ${duration(replyTimeoutMs)}`,
        },
        h('span', { style: { width: `${(part * 100).toFixed(1)}%` } }),
      ),
  );
}
