// Servers that are not there at the start; and NATS, without which a node may do nothing, away for 20 s under load, four times
// as long as the lease. Each of them away for a minute: outages.full.test.ts.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { BridgeNode } from '../support/nodes.ts';
import { Outages } from './outages.ts';

const AWAY_MS = 20_000;
const PATIENCE = { deadlineMs: 60_000 };

let outages: Outages;

beforeAll(async () => {
  outages = await Outages.prepare();
});

afterAll(() => outages?.stop());

test('a node waits for servers that are missing at its start, says for which, and is not ready meanwhile', async () => {
  const { servers, trial } = outages;
  await Promise.all([servers.NATS.stop(), servers.Kafka.stop(), servers.Zeebe.stop()]);
  const node = await trial.startNode('n1');
  await saysItWaitsFor(node, /^NATS: .*(refused|connect)/i);
  await servers.NATS.restart();
  await saysItWaitsFor(node, /^Kafka topic holdfast\.\S+: /);
  await saysItWaitsFor(node, /^Zeebe: /);
  await servers.Kafka.restart();
  await eventually('Zeebe to be all it waits for', async () => (await waitingFor(node)).every(isZeebe), PATIENCE);
  expect(await node.readiness()).toMatchObject({ ready: false });
  await servers.Zeebe.restart();
  await node.untilReady();
  await trial.startNode('n2');
  await trial.nodes.untilReady();
  await trial.driver.allAnswered(await trial.driver.start(20), { ...PATIENCE, diagnose: () => trial.diagnose() });
});

test('NATS away for 20 s', () => outages.outage('NATS', AWAY_MS));

async function waitingFor(node: BridgeNode): Promise<readonly string[]> {
  return (await node.readiness()).waitingFor;
}

async function saysItWaitsFor(node: BridgeNode, server: RegExp): Promise<void> {
  const says = async () => (await waitingFor(node)).some((what) => server.test(what));
  await eventually(`${node.name} to wait for ${server}`, says, { ...PATIENCE, diagnose: () => node.diagnose() });
}

function isZeebe(what: string): boolean {
  return what.startsWith('Zeebe: ');
}
