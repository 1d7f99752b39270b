// What `holdfast doctor` makes of what the nodes say of themselves over the API. Pure.
import type { Config } from '../config/config.ts';
import type { ClusterView, NodeView } from '../operations/model/cluster.ts';
import { count, critical, type Finding, note, problem } from './finding.ts';
import { span } from './words.ts';

/** Beyond this a node is not ready: it compares times of different machines. */
export const MAX_SKEW_MS = 1_000;

export interface NodesFacts {
  readonly view: ClusterView;
  /** Of the command that looks. */
  readonly ownVersion: string;
}

export function nodesFindings(config: Pick<Config, 'cluster' | 'shards'>, { view, ownVersion }: NodesFacts): Finding[] {
  if (view.cluster !== config.cluster) {
    const what = `the API answers for the cluster ${view.cluster}, and the configuration is of ${config.cluster}`;
    return [problem('nodes', what, 'Set HOLDFAST_API_URL to a node of this cluster, or take the other configuration.')];
  }
  const live = view.nodes.filter(({ state }) => state !== 'left' && state !== 'dead');
  return [
    ...live.flatMap(stateFindings),
    ...missingFindings(view),
    ...shardFindings(config, view),
    ...clockFindings(live),
    ...versionFindings(live, ownVersion),
    ...(live.length === 1
      ? [note('nodes', 'there is one node', 'Enough for development; with a second one, its work is taken over.')]
      : []),
  ];
}

function stateFindings({ node, state, waitingFor }: NodeView): readonly Finding[] {
  switch (state) {
    case 'notReady': {
      const why = waitingFor.length === 0 ? 'it does not say why' : `it waits for ${waitingFor.join('; ')}`;
      return [critical('nodes', `${node} is not ready: ${why}`, 'It goes on by itself once it has that.')];
    }
    case 'silent': {
      const remedy = 'Look at its process, its log and the network between it and NATS.';
      return [critical('nodes', `${node} is a member and does not answer`, remedy)];
    }
    case 'draining': {
      const remedy = `It takes no shards until "holdfast resume ${node}" or its restart.`;
      return [note('nodes', `${node} is draining`, remedy)];
    }
    default:
      return waitingFor.length === 0
        ? []
        : [problem('nodes', `${node} waits for ${waitingFor.join('; ')}`, AWAY_REMEDY)];
  }
}

const AWAY_REMEDY = 'Look at that server, and at the network between; the node goes on by itself once it has that.';

function missingFindings({ missing, nodes }: ClusterView): readonly Finding[] {
  const unsaid = missing.filter((name) => !nodes.some(({ node, state }) => node === name && state === 'silent'));
  return unsaid.map((name) =>
    problem('nodes', `${name} did not answer in time`, 'Look again; if it stays, look at its log.'),
  );
}

function shardFindings({ shards }: Pick<Config, 'shards'>, view: ClusterView): readonly Finding[] {
  const idle = view.shards.filter(({ state }) => state !== 'owned').length;
  return [
    ...(view.shards.length === shards
      ? []
      : [
          problem(
            'nodes',
            `shards is ${shards} here, and the nodes have ${view.shards.length}`,
            `Set shards to ${view.shards.length}: the number is fixed for the life of a bucket.`,
          ),
        ]),
    ...(idle === 0
      ? []
      : [
          problem(
            'nodes',
            `${count(idle, 'shard')} of ${view.shards.length} ${idle === 1 ? 'is' : 'are'} not served right now`,
            'For seconds that is a movement; "holdfast shards --watch" shows whether it ends.',
          ),
        ]),
  ];
}

function clockFindings(nodes: readonly NodeView[]): readonly Finding[] {
  const remedy = 'Let NTP or chrony keep the clocks of nodes and NATS servers together.';
  const known = nodes.flatMap(({ node, clockSkewMs }) => (clockSkewMs === null ? [] : [{ node, clockSkewMs }]));
  const off = known.filter(({ clockSkewMs }) => Math.abs(clockSkewMs) > MAX_SKEW_MS);
  const skews = known.map(({ clockSkewMs }) => clockSkewMs);
  const apartMs = known.length < 2 ? 0 : Math.max(...skews) - Math.min(...skews);
  return [
    ...off.map(({ node, clockSkewMs }) =>
      critical('nodes', `the clock of ${node} differs from the NATS server's by ${span(clockSkewMs)}`, remedy),
    ),
    ...(off.length === 0 && apartMs > MAX_SKEW_MS
      ? [problem('nodes', `the clocks of two nodes are ${span(apartMs)} apart`, remedy)]
      : []),
  ];
}

function versionFindings(nodes: readonly NodeView[], ownVersion: string): readonly Finding[] {
  const known = nodes.flatMap(({ node, version }) => (version === null ? [] : [{ node, version }]));
  const byVersion = [...Map.groupBy(known, ({ version }) => version)];
  const versions = byVersion.map(([version]) => version);
  const found: Finding[] = [];
  if (versions.length > 1) {
    const what = byVersion
      .map(([version, some]) => `${some.map(({ node }) => node).join(', ')}: ${version}`)
      .join('; ');
    found.push(
      areNeighbours(versions)
        ? note('nodes', `the nodes are of different versions (${what})`, 'Finish the upgrade.')
        : problem(
            'nodes',
            `the nodes are more than one minor version apart (${what})`,
            'Only neighbouring minor versions read what the other writes: bring all to one version, one minor version at a time.',
          ),
    );
  }
  if (versions.length > 0 && !versions.includes(ownVersion))
    found.push(note('nodes', `this command is ${ownVersion}, and the nodes are ${versions.join(', ')}`, ''));
  return found;
}

function areNeighbours(versions: readonly string[]): boolean {
  const numbers = versions.map((version) => /^(\d+)\.(\d+)\./.exec(version));
  const majors = new Set(numbers.map((match) => match?.[1]));
  const minors = numbers.map((match) => Number(match?.[2] ?? Number.NaN));
  return majors.size === 1 && Math.max(...minors) - Math.min(...minors) <= 1;
}
