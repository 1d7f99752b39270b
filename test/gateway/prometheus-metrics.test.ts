import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CLUSTER_LIMITS } from '../../src/cluster/limits.ts';
import { PrometheusMetrics } from '../../src/gateway/prometheus-metrics.ts';

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
  metrics.retried(7);
  metrics.put(4);
  metrics.acquired('takenOver', 1_200);
  metrics.rehydrated(12);
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
      'holdfast_requests_retried_total 7',
      'holdfast_jobs_rehydrated_total 12',
      'holdfast_put_duration_seconds_bucket{le="0.003"} 0',
      'holdfast_put_duration_seconds_bucket{le="0.005"} 1',
      'holdfast_shard_acquisition_duration_seconds_bucket{le="1",how="takenOver"} 0',
      'holdfast_shard_acquisition_duration_seconds_bucket{le="2",how="takenOver"} 1',
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
    wallMs: () => 100_000,
    pendingByLane: () => pending,
    oldestHeldAtMsByLane: () => pending.map(([lane, count]) => [lane, 100_000 - 1_000 * count] as const),
    roomByLane: () => [['b', 995]],
    replyLagByPartition: () => [[3, 17]],
    reachable: () => [
      ['nats', true],
      ['zeebe', false],
    ],
    shardsOwned: () => 43,
    putsInDoubt: () => 2,
    leaseRemainingMs: () => 12_500,
    firstLockMs: () => 40_000,
    watchLag: () => 7,
  });
  expect(await samples(metrics)).toEqual(
    expect.arrayContaining([
      'holdfast_pending_jobs{lane="a"} 5',
      'holdfast_oldest_pending_seconds{lane="a"} 5',
      'holdfast_room_jobs{lane="b"} 995',
      'holdfast_reply_lag_records{partition="3"} 17',
      'holdfast_server_reachable{server="nats"} 1',
      'holdfast_server_reachable{server="zeebe"} 0',
      'holdfast_shards_owned 43',
      'holdfast_puts_in_doubt 2',
      'holdfast_lease_remaining_seconds 12.5',
      'holdfast_first_lock_seconds 40',
      'holdfast_watch_lag_entries 7',
    ]),
  );
  pending = [['b', 2]];
  const later = await samples(metrics);
  expect(later).toContain('holdfast_pending_jobs{lane="b"} 2');
  expect(later.join()).not.toContain('lane="a"');
});

test('of lanes that share a label the oldest counts, and the others add up', async () => {
  const metrics = new PrometheusMetrics();
  for (let i = 0; i < CLUSTER_LIMITS.lanes; i++) metrics.hold(`lane-${i}`, 'held');
  metrics.observe({
    wallMs: () => 100_000,
    pendingByLane: () => [
      ['x', 2],
      ['y', 3],
    ],
    oldestHeldAtMsByLane: () => [
      ['x', 60_000],
      ['y', 90_000],
    ],
    roomByLane: () => [],
    replyLagByPartition: () => [],
    reachable: () => [],
    shardsOwned: () => 0,
    putsInDoubt: () => 0,
    leaseRemainingMs: () => 0,
    firstLockMs: () => 20_000,
    watchLag: () => 7,
  });
  expect(await samples(metrics)).toEqual(
    expect.arrayContaining([
      'holdfast_pending_jobs{lane="other"} 5',
      'holdfast_oldest_pending_seconds{lane="other"} 40',
    ]),
  );
});

test('who runs which version, and how busy its event loop was', async () => {
  const metrics = new PrometheusMetrics();
  metrics.collectProcess();
  const lines = await samples(metrics);
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  expect(lines).toContain(`holdfast_build_info{version="${version}"} 1`);
  const busyOf = (all: string[]) =>
    Number(all.find((line) => line.startsWith('holdfast_event_loop_busy'))?.split(' ')[1]);
  const before = busyOf(lines);
  const untilMs = performance.now() + 50;
  while (performance.now() < untilMs);
  const after = busyOf(await samples(metrics));
  expect(after - before).toBeGreaterThan(0.045);
});

test('lanes beyond the bound share one label, so that the number of series stays bounded', async () => {
  const metrics = new PrometheusMetrics();
  for (let i = 0; i < CLUSTER_LIMITS.lanes + 50; i++) metrics.hold(`lane-${i}`, 'held');
  const lines = (await samples(metrics)).filter((line) => line.startsWith('holdfast_holds_total'));
  expect(lines).toHaveLength(CLUSTER_LIMITS.lanes + 1);
  expect(lines).toContain('holdfast_holds_total{lane="other",answer="held"} 50');
});
