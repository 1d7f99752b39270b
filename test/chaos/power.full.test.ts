// All three NATS servers killed at one moment, under load, and started again on what their disks have: with the shipped
// configuration, three replicas and a flush before each acknowledgement. Every node loses its connection and all replicas
// recover at once, as after a power cut; what only a power cut does, taking the page cache along, no test of processes can do.
//
// Once they are back at once, within every lease, and once they are away for longer than any lease: then all nodes forget
// everything, and must find it again.

import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type LocalNats, startNats } from '../../deploy/local/index.ts';
import { readMonitor } from '../../src/cluster/nats/monitoring.ts';
import { BucketView } from '../support/bucket-view.ts';
import { eventually } from '../support/eventually.ts';
import { Trial } from '../support/trial.ts';

const CONFIG = fileURLToPath(new URL('../../deploy/nats/server.conf', import.meta.url));
/** The default: replicas that all recover at once may elect leaders for longer than a short lease lasts. */
const LEASE_TTL_MS = 15_000;
const PER_SECOND = 30;
const WAITING = 50;
/** Acknowledged by Kafka and not noted in the watermark, or not acknowledged at all, when the servers went. */
const UNNOTED_MS = 1_000;
const PATIENCE = { deadlineMs: 120_000 };

let nats: LocalNats;
let trial: Trial;

beforeAll(async () => {
  nats = await startNats({ servers: 3, config: CONFIG });
  const servers = { natsUrl: nats.url, kafkaBrokers: inject('kafkaBrokers'), zeebeAddress: inject('zeebeAddress') };
  trial = await Trial.start({ servers });
});

afterAll(async () => {
  await trial?.stop();
  await nats?.stop();
});

test('it is the safe setting that is tested, with three replicas', async () => {
  for (const url of nats.monitorUrls) expect(await readMonitor(url)).toMatchObject({ flush: { always: true } });
  const bucket = await BucketView.open(nats.url, trial.cluster);
  expect((await bucket.claims()).size).toBe(128);
  expect(await replicas(bucket)).toBe(3);
  await bucket.close();
});

test.each([
  ['at once', 0],
  ['longer than any lease', LEASE_TTL_MS + 5_000],
])(
  'all servers killed together and away %s: nothing is lost, nothing is done twice, and nobody is alarmed',
  async (_, awayMs) => {
    const { driver, service, nodes } = trial;
    const diagnose = () => trial.diagnose();
    const repeatedBefore = service.repeated();
    const stopLoad = driver.load(PER_SECOND);
    service.hold();
    const waiting = await driver.start(WAITING);
    const asked = () => waiting.every((token) => service.about(token).length > 0);
    await eventually('requests', asked, { ...PATIENCE, diagnose });

    const killedMs = Date.now();
    await Promise.all(nats.servers.map((server) => server.kill()));
    service.release();
    await sleep(awayMs); // the length of the outage is what is tested
    await Promise.all(nats.servers.map((server) => server.restart()));
    await nodes.untilReady(PATIENCE.deadlineMs);
    trial.withoutJetStream(killedMs, Date.now());

    const tokens = [...waiting, ...(await stopLoad()), ...(await driver.start(WAITING))];
    await driver.allAnswered(tokens, { ...PATIENCE, diagnose });
    expect(trial.completedTwice()).toEqual([]);
    for (const id of service.repeated().filter((again) => !repeatedBefore.includes(again))) {
      const first = service.requests.find(({ correlationId }) => correlationId === id);
      expect(first?.atMs).toBeGreaterThan(killedMs - UNNOTED_MS);
    }
    expect(await losses(true)).toEqual([]);
    if (awayMs > LEASE_TTL_MS) expect((await losses(false)).length).toBeGreaterThanOrEqual(nodes.all.length);
  },
);

/** That a node forgot everything; with `alarm`: because the bucket was made anew, restored, or behind what was acknowledged. */
async function losses(alarm: boolean): Promise<unknown[]> {
  const logs = await Promise.all(trial.nodes.all.map((node) => node.log()));
  return logs.flat().filter((line) => line.message.startsWith('lost:') && line.alarm === alarm);
}

async function replicas(bucket: BucketView): Promise<number> {
  const manager = await jetstreamManager(bucket.connection, { timeout: 5_000 });
  return (await manager.streams.info(bucket.stream)).config.num_replicas;
}
