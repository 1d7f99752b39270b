// Replies that do not come, and routes that are not there any more. A deadline fires by the settings that a job was held
// with: as an incident with a readable text, or as a retry less and a new request under a new id. Nodes started again with
// a route removed or changed go on with its pending jobs as if nothing had been changed.
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { Driver } from '../../support/driver.ts';
import { EngineWitness } from '../../support/engine-witness.ts';
import { eventually } from '../../support/eventually.ts';
import { ANSWER, partsOf } from '../../support/service.ts';
import { newCluster, Trial } from '../../support/trial.ts';

const PATIENCE = { deadlineMs: 45_000 };
const TIMEOUT_S = 2;
/** The nodes are away for a while meanwhile. */
const LONG_TIMEOUT_S = 10;

const cluster = newCluster();
const topic = (name: string) => `${cluster}.${name}`;
const route = (name: string, timeoutS: number, onReplyTimeout: 'incident' | 'fail') => ({
  jobType: `${cluster}-${name}`,
  requestTopic: topic(name),
  replyTimeout: `PT${timeoutS}S`,
  onReplyTimeout,
  retryBackoff: 'PT1S',
});
const STRICT = route('strict', TIMEOUT_S, 'incident');
const REMOVED = route('removed', LONG_TIMEOUT_S, 'incident');
const CHANGED = route('changed', LONG_TIMEOUT_S, 'fail');

let witness: EngineWitness;
let trial: Trial;
let drivers: Record<'strict' | 'removed' | 'changed', Driver>;
/** Tokens of instances whose requests are not answered. */
const silent = new Set<string>();

beforeAll(async () => {
  witness = await EngineWitness.open(inject('zeebeAddress'));
  const zeebeAddress = witness.address;
  trial = await Trial.start({
    servers: { natsUrl: inject('natsUrl'), kafkaBrokers: inject('kafkaBrokers'), zeebeAddress },
    cluster,
    nodes: 2,
    retries: 2,
    behaviour: (request, number) => {
      const first = partsOf(request.correlationId).attempt === 1;
      const unanswered = [...silent].some((token) => request.body.includes(token));
      return first && (request.topic === trial.requestTopic || unanswered) ? undefined : ANSWER(request, number);
    },
    route: { replyTimeout: `PT${TIMEOUT_S}S`, onReplyTimeout: 'fail', retryBackoff: 'PT1S' },
    moreRoutes: [STRICT, REMOVED, CHANGED],
    moreTopics: [...[STRICT, REMOVED, CHANGED].map(({ requestTopic }) => requestTopic), topic('elsewhere')],
  });
  const open = ({ jobType }: { jobType: string }) => Driver.open(zeebeAddress, jobType);
  const [strict, removed, changed] = await Promise.all([open(STRICT), open(REMOVED), open(CHANGED)]);
  drivers = { strict, removed, changed };
});

afterAll(async () => {
  await Promise.all(Object.values(drivers ?? {}).map((driver) => driver.close()));
  await trial?.stop();
  witness?.close();
});

test('no reply in time is an incident that says so, and not before its time', async () => {
  trial.service.hold();
  const startedMs = Date.now();
  const tokens = await drivers.strict.start(3);
  const ended = () => tokens.every((token) => failsOf(token).length > 0);
  await eventually('three incidents', ended, { ...PATIENCE, diagnose: () => witness.fails });
  expect(Date.now() - startedMs).toBeGreaterThanOrEqual(TIMEOUT_S * 1_000);
  for (const token of tokens) {
    expect(failsOf(token)).toMatchObject([{ retries: 0, errorMessage: `No reply within ${TIMEOUT_S} s.` }]);
    const { jobKey } = partsOf(requestsOf(token)[0]?.correlationId ?? '');
    expect(await drivers.strict.engine.updateTimeout(jobKey, 60_000, 10_000)).toMatchObject({
      code: 'failedPrecondition',
    });
  }
  trial.service.release();
});

test('or a retry less: a second request under an id of its own, whose reply completes the job', async () => {
  const tokens = await trial.driver.start(5);
  await trial.driver.allAnswered(tokens, { ...PATIENCE, diagnose: () => witness.fails });
  for (const token of tokens) {
    expect(failsOf(token)).toMatchObject([{ retries: 1, errorMessage: `No reply within ${TIMEOUT_S} s.` }]);
    const [first, second] = requestsOf(token).map(({ correlationId }) => partsOf(correlationId));
    expect(second).toEqual({ jobKey: first?.jobKey, attempt: 2 });
  }
  expect(trial.service.repeated()).toEqual([]);
  expect(trial.completedTwice()).toEqual([]);
});

test('routes removed and changed while jobs are pending: they end by their replies, and by their own settings', async () => {
  const { nodes, service, driver } = trial;
  service.hold();
  const start = async (of: Driver) => ({ answered: await of.start(5), unanswered: await of.start(5) });
  const [removed, changed] = await Promise.all([start(drivers.removed), start(drivers.changed)]);
  const all = [removed, changed].flatMap(({ answered, unanswered }) => [...answered, ...unanswered]);
  await eventually('their requests', () => all.every((token) => requestsOf(token).length > 0), PATIENCE);
  for (const token of [...removed.unanswered, ...changed.unanswered]) silent.add(token);

  await Promise.all(nodes.all.map((node) => node.stop()));
  service.release(); // in Kafka before any deadline, and before anybody reads it
  await service.sent();
  const kept = nodes.settings.routes.filter(({ jobType }) => jobType !== REMOVED.jobType);
  const elsewhere = { ...CHANGED, requestTopic: topic('elsewhere'), replyTimeout: 'PT1H', onReplyTimeout: 'incident' };
  await nodes.configure(kept.map((each) => (each.jobType === CHANGED.jobType ? elsewhere : each)));
  await Promise.all(nodes.all.map((node) => node.restart()));
  await nodes.untilReady();

  const diagnose = () => witness.fails;
  await drivers.removed.allAnswered(removed.answered, { ...PATIENCE, diagnose });
  // Those of the changed route are failed as they were held to be, come again, and are answered where it leads to now.
  await drivers.changed.allAnswered([...changed.answered, ...changed.unanswered], { ...PATIENCE, diagnose });
  const timedOut = [...removed.unanswered, ...changed.unanswered];
  await eventually('all deadlines', () => timedOut.every((token) => failsOf(token).length > 0), {
    ...PATIENCE,
    diagnose,
  });
  const errorMessage = `No reply within ${LONG_TIMEOUT_S} s.`;
  for (const token of removed.unanswered) expect(failsOf(token)).toMatchObject([{ retries: 0, errorMessage }]);
  for (const token of changed.unanswered) {
    expect(failsOf(token)).toMatchObject([{ retries: 2, errorMessage }]);
    expect(requestsOf(token).map((request) => request.topic)).toEqual([CHANGED.requestTopic, topic('elsewhere')]);
  }
  for (const token of [...removed.answered, ...changed.answered]) expect(failsOf(token)).toEqual([]);
  expect(drivers.removed.open(removed.unanswered)).toEqual(removed.unanswered);
  expect(service.repeated()).toEqual([]);
  expect(driver.open()).toEqual([]);
});

function requestsOf(token: string) {
  return trial.service.about(token);
}

/** FailJob calls for its job that the engine took. */
function failsOf(token: string) {
  return witness.failsOf(partsOf(requestsOf(token)[0]?.correlationId ?? '').jobKey);
}
