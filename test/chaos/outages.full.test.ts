// Each server away for a minute under load.
import { afterAll, beforeAll, test } from 'vitest';
import { Outages } from './outages.ts';

const AWAY_MS = 60_000;

let outages: Outages;

beforeAll(async () => {
  outages = await Outages.prepare();
  await Promise.all([outages.trial.startNode('n1'), outages.trial.startNode('n2')]);
  await outages.trial.nodes.untilReady();
});

afterAll(() => outages?.stop());

test('NATS away for a minute', () => outages.outage('NATS', AWAY_MS));

test('Kafka away for a minute', () => outages.outage('Kafka', AWAY_MS));

test('Zeebe away for a minute', () => outages.outage('Zeebe', AWAY_MS));
