// Each server away for a minute under load, each of a cluster and servers of its own, all at once: most of that time is waiting.
import { afterAll, beforeAll, test } from 'vitest';
import { OutagesOfEach, SERVER_NAMES } from './outages.ts';

const AWAY_MS = 60_000;

let outages: OutagesOfEach;

beforeAll(async () => {
  outages = await OutagesOfEach.prepare();
});

afterAll(() => outages?.stop());

test.concurrent.for(SERVER_NAMES)('%s away for a minute', (name) => outages.of(name).outage(name, AWAY_MS));
