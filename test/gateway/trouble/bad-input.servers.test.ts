// What must not hurt anybody else: replies that nobody can use, requests that cannot be sent, a lane that is full, another
// cluster on the same servers. Two nodes on real servers; NATS has a small max_payload, so that each server's limit of size
// can be met by itself: 1 MB works, from 1.25 MB on a job cannot be held, from 1.6 MB on Kafka would not take the request.
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type LocalNats, startNats } from '../../../deploy/local/index.ts';
import { topicsOf } from '../../../src/gateway/kafka/topics.ts';
import { BucketView } from '../../support/bucket-view.ts';
import { DeadLetterReader } from '../../support/dead-letter-reader.ts';
import { Driver } from '../../support/driver.ts';
import { EngineWitness } from '../../support/engine-witness.ts';
import { eventually } from '../../support/eventually.ts';
import type { Servers } from '../../support/nodes.ts';
import { ANSWER, client, partsOf, type ServiceRequest } from '../../support/service.ts';
import { newCluster, Trial } from '../../support/trial.ts';

const MAX_PAYLOAD = 1_310_720;
const MAX_REQUEST_BYTES = 1_600_000;
const SMALL_LANE = 20;
const PATIENCE = { deadlineMs: 45_000 };

const cluster = newCluster();
const smallTopic = `${cluster}.small.requests`;
let nats: LocalNats;
let witness: EngineWitness;
let servers: Servers;
let trial: Trial;
let deadLetters: DeadLetterReader;
/** Requests on this topic are answered by hand. */
let byHand: string | undefined;

beforeAll(async () => {
  nats = await startNats({ maxPayload: MAX_PAYLOAD });
  witness = await EngineWitness.open(inject('zeebeAddress'));
  servers = { natsUrl: nats.url, kafkaBrokers: inject('kafkaBrokers'), zeebeAddress: witness.address };
  trial = await Trial.start({
    servers,
    cluster,
    nodes: 2,
    retries: 2,
    behaviour: (request, number) => (request.topic === byHand ? undefined : ANSWER(request, number)),
    route: { retryBackoff: 'PT1S' },
    moreRoutes: [
      { jobType: `${cluster}-lost`, requestTopic: `${cluster}.nowhere` },
      { jobType: `${cluster}-small`, requestTopic: smallTopic, maxPending: SMALL_LANE },
    ],
    moreTopics: [smallTopic],
    maxRequestBytes: MAX_REQUEST_BYTES,
    maxReplyBytes: 4_000_000,
  });
  deadLetters = await DeadLetterReader.open(servers.kafkaBrokers, cluster);
});

afterAll(async () => {
  await deadLetters?.close();
  await trial?.stop();
  witness?.close();
  await nats?.stop();
});

test('a reply that nobody can use goes to the dead letters with its reason, and hinders none behind it', async () => {
  byHand = trial.requestTopic;
  const { driver, service } = trial;
  const tokens = await driver.start(6);
  const [text = '', list = '', gone = '', large = '', number = '', good = ''] = tokens;
  const first = await eventually('six requests', () => requestsOf(tokens), PATIENCE);
  await driver.engine.call('CancelProcessInstance', { processInstanceKey: driver.started.get(gone) ?? '' }, 10_000);

  const { replyTopic: topic, correlationId: id } = first(good);
  const forged = `${id.slice(0, -1)}${id.endsWith('a') ? 'b' : 'a'}`;
  const answerTo = (token: string) => JSON.stringify({ answer: { token, number: 1 } });
  const put = (correlationId: string | undefined, value: string) =>
    service.send({ topic, partition: 0, correlationId, value });
  put(first(text).correlationId, 'charged, thank you');
  put(first(list).correlationId, '[{"answer":1}]');
  put(undefined, answerTo(good));
  put(forged, answerTo(good));
  put('order-4711', answerTo(good));
  put(first(gone).correlationId, answerTo(gone));
  put(first(large).correlationId, JSON.stringify({ answer: { token: large }, note: 'x'.repeat(MAX_PAYLOAD) }));
  put(first(number).correlationId, '{"answer":18446744073709551616}');
  put(id, answerTo(good));
  put(id, answerTo(good));

  await driver.allAnswered([good], { ...PATIENCE, diagnose: () => deadLetters.all });
  const expected = ['forged', 'late', 'no-id', 'not-json', 'not-object', 'refused', 'too-large', 'unknown'];
  await eventually('eight dead letters', () => deadLetters.all.length >= 8, {
    ...PATIENCE,
    diagnose: () => deadLetters.all.map(({ reason, message }) => `${reason}: ${message}`),
  });
  await eventually('the duplicate to be counted', () => replies('duplicate'), PATIENCE);
  expect(deadLetters.all.map(({ reason }) => reason).sort()).toEqual(expected);
  expect(await replies('applied')).toBe(1);

  // Each malformed reply has cost its job one retry, at once; the job comes back, and its next attempt is a new request.
  const failed = [text, list, large, number];
  const second = await eventually('the second attempts', () => requestsOf(failed, 2), PATIENCE);
  for (const token of failed) {
    const { jobKey } = partsOf(first(token).correlationId);
    expect(partsOf(second(token).correlationId).jobKey).toBe(jobKey);
    expect(witness.failsOf(jobKey)).toMatchObject([{ retries: 1, errorMessage: expect.stringMatching(/repl/i) }]);
  }
  const whole =
    'Malformed reply (refused): answer is 18446744073709551616, and the engine takes whole numbers from -9223';
  const [said] = witness.failsOf(partsOf(first(number).correlationId).jobKey);
  expect(said?.errorMessage).toContain(whole);
  // Without a retry left it is an incident, and nobody asks again.
  put(second(list).correlationId, '"no object"');
  for (const token of [text, large, number]) put(second(token).correlationId, answerTo(token));
  await driver.allAnswered([text, large, number], PATIENCE);
  const { jobKey } = partsOf(first(list).correlationId);
  await eventually('the incident', () => witness.failsOf(jobKey).length === 2, PATIENCE);
  expect(witness.failsOf(jobKey)[1]).toMatchObject({ retries: 0 });
  expect(await driver.engine.updateTimeout(jobKey, 60_000, 10_000)).toMatchObject({ code: 'failedPrecondition' });
  expect(driver.open(tokens)).toEqual([list, gone]);
  expect(service.repeated()).toEqual([]);
});

test('a request topic that does not exist is an incident with its name, and other routes go on', async () => {
  byHand = undefined;
  const lost = await Driver.open(servers.zeebeAddress, `${cluster}-lost`);
  try {
    const before = witness.fails.length;
    await lost.start(3);
    await trial.driver.allAnswered(await trial.driver.start(20), PATIENCE);
    const fails = await eventually('three incidents', () => incidentsSince(before, 3), PATIENCE);
    for (const fail of fails) {
      expect(fail).toMatchObject({ retries: 0, errorMessage: expect.stringContaining(`${cluster}.nowhere`) });
    }
    await trial.driver.allAnswered(await trial.driver.start(20), PATIENCE);
  } finally {
    await lost.close();
  }
});

test('variables of 1 MB pass; what NATS or Kafka does not take is an incident that says what to do', async () => {
  byHand = undefined;
  const { driver } = trial;
  const start = async (bytes: number) => driver.start(1, { variables: { blob: 'x'.repeat(bytes) } });
  const before = witness.fails.length;
  const fits = [...(await start(1_048_576)), ...(await start(1_048_576)), ...(await start(1_048_576))];
  await start(1_450_000);
  await start(1_800_000);
  const small = await driver.start(20);
  await driver.allAnswered([...fits, ...small], PATIENCE);
  const fails = await eventually('two incidents', () => incidentsSince(before, 2), PATIENCE);
  const texts = fails.map(({ errorMessage }) => errorMessage).sort();
  expect(texts[0]).toMatch(/1450\d\d\d bytes of variables.*max_payload of the NATS servers/);
  expect(texts[1]).toMatch(/1800\d\d\d bytes of variables.*max\.message\.bytes/);
  expect(fails.map(({ retries }) => retries)).toEqual([0, 0]);
});

test('at its limit the intake of a lane stops and resumes by itself, and another lane does not notice', async () => {
  byHand = smallTopic;
  const small = await Driver.open(servers.zeebeAddress, `${cluster}-small`);
  try {
    const asked = () => trial.service.requests.filter(({ topic }) => topic === smallTopic);
    const pending = () => trial.nodes.metric('holdfast_pending_jobs', { lane: `${cluster}-small` });
    const tokens = await small.start(100);
    const limit = 2 * SMALL_LANE;
    // Which node a job is for shows only once it is activated: when one is at its limit, all stop taking jobs of the lane.
    const lane = { lane: `${cluster}-small` };
    const full = async () => {
      const held = await Promise.all(trial.nodes.all.map((node) => node.metric('holdfast_pending_jobs', lane)));
      return Math.max(...held) === SMALL_LANE;
    };
    await eventually('a node at its limit', full, { ...PATIENCE, diagnose: pending });
    await trial.driver.allAnswered(await trial.driver.start(50), PATIENCE);
    expect(asked().length).toBeGreaterThanOrEqual(SMALL_LANE);
    expect(asked().length).toBeLessThanOrEqual(limit);
    expect(await full()).toBe(true);

    byHand = undefined;
    for (const request of asked()) trial.service.reply(request, ANSWER(request, 0) ?? null);
    await small.allAnswered(tokens, { ...PATIENCE, diagnose: pending });
    expect(trial.service.repeated()).toEqual([]);
    // Given back, if at all, without a retry less.
    const jobKeys = new Set(asked().map(({ correlationId }) => partsOf(correlationId).jobKey as string));
    expect(witness.fails.filter((fail) => jobKeys.has(fail.jobKey) && fail.retries !== 3)).toEqual([]);
  } finally {
    await small.close();
  }
});

test('two clusters on the same servers do not see each other', async () => {
  const other = await Trial.start({ servers, cluster: `${cluster}-2`, nodes: 1 });
  const strangers = await DeadLetterReader.open(servers.kafkaBrokers, other.cluster);
  const views = await Promise.all([cluster, other.cluster].map((name) => BucketView.open(nats.url, name)));
  try {
    byHand = trial.requestTopic;
    const [mine = ''] = await trial.driver.start(1);
    const request = (await eventually('its request', () => requestsOf([mine]), PATIENCE))(mine);
    await other.driver.allAnswered(await other.driver.start(20), PATIENCE);

    // The same node name lives in both; each owns all of its own cluster and nothing else.
    expect(await Promise.all(views.map((view) => view.owners()))).toEqual([['n1', 'n2'], ['n1']]);
    const groups = await groupsOf(servers.kafkaBrokers);
    expect(groups).toEqual(expect.arrayContaining([`holdfast.${cluster}`, `holdfast.${other.cluster}`]));

    // A valid id of one is worth nothing to the other, and its job goes on waiting.
    const value = ANSWER(request, 0) ?? null;
    const { correlationId } = request;
    other.service.send({ topic: topicsOf(other.cluster).replies.name, correlationId, value });
    await eventually('a dead letter of the other', () => strangers.all.length > 0, PATIENCE);
    expect(strangers.all).toMatchObject([{ reason: 'forged', correlationId }]);
    expect(trial.driver.open([mine])).toEqual([mine]);
    trial.service.reply(request, value);
    await trial.driver.allAnswered([mine], PATIENCE);
  } finally {
    await Promise.all(views.map((view) => view.close()));
    await strangers.close();
    await other.stop();
  }
});

/** The request of each token in this attempt, once all are there. */
function requestsOf(tokens: readonly string[], attempt = 1): ((token: string) => ServiceRequest) | undefined {
  const found = new Map<string, ServiceRequest>();
  for (const token of tokens) {
    const request = trial.service.about(token).find(({ correlationId }) => partsOf(correlationId).attempt === attempt);
    if (request === undefined) return undefined;
    found.set(token, request);
  }
  return (token) => found.get(token) as ServiceRequest;
}

function incidentsSince(before: number, count: number) {
  const fails = witness.fails.slice(before);
  return fails.length >= count ? fails : undefined;
}

function replies(answer: string): Promise<number> {
  return trial.nodes.metric('holdfast_replies_total', { answer });
}

async function groupsOf(brokers: string): Promise<string[]> {
  const admin = client(brokers).admin();
  await admin.connect();
  const { groups } = await admin.listGroups();
  await admin.disconnect();
  return groups.map(({ groupId }) => groupId);
}
