// The whole cluster killed while it holds ten thousand jobs. After a second without traffic the sent watermark speaks for
// all of them: whoever comes back sends nothing again, and takes the replies.
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { Trial } from '../support/trial.ts';

const PENDING = 10_000;
const QUIET_MS = 1_000;
const PATIENCE = { deadlineMs: 300_000 };

let trial: Trial;

beforeAll(async () => {
  const [natsUrl, kafkaBrokers, zeebeAddress] = [inject('natsUrl'), inject('kafkaBrokers'), inject('zeebeAddress')];
  trial = await Trial.start({ servers: { natsUrl, kafkaBrokers, zeebeAddress } });
});

afterAll(() => trial?.stop());

test('all nodes killed with 10,000 pending and started again: nothing is lost, nothing is sent again', async () => {
  const { driver, service, nodes } = trial;
  const pending = () => nodes.metric('holdfast_pending_jobs');
  service.hold();
  const tokens = await driver.start(PENDING, { perSecond: 200 });
  await eventually('10,000 requests', () => service.requests.length >= PENDING, { ...PATIENCE, diagnose: pending });
  expect(await pending()).toBe(PENDING);
  const asked = service.requests.at(-1)?.atMs ?? 0;
  await eventually('a second without traffic', () => Date.now() - asked > QUIET_MS);

  await Promise.all(nodes.all.map((node) => node.kill()));
  await Promise.all(nodes.all.map((node) => node.restart()));
  await nodes.untilReady();
  await eventually('all of them to be held again', async () => (await pending()) === PENDING, {
    ...PATIENCE,
    diagnose: pending,
  });
  service.release();
  await driver.allAnswered(tokens, { ...PATIENCE, diagnose: pending });
  expect(service.requests.length).toBe(PENDING);
  expect(service.repeated()).toEqual([]);
  expect(await nodes.metric('holdfast_requests_republished_total')).toBe(0);
  expect(trial.completedTwice()).toEqual([]);
}, 600_000);
