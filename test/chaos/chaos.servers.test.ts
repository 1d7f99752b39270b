// Half a minute of chaos with a fresh seed: three NATS servers of its own, which are hurt as the nodes and their links are;
// Kafka and Zeebe are everybody's and left alone. What takes longer is in the full suites.
import { expect, inject, test } from 'vitest';
import { chaos } from './in-tests.ts';
import { ON_SERVERS_OF_OTHERS } from './schedule.ts';

const LONG = ['stopFour', 'roll', 'scale', 'upgrade', 'natsRestart'] as const;

test('half a minute of chaos', async () => {
  const shared = { kafkaBrokers: inject('kafkaBrokers'), zeebeAddress: inject('zeebeAddress') };
  const without = [...ON_SERVERS_OF_OTHERS, ...LONG];
  const result = await chaos({ minutes: 0.5, perSecond: 30, leaseTtlMs: 8_000, without, shared });
  expect(result.jobs).toBeGreaterThan(300);
  expect(Object.keys(result.made).length).toBeGreaterThanOrEqual(2);
}, 240_000);
