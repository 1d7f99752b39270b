import { expect, test } from 'vitest';
import { PrometheusMetrics } from '../../src/gateway/metrics.ts';
import { MAX_LANES } from '../../src/gateway/routes.ts';

async function samples(metrics: PrometheusMetrics): Promise<string[]> {
  return (await metrics.registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

test('everything that is told shows under its name and labels', async () => {
  const metrics = new PrometheusMetrics();
  metrics.hold('charge', 'held');
  metrics.hold('charge', 'held');
  metrics.request('charge', 'acked');
  metrics.reply('duplicate');
  metrics.deadLetter('not-json');
  metrics.batchRefused();
  metrics.outcome('charge', 'completed', 1500);
  metrics.engineCall('complete', 'notFound');
  metrics.republished(3);
  metrics.takeover();
  metrics.casConflict();
  metrics.incarnation();
  expect(await samples(metrics)).toEqual(
    expect.arrayContaining([
      'holdfast_holds_total{lane="charge",answer="held"} 2',
      'holdfast_requests_total{lane="charge",outcome="acked"} 1',
      'holdfast_replies_total{answer="duplicate"} 1',
      'holdfast_dead_letters_total{reason="not-json"} 1',
      'holdfast_reply_batches_skipped_total 1',
      'holdfast_outcomes_total{lane="charge",outcome="completed"} 1',
      'holdfast_engine_calls_total{command="complete",code="notFound"} 1',
      'holdfast_requests_republished_total 3',
      'holdfast_takeovers_total 1',
      'holdfast_cas_conflicts_total 1',
      'holdfast_incarnations_total 1',
      'holdfast_hold_duration_seconds_sum{lane="charge"} 1.5',
      'holdfast_hold_duration_seconds_bucket{le="1",lane="charge"} 0',
      'holdfast_hold_duration_seconds_bucket{le="2.5",lane="charge"} 1',
    ]),
  );
});

test('gauges say what is true when asked, and a lane that is empty disappears', async () => {
  const metrics = new PrometheusMetrics();
  let pending: [string, number][] = [
    ['a', 5],
    ['b', 1],
  ];
  metrics.observe({
    pendingByLane: () => pending,
    shardsOwned: () => 43,
    putsInDoubt: () => 2,
    leaseRemainingMs: () => 12_500,
  });
  expect(await samples(metrics)).toEqual(
    expect.arrayContaining([
      'holdfast_pending_jobs{lane="a"} 5',
      'holdfast_shards_owned 43',
      'holdfast_puts_in_doubt 2',
      'holdfast_lease_remaining_seconds 12.5',
    ]),
  );
  pending = [['b', 2]];
  const later = await samples(metrics);
  expect(later).toContain('holdfast_pending_jobs{lane="b"} 2');
  expect(later.join()).not.toContain('lane="a"');
});

test('lanes beyond the bound share one label, so that the number of series stays bounded', async () => {
  const metrics = new PrometheusMetrics();
  for (let i = 0; i < MAX_LANES + 50; i++) metrics.hold(`lane-${i}`, 'held');
  const lines = (await samples(metrics)).filter((line) => line.startsWith('holdfast_holds_total'));
  expect(lines).toHaveLength(MAX_LANES + 1);
  expect(lines).toContain('holdfast_holds_total{lane="other",answer="held"} 50');
});
