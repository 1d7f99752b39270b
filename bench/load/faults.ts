// What goes wrong during a load run, at the seconds that the scenario says. Only what the run has started itself is hurt.
import { setTimeout as sleep } from 'node:timers/promises';
import type { LocalServer } from '../../deploy/local/process.ts';
import type { BridgeNode, Nodes } from '../../test/support/nodes.ts';
import { type Fault, ScenarioError } from './scenario.ts';

export interface Hurtable {
  readonly nodes: Nodes | undefined;
  readonly zeebe: LocalServer | undefined;
  readonly nats: readonly LocalServer[];
}

/** By name: they come in the order in which they answered. */
export function inOrder(nodes: Nodes | undefined): readonly BridgeNode[] {
  return (nodes?.all ?? []).toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
}

/** Resolves when it is healed, or at once when it stays. @param note told of each step @throws when the signal is aborted */
export async function hurt(
  { what, node, forS }: Fault,
  { nodes, zeebe, nats }: Hurtable,
  note: (step: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  const servers = { engineOutage: zeebe === undefined ? [] : [zeebe], natsOutage: nats };
  switch (what) {
    case 'engineOutage':
    case 'natsOutage': {
      if (servers[what].length === 0) throw new ScenarioError(`${what}: the server is not this run's own`);
      note(`${what}: killed`);
      await Promise.all(servers[what].map((server) => server.kill()));
      await sleep(forS * 1_000, undefined, { signal });
      await Promise.all(servers[what].map((server) => server.restart()));
      return note(`${what}: back`);
    }
    case 'rollingRestart':
      for (const each of inOrder(nodes)) {
        signal?.throwIfAborted();
        note(`${each.name}: stopped in order`);
        await each.stop();
        await each.restart();
        await each.untilReady();
        note(`${each.name}: back`);
      }
      return;
    default: {
      const target = inOrder(nodes)[node - 1];
      if (target === undefined) throw new ScenarioError(`${what}: there is no node ${node} of this run's own`);
      note(`${target.name}: ${what}`);
      if (what === 'pauseNode') target.pause();
      else if (what === 'killNode') await target.kill();
      else await target.stop();
      if (forS === 0) return;
      await sleep(forS * 1_000, undefined, { signal });
      if (what === 'pauseNode') target.resume();
      else await target.restart();
      note(`${target.name}: back`);
    }
  }
}
