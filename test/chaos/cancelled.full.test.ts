// How soon a node notices that a job was cancelled in the engine, measured with a thousand that wait on one node.
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { LIMITS } from '../../src/actors/limits.ts';
import { eventually } from '../support/eventually.ts';
import { partsOf } from '../support/service.ts';
import { Trial } from '../support/trial.ts';

const PENDING = 1_000;
const CANCELLED = 20;
/** What is promised at this number. */
const WITHIN_MS = Math.max(LIMITS.probeEveryMs, (PENDING / LIMITS.probesPerSecond) * 1_000);
/** Ticks of the node, an engine that takes its time, the write of the tombstone. */
const SLACK_MS = 2_000;

let trial: Trial;

beforeAll(async () => {
  const servers = {
    natsUrl: inject('natsUrl'),
    kafkaBrokers: inject('kafkaBrokers'),
    zeebeAddress: inject('zeebeAddress'),
  };
  const behaviour = () => undefined; // the service never answers
  trial = await Trial.start({ servers, nodes: 1, behaviour, route: { replyTimeout: 'PT1H', maxPending: 2 * PENDING } });
});

afterAll(() => trial?.stop());

test(`a job cancelled in the engine is noticed within ${WITHIN_MS / 1_000} s while ${PENDING} wait`, async () => {
  const { driver, service, nodes } = trial;
  const [node] = nodes.all;
  const probes = () => nodes.metric('holdfast_engine_calls_total', { command: 'updateTimeout' });
  const tokens = await driver.start(PENDING, { perSecond: 80 });
  const patience = { deadlineMs: 60_000, everyMs: 500, diagnose: () => trial.diagnose() };
  // More, if the engine made some without saying so.
  const held = async () => (await nodes.metric('holdfast_pending_jobs')) >= PENDING;
  await eventually(`${PENDING} jobs to be held`, held, patience);
  // A first lock is soon renewed; how soon a later probe comes is the question.
  await eventually('each lock to be renewed', async () => (await probes()) >= PENDING, patience);
  await eventually('their requests', () => service.requests.length >= PENDING, patience);

  const [fromMs, probesBefore] = [Date.now(), await probes()];
  const cancelledMs = new Map<string, number>();
  // Half of them from all over, and half that have just been asked about: those wait longest.
  const fromAllOver = tokens.filter((_, i) => i % ((2 * PENDING) / CANCELLED) === 0);
  for (const token of [...fromAllOver, ...tokens.slice(-CANCELLED / 2)]) {
    await driver.engine.call('CancelProcessInstance', { processInstanceKey: driver.started.get(token) ?? '' }, 10_000);
    const { correlationId } = service.about(token)[0]!;
    cancelledMs.set(partsOf(correlationId).jobKey, Date.now());
  }
  const noticed = async () => (await nodes.metric('holdfast_outcomes_total', { outcome: 'cancelled' })) >= CANCELLED;
  await eventually('all cancelled jobs to be noticed', noticed, { ...patience, deadlineMs: WITHIN_MS + SLACK_MS });
  const perSecond = ((await probes()) - probesBefore) / ((Date.now() - fromMs) / 1_000);

  const waits = ((await node?.log()) ?? [])
    .filter(({ message, jobKey }) => message === 'job cancelled' && cancelledMs.has(String(jobKey)))
    .map(({ time, jobKey }) => Date.parse(time) - cancelledMs.get(String(jobKey))!)
    .sort((a, b) => a - b);
  const seconds = (ms = Number.NaN) => (ms / 1_000).toFixed(1);
  console.log(
    `${CANCELLED} of ${PENDING} pending cancelled: noticed after ${seconds(waits[CANCELLED / 2])} s (median), ` +
      `${seconds(waits.at(-1))} s (longest), at ${perSecond.toFixed(1)} probes/s`,
  );
  expect(waits).toHaveLength(CANCELLED);
  expect(waits.at(-1)).toBeLessThanOrEqual(WITHIN_MS + SLACK_MS);
  expect(perSecond).toBeLessThanOrEqual(LIMITS.probesPerSecond);
  expect(await nodes.metric('holdfast_pending_jobs')).toBeGreaterThanOrEqual(PENDING - CANCELLED);
});
