// Three NATS servers, three replicas of the bucket, and the server that leads it killed five times under load. Writes
// wait for the new leader; a lease of the default length outlives that, so nothing may move: not one claim is written.
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type LocalNats, startNats } from '../../deploy/local/index.ts';
import { httpOk } from '../../deploy/local/ready.ts';
import { BucketView } from '../support/bucket-view.ts';
import { eventually } from '../support/eventually.ts';
import { Trial } from '../support/trial.ts';

const KILLS = 5;
/** Of 13 s: 15 s without the margin; it is renewed every 3 s. */
const FRESH_LEASE_S = 9;
const PATIENCE = { deadlineMs: 60_000 };

let nats: LocalNats;
let trial: Trial;
let bucket: BucketView;

beforeAll(async () => {
  nats = await startNats({ servers: 3 });
  const servers = { natsUrl: nats.url, kafkaBrokers: inject('kafkaBrokers'), zeebeAddress: inject('zeebeAddress') };
  trial = await Trial.start({ servers });
  bucket = await BucketView.open(nats.url, trial.cluster);
});

afterAll(async () => {
  await bucket?.close();
  await trial?.stop();
  await nats?.stop();
});

test('the leader of the bucket killed five times under load: no shard moves, nothing is lost', async () => {
  const { driver, service } = trial;
  await eventually('shards to be spread', async () => (await bucket.owners()).length === 3, PATIENCE);
  await quiet();
  const before = await bucket.claims();
  expect((await replicas()).length).toBe(3);
  const stopLoad = driver.load(20);
  for (let kill = 0; kill < KILLS; kill++) {
    const leader = await eventually('the servers and the leases to be whole', whole, {
      ...PATIENCE,
      diagnose: replicas,
    });
    const server = nats.servers.find(({ name }) => name === leader);
    await server?.kill();
    const next = await eventually('a new leader', async () => (await leaderNow()) !== leader && leaderNow(), PATIENCE);
    expect(next).not.toBe(leader);
    await driver.allAnswered(await driver.start(20), PATIENCE);
    await server?.restart();
  }
  await driver.allAnswered(await stopLoad(), { ...PATIENCE, diagnose: () => bucket.jobs() });
  const after = await bucket.claims();
  expect([...after].filter(([shard, claim]) => claim.revision !== before.get(shard)?.revision)).toEqual([]);
  expect(await trial.nodes.metric('holdfast_incarnations_total')).toBe(3);
  expect(service.repeated()).toEqual([]);
  expect(trial.completedTwice()).toEqual([]);
}, 400_000);

/** Shards are where they belong: placement asks for no further move. */
async function quiet(): Promise<void> {
  let last = '';
  let same = 0;
  const still = async () => {
    const now = JSON.stringify([...(await bucket.claims())].sort());
    same = now === last ? same + 1 : 0;
    last = now;
    return same >= 20;
  };
  await eventually('claims to stand still', still, { ...PATIENCE, everyMs: 200 });
}

async function cluster() {
  const manager = await jetstreamManager(bucket.connection, { timeout: 2_000 });
  return (await manager.streams.info(bucket.stream)).cluster;
}

async function replicas(): Promise<readonly string[]> {
  const { leader, replicas: followers = [] } = (await cluster()) ?? {};
  return [...(leader ? [leader] : []), ...followers.filter(({ current }) => current).map(({ name }) => name)];
}

async function leaderNow(): Promise<string | undefined> {
  return (await cluster())?.leader;
}

/** The leader, when every server is healthy, every replica current, and every lease fresh. */
async function whole(): Promise<string | undefined> {
  if ((await replicas()).length < 3) return undefined;
  for (const url of nats.monitorUrls) if (!(await httpOk(`${url}/healthz`))) return undefined;
  for (const node of trial.nodes.all) {
    if ((await node.metric('holdfast_lease_remaining_seconds')) < FRESH_LEASE_S) return undefined;
  }
  return leaderNow();
}
