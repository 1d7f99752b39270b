// Calls in Avro, through a real schema registry: what the service gets and answers is Avro, what the process sees is JSON; and
// what does not fit, is unknown, or cannot be asked for is told, and nothing is lost.
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type LocalRegistry, startRegistry } from '../../deploy/local/index.ts';
import { SchemaRegistry } from '../../src/gateway/schema/registry.ts';
import { RegistryClient } from '../../src/gateway/schema/registry-client.ts';
import { SystemClock } from '../../src/gateway/system-clock.ts';
import { DeadLetterReader } from '../support/dead-letter-reader.ts';
import { Driver } from '../support/driver.ts';
import { EngineWitness } from '../support/engine-witness.ts';
import { eventually } from '../support/eventually.ts';
import { partsOf, type ServiceRequest } from '../support/service.ts';
import { newCluster, Trial } from '../support/trial.ts';

const PATIENCE = { deadlineMs: 60_000 };
const cluster = newCluster();
// Its retries outlast the registry's restart.
const later = { jobType: `${cluster}-later`, requestTopic: `${cluster}.later` };
const requestSchema = record('Request', [
  { name: 'token', type: 'string' },
  { name: 'amount', type: 'long' },
]);
const replySchema = record('Reply', [
  {
    name: 'answer',
    type: record('Answer', [
      { name: 'token', type: 'string' },
      { name: 'number', type: 'long' },
    ]),
  },
]);

let local: LocalRegistry;
let witness: EngineWitness;
let trial: Trial;
let deadLetters: DeadLetterReader;
/** As the service has it. */
let schemas: SchemaRegistry;

beforeAll(async () => {
  local = await startRegistry();
  schemas = new SchemaRegistry({ source: new RegistryClient({ urls: [local.url] }), clock: new SystemClock() });
  for (const [subject, schema] of [
    ['request', requestSchema],
    ['later', requestSchema],
    ['reply', replySchema],
  ] as const) {
    await register(`${cluster}.${subject}`, schema);
  }
  witness = await EngineWitness.open(inject('zeebeAddress'));
  const servers = { natsUrl: inject('natsUrl'), kafkaBrokers: inject('kafkaBrokers'), zeebeAddress: witness.address };
  trial = await Trial.start({
    servers: { ...servers, registryUrl: local.url },
    cluster,
    nodes: 1,
    behaviour: () => undefined,
    route: { requestSchema: { subject: `${cluster}.request` }, retryBackoff: 'PT2S' },
    moreRoutes: [{ ...later, requestSchema: { subject: `${cluster}.later` }, retryBackoff: 'PT15S' }],
    moreTopics: [later.requestTopic],
  });
  deadLetters = await DeadLetterReader.open(servers.kafkaBrokers, cluster);
});

afterAll(async () => {
  await deadLetters?.close();
  await trial?.stop();
  witness?.close();
  await local?.stop();
});

test('the service gets and answers Avro, the process JSON, and no integer is rounded', async () => {
  const [token = ''] = await trial.driver.start(1, { variables: { amount: 42 } });
  const request = await requestOf(token);
  expect(request.value?.[0]).toBe(0);
  expect(JSON.parse(await schemas.decode(request.value ?? Buffer.alloc(0)))).toEqual({ token, amount: 42 });
  await answer(request, token);
  await trial.driver.allAnswered([token], PATIENCE);
  expect(trial.driver.results.get(token)?.variables.answer).toEqual({ token, number: 7 });
});

test('a body that does not fit is an incident that names the place', async () => {
  const before = witness.fails.length;
  await trial.driver.start(1, { variables: { amount: 'much' } });
  const [fail] = await eventually('the incident', () => failsSince(before), PATIENCE);
  expect(fail).toMatchObject({ retries: 0 });
  expect(fail?.errorMessage).toMatch(/amount is a text of 4 characters, expected a 64-bit integer/);
});

test('a reply in a schema that nobody has is malformed: a retry less, and kept as a dead letter', async () => {
  const [token = ''] = await trial.driver.start(1, { variables: { amount: 1 } });
  const first = await requestOf(token);
  const unknown = Buffer.from([0, 0x7f, 0, 0, 1, 2]);
  trial.service.reply(first, unknown);
  const letter = await eventually('the dead letter', () => letterOf(first.correlationId), PATIENCE);
  expect(letter).toMatchObject({ reason: 'schema', value: unknown });
  const second = await eventually('the next attempt', () => trial.service.about(token)[1], PATIENCE);
  expect(partsOf(second.correlationId)).toMatchObject({ attempt: 2 });
  await answer(second, token);
  await trial.driver.allAnswered([token], PATIENCE);
});

test('while the registry is away a new subject costs a retry, and the call goes on when it is back', async () => {
  const driver = await Driver.open(inject('zeebeAddress'), later.jobType);
  try {
    await local.server.kill();
    const before = witness.fails.length;
    const [known = ''] = await trial.driver.start(1, { variables: { amount: 2 } });
    const [fresh = ''] = await driver.start(1, { variables: { amount: 3 } });
    await requestOf(known);
    const [fail] = await eventually('a retry less', () => failsSince(before), PATIENCE);
    expect(fail).toMatchObject({ retries: 2 });
    expect(fail?.errorMessage).toMatch(/schema registry .* /);
    await local.server.restart();
    await answer(await requestOf(known), known);
    await answer(await requestOf(fresh), fresh);
    await trial.driver.allAnswered([known], PATIENCE);
    await driver.allAnswered([fresh], PATIENCE);
  } finally {
    await driver.close();
  }
});

/** The token is readable in Avro too: strings are bare UTF-8 there. */
function requestOf(token: string): Promise<ServiceRequest> {
  const diagnose = () => trial.diagnose();
  return eventually(`a request about ${token}`, () => trial.service.about(token)[0], { ...PATIENCE, diagnose });
}

async function answer(request: ServiceRequest, token: string): Promise<void> {
  const value = await schemas.encode(`${cluster}.reply`, JSON.stringify({ answer: { token, number: 7 } }));
  trial.service.reply(request, Buffer.from(value));
}

function failsSince(before: number) {
  const fails = witness.fails.slice(before);
  return fails.length === 0 ? undefined : fails;
}

function letterOf(correlationId: string) {
  return deadLetters.all.find((letter) => letter.correlationId === correlationId);
}

function record(name: string, fields: readonly object[]) {
  return { type: 'record', name, namespace: 'shop', fields };
}

async function register(subject: string, schema: object): Promise<void> {
  const response = await fetch(`${local.url}/subjects/${subject}/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schemaType: 'AVRO', schema: JSON.stringify(schema) }),
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok) throw new Error(`${subject} was not registered: ${await response.text()}`);
}
