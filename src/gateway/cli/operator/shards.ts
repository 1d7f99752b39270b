// `holdfast shards`: who owns each, since which claim, and where it is to go.
import { ClusterView, type ShardView } from '../../operations/model/cluster.ts';
import { type Column, table } from '../table.ts';
import { printable } from '../text-width.ts';
import { nodeName } from '../values.ts';
import { read } from './api-client.ts';
import { missingWords } from './pages.ts';
import type { Session } from './session.ts';
import { shown } from './watch.ts';

const COLUMNS: readonly Column<ShardView>[] = [
  { title: 'SHARD', align: 'right', of: ({ shard }) => shard },
  { title: 'NODE', of: ({ node }) => node },
  { title: 'STATE', of: ({ state }) => state, style: ({ state }) => (state === 'owned' ? undefined : 'yellow') },
  { title: 'EPOCH', align: 'right', of: ({ epoch }) => (epoch === 0 ? null : epoch) },
  { title: 'INCARNATION', of: ({ incarnation }) => incarnation },
  { title: 'MOVES TO', of: ({ node, target }) => (target === node ? null : target) },
];

export function shards(session: Session): Promise<number> {
  const { api, args, json, out } = session;
  const node = args.value('node');
  if (node !== undefined) nodeName('--node', node);
  return shown(session, async () => {
    const answer = await api.get('cluster');
    if (json && node === undefined) return [answer.text];
    const view = await read(ClusterView, answer);
    const chosen = view.shards.filter((shard) => node === undefined || shard.node === node || shard.target === node);
    if (json) return [JSON.stringify({ ...view, shards: chosen })];
    const names = view.nodes.map((each) => printable(each.node)).join(', ');
    const lines =
      chosen.length > 0
        ? table(COLUMNS, chosen, out.sheet)
        : [node === undefined ? 'no shards' : `no shards of ${node}; the nodes are ${names}`];
    return [...lines, ...missingWords(view.missing, 'states')];
  });
}
