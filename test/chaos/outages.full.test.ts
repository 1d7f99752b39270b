// Each server away for a minute under load. Most of that time is waiting, so all three are away at once, each of a cluster and
// servers of its own.
import { afterAll, beforeAll, test } from 'vitest';
import { Outages, type ServerName } from './outages.ts';

const AWAY_MS = 60_000;
const NAMES: readonly ServerName[] = ['NATS', 'Kafka', 'Zeebe'];

const outages = new Map<ServerName, Outages>();

beforeAll(async () => {
  const prepared = NAMES.map(async (name) => {
    const own = await Outages.prepare();
    outages.set(name, own);
    await Promise.all([own.trial.startNode('n1'), own.trial.startNode('n2')]);
    await own.trial.nodes.untilReady();
  });
  const failed = (await Promise.allSettled(prepared)).find((each) => each.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
});

afterAll(() => Promise.all([...outages.values()].map((each) => each.stop())));

test.concurrent.for(NAMES)('%s away for a minute', (name) => outages.get(name)!.outage(name, AWAY_MS));
