// Nodes that are killed, hung and restarted while instances are started and answered all the time. Nothing may be lost,
// nothing completed twice, and no request repeated that Kafka had acknowledged before the last moment of a killed node.
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { BucketView } from '../support/bucket-view.ts';
import { eventually } from '../support/eventually.ts';
import { Trial } from '../support/trial.ts';

const LEASE_TTL_MS = 8_000;
const PER_SECOND = 25;
/** What a killed node had acknowledged and not noted in its watermark yet; twice that, for a busy machine. */
const UNNOTED_MS = 1_000;
const PATIENCE = { deadlineMs: 45_000 };

let trial: Trial;
let bucket: BucketView;
let stopLoad: () => Promise<string[]>;
let loadedFromMs: number;
let repeatedBefore: readonly string[];

beforeAll(async () => {
  const [natsUrl, kafkaBrokers, zeebeAddress] = [inject('natsUrl'), inject('kafkaBrokers'), inject('zeebeAddress')];
  trial = await Trial.start({ servers: { natsUrl, kafkaBrokers, zeebeAddress }, settings: { leaseTtl: 'PT8S' } });
  bucket = await BucketView.open(natsUrl, trial.cluster);
  stopLoad = trial.driver.load(PER_SECOND);
  loadedFromMs = Date.now();
});

afterAll(async () => {
  await stopLoad?.();
  await bucket?.close();
  await trial?.stop();
});

beforeEach(async () => {
  await eventually('all nodes to own shards', async () => (await bucket.owners()).length === 3, PATIENCE);
  repeatedBefore = trial.service.repeated();
});

test('kill -9: served elsewhere before the lease ends, and only requests of the last moment are repeated', async () => {
  const { driver, service } = trial;
  service.hold();
  const waiting = await driver.start(100);
  await eventually('their requests', () => waiting.every((token) => service.about(token).length > 0), PATIENCE);
  const killedMs = Date.now();
  await trial.node('n2').kill();
  service.release(); // the replies reach Kafka while nobody serves the victim's shards
  expect(await ownedWithout('n2', killedMs)).toBeLessThan(LEASE_TTL_MS);
  await driver.allAnswered(waiting, { ...PATIENCE, diagnose: () => bucket.owners() });
  for (const id of repeatedSince()) {
    const first = service.requests.find(({ correlationId }) => correlationId === id);
    expect(first?.atMs).toBeGreaterThan(killedMs - UNNOTED_MS);
  }
  await trial.node('n2').restart();
});

test('SIGSTOP: served elsewhere when the lease is over, and the node is a member again when it wakes up', async () => {
  const stoppedMs = Date.now();
  trial.pause('n3');
  expect(await ownedWithout('n3', stoppedMs)).toBeGreaterThan(LEASE_TTL_MS / 2);
  trial.resume('n3');
  await eventually('n3 to own shards again', async () => (await bucket.owners()).includes('n3'), {
    ...PATIENCE,
    diagnose: () => trial.node('n3').diagnose(),
  });
});

test('SIGTERM of one node after another: not one request is repeated', async () => {
  for (const node of trial.nodes.all) {
    await node.stop();
    await node.restart();
    await node.untilReady();
    await eventually(`${node.name} to own shards`, async () => (await bucket.owners()).includes(node.name), {
      ...PATIENCE,
      diagnose: () => node.diagnose(),
    });
  }
  await trial.driver.allAnswered(await trial.driver.start(50), PATIENCE);
  expect(repeatedSince()).toEqual([]);
});

test('after all that nothing is lost, nothing answered with the reply to another, and nothing completed twice', async () => {
  const expected = (PER_SECOND * (Date.now() - loadedFromMs)) / 1_000;
  expect((await stopLoad()).length).toBeGreaterThan(expected / 2); // it went on through all of it
  await trial.driver.allAnswered(undefined, { ...PATIENCE, diagnose: () => bucket.jobs() });
  expect(trial.completedTwice()).toEqual([]);
});

/** Resolves when others have claimed every shard of the node: how long after `sinceMs` that was. */
async function ownedWithout(node: string, sinceMs: number): Promise<number> {
  await eventually(`${node} to own nothing`, async () => !(await bucket.owners()).includes(node), {
    ...PATIENCE,
    diagnose: () => bucket.owners(),
  });
  return Date.now() - sinceMs;
}

function repeatedSince(): string[] {
  return trial.service.repeated().filter((id) => !repeatedBefore.includes(id));
}
