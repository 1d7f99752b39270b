// What must outlive the nodes, and the bucket itself. The lease is long: whatever waited for its end would be seen.

import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { freePorts } from '../../deploy/local/ports.ts';
import { BucketView } from '../support/bucket-view.ts';
import { eventually } from '../support/eventually.ts';
import { NODE_MAIN, nodeEnv } from '../support/nodes.ts';
import { runNode } from '../support/run-node.ts';
import { ANSWER } from '../support/service.ts';
import { Trial } from '../support/trial.ts';

const LEASE_TTL_MS = 30_000;
const PENDING = 100;
const PATIENCE = { deadlineMs: 60_000 };

let trial: Trial;
let bucket: BucketView;

beforeAll(async () => {
  const [natsUrl, kafkaBrokers, zeebeAddress] = [inject('natsUrl'), inject('kafkaBrokers'), inject('zeebeAddress')];
  const servers = { natsUrl, kafkaBrokers, zeebeAddress };
  trial = await Trial.start({ servers, nodes: 2, settings: { leaseTtl: `PT${LEASE_TTL_MS / 1_000}S` } });
  bucket = await BucketView.open(natsUrl, trial.cluster);
});

afterAll(async () => {
  await bucket?.close();
  await trial?.stop();
});

test('replies that come while no node runs are applied after the start', async () => {
  const { driver, service, nodes } = trial;
  const tokens = await pendingInstances(40);
  await Promise.all(nodes.all.map((node) => node.stop()));
  service.release();
  await service.sent();
  await Promise.all(nodes.all.map((node) => node.restart()));
  await driver.allAnswered(tokens, PATIENCE);
  expect(service.repeated()).toEqual([]);
});

test('a node that was killed takes its shards at once when it is back, and those of a dead one soon', async () => {
  await trial.nodes.untilReady();
  const before = await bucket.claims();
  await Promise.all(trial.nodes.all.map((node) => node.kill()));
  const restartedMs = Date.now();
  await trial.node('n1').restart();
  const owned = async () => {
    const claims = [...(await bucket.claims())];
    return claims.every(
      ([shard, { node, revision }]) => node === 'n1' && revision > (before.get(shard)?.revision ?? 0),
    );
  };
  await eventually('n1 to own every shard anew', owned, { ...PATIENCE, diagnose: () => trial.node('n1').diagnose() });
  expect(Date.now() - restartedMs).toBeLessThan(LEASE_TTL_MS / 2);
  await trial.node('n1').untilReady();
});

test('a second live node of the same name refuses to start and says why', async () => {
  const [port = 0] = await freePorts(1);
  const env = nodeEnv(await trial.serversFor('n1'), 'n1', trial.nodes.config, port);
  const before = await bucket.claims();
  const { code, output } = await runNode(NODE_MAIN, env);
  expect(output).toContain('a live node is already named n1: give this one another name (HOLDFAST_NODE)');
  expect(code).toBe(1);
  expect(await bucket.claims()).toEqual(before);
  expect(await trial.node('n1').readiness()).toMatchObject({ ready: true });
});

test('after the loss of the whole bucket all that was pending ends, by its replies or by being activated again', async () => {
  const { driver, service } = trial;
  await trial.node('n2').restart();
  await trial.nodes.untilReady();
  const tokens = await pendingInstances(PENDING);
  const deletedMs = Date.now();
  await (await jetstreamManager(bucket.connection)).streams.delete(bucket.stream);
  // Half of the requests are answered; the service has lost the other half, and answers when it is asked again.
  const lost = new Set(tokens.slice(PENDING / 2).map((token) => service.about(token)[0]?.record));
  service.release((request, number) => (lost.has(request.record) ? undefined : ANSWER(request, number)));
  await driver.allAnswered([...tokens, ...(await driver.start(20))], { ...PATIENCE, diagnose: () => bucket.jobs() });
  await trial.withoutBucket(deletedMs);
  expect(trial.completedTwice()).toEqual([]);
});

/** Instances whose requests have reached the service, which holds them. */
async function pendingInstances(count: number): Promise<readonly string[]> {
  trial.service.hold();
  const tokens = await trial.driver.start(count);
  const asked = () => tokens.every((token) => trial.service.about(token).length > 0);
  await eventually(`${count} requests`, asked, PATIENCE);
  return tokens;
}
