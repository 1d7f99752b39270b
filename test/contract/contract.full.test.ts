// The contract with services, held by real ones (services.ts): a listener that knows nothing but its framework charges
// cards, and says by its framework's own means that it did, that the card is declined, that the bank is down, or nothing.
// One node, with a route in the right profile for each of them; an observer in a group of its own sees every request.
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { parseExact } from '../../deploy/demo/exact-json.ts';
import { EngineWitness } from '../support/engine-witness.ts';
import { eventually, type Patience } from '../support/eventually.ts';
import { makeTopics, partsOf, type ServiceRequest } from '../support/service.ts';
import { newCluster, Trial } from '../support/trial.ts';
import { AMOUNT, DECLINED, NOTE, type Order, Orders } from './orders.ts';
import { type RunningService, SERVICES, type Service, startService } from './services.ts';

const REPLY_TIMEOUT_MS = 20_000;
/** Time to mend an order before its next attempt. */
const RETRY_BACKOFF = 'PT5S';

/** The first time, five programs are downloaded and built. */
const BUILD_MS = 600_000;

const cluster = newCluster();
let witness: EngineWitness;
let trial: Trial;
let orders: Orders;
let running: PromiseSettledResult<RunningService>[] = [];

beforeAll(async () => {
  const kafkaBrokers = inject('kafkaBrokers');
  witness = await EngineWitness.open(inject('zeebeAddress'));
  const topics = SERVICES.map(topicOf);
  await makeTopics(kafkaBrokers, topics);
  const starting = Promise.allSettled(SERVICES.map((service) => startService(service, kafkaBrokers, topicOf(service))));
  try {
    trial = await Trial.start({
      servers: { natsUrl: inject('natsUrl'), kafkaBrokers, zeebeAddress: witness.address },
      cluster,
      nodes: 1,
      behaviour: () => undefined,
      moreRoutes: SERVICES.map((service) => ({
        jobType: jobTypeOf(service),
        requestTopic: topicOf(service),
        profile: service.profile,
        replyTimeout: `PT${REPLY_TIMEOUT_MS / 1_000}S`,
        retryBackoff: RETRY_BACKOFF,
      })),
      moreTopics: topics,
    });
    orders = await Orders.open(inject('zeebeAddress'), cluster, SERVICES.map(jobTypeOf));
  } finally {
    running = await starting;
  }
  for (const service of running) if (service.status === 'rejected') throw service.reason;
}, BUILD_MS);

afterAll(async () => {
  await Promise.all(running.map((service) => (service.status === 'fulfilled' ? service.value.stop() : undefined)));
  await orders?.close();
  await trial?.stop();
  witness?.close();
});

describe.concurrent('an answer', () => {
  test.each(SERVICES)(
    '$name: a result comes back as it is, and the request had the payload and nothing else',
    async (service) => {
      const order = await orders.start(jobTypeOf(service), 'ok');
      const sent = { token: order.token, card: 'ok', amount: AMOUNT, note: NOTE };
      expect(await passed(order)).toEqual({ ...sent, paid: AMOUNT });
      // Its record is read by us too, and may be seen a moment after the order has passed.
      const request = await eventually('its request', () => requestsOf(order)[0], patience(order));
      expect(requestsOf(order)).toHaveLength(1);
      expect(parseExact(request.body)).toEqual(sent);
      expect(failsOf(order)).toEqual([]);
    },
  );

  test.each(SERVICES)(
    '$name: a business error is caught by the boundary event of its code, variables and all',
    async (service) => {
      const order = await orders.start(jobTypeOf(service), 'declined');
      expect(await passed(order)).toEqual({
        token: order.token,
        card: 'declined',
        amount: AMOUNT,
        note: NOTE,
        caught: DECLINED,
        limit: AMOUNT,
      });
      expect(requestsOf(order)).toHaveLength(1);
      expect(failsOf(order)).toEqual([]);
    },
  );

  test.each(SERVICES)('$name: a technical error costs one retry, and the next attempt is answered', async (service) => {
    const order = await orders.start(jobTypeOf(service), 'down');
    const [fail] = await eventually('the failure', () => atLeastOne(failsOf(order)), patience(order));
    expect(fail).toMatchObject({ retries: 2, errorMessage: 'the bank is down' });
    await orders.change(order, { card: 'ok' });
    expect(await passed(order)).toMatchObject({ card: 'ok', paid: AMOUNT, note: NOTE });
    expect(failsOf(order)).toHaveLength(1);
    const [first, second, ...more] = requestsOf(order).map(({ correlationId }) => partsOf(correlationId));
    expect(more).toEqual([]);
    expect(first?.attempt).toBe(1);
    expect(second).toEqual({ jobKey: first?.jobKey, attempt: 2 });
  });
});

// After the answers: NestJS replies to whatever its handler returns, so its silent handler never returns, which keeps the
// requests behind it in its partition waiting.
describe('no answer', () => {
  test.concurrent.each(SERVICES)('$name: is an incident, no sooner than the reply timeout', async (service) => {
    const order = await orders.start(jobTypeOf(service), 'silent');
    const request = await eventually('its request', () => requestsOf(order)[0], patience(order));
    const [fail] = await eventually('the incident', () => atLeastOne(failsOf(order)), patience(order));
    expect(fail).toMatchObject({ retries: 0, errorMessage: `No reply within ${REPLY_TIMEOUT_MS / 1_000} s.` });
    expect(Date.now() - request.atMs).toBeGreaterThan(REPLY_TIMEOUT_MS - 2_000);
    expect(requestsOf(order)).toHaveLength(1);
    expect(orders.passed(order)).toBeUndefined();
  });
});

function jobTypeOf({ name }: Service): string {
  return `${cluster}-${name}`;
}

function topicOf({ name }: Service): string {
  return `${cluster}.${name}.requests`;
}

/** All variables behind the task. */
function passed(order: Order): Promise<unknown> {
  return eventually('the order to pass the task', () => orders.passed(order), patience(order));
}

function requestsOf({ token }: Order): readonly ServiceRequest[] {
  return trial.service.about(token);
}

/** What the engine was told of the order's job; nothing before its request was seen. */
function failsOf(order: Order) {
  return requestsOf(order)
    .slice(0, 1)
    .flatMap(({ correlationId }) => witness.failsOf(partsOf(correlationId).jobKey));
}

function atLeastOne<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length > 0 ? list : undefined;
}

function patience(order: Order): Patience {
  return {
    deadlineMs: 60_000,
    diagnose: async () => ({ requests: requestsOf(order), fails: failsOf(order), trial: await trial.diagnose() }),
  };
}
