// How the cluster stands, in one line: the worst of what there is to say.
import type { ClusterView } from '../../../operations/model/cluster.ts';
import { many, shardList } from './format.ts';
import { moving, unowned } from './map-layout.ts';
import { named, type Shape, type Tone } from './words.ts';

export interface Saying {
  readonly tone: Tone;
  readonly shape: Shape;
  readonly text: string;
}

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
  const missed = cluster.nodes.filter(({ state, waitingFor }) => state === 'ready' && waitingFor.length > 0);
  if (missed.length > 0) {
    const what = named([...new Set(missed.flatMap(({ waitingFor }) => waitingFor))]);
    const waits = missed.length === 1 ? 'waits' : 'wait';
    return { tone: 'warn', shape: 'ring', text: `${named(missed.map(({ node }) => node))} ${waits} for ${what}` };
  }
  if (underway.length > 0)
    return { tone: 'calm', shape: 'half', text: `${many(underway.length, 'shard')} on the move` };
  if (draining.length > 0)
    return { tone: 'calm', shape: 'half', text: `${named(draining)} ${draining.length === 1 ? 'is' : 'are'} drained` };
  return { tone: 'good', shape: 'disc', text: 'All shards owned, all nodes ready' };
}
