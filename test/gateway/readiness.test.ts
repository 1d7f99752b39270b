import { describe, expect, test } from 'vitest';
import { missingFor, type ReadinessOf, unreachable } from '../../src/gateway/readiness.ts';

type Life = NonNullable<ReadinessOf['cluster']['life']>;

function cluster(said: { skew?: Partial<Life['skew']>; mayAct?: boolean; drained?: boolean; isMember?: boolean }) {
  const life = { skew: { within: true, ms: 3, ...said.skew } } as Life;
  return {
    life: said.isMember === false ? undefined : life,
    mayAct: () => said.mayAct ?? true,
    drained: said.drained ?? false,
  };
}

const missing = (of: ReturnType<typeof cluster>, more: Partial<ReadinessOf> = {}) =>
  missingFor({ cluster: of, lackingKeys: [], assignedOnce: true, ...more });

describe('a node', () => {
  test('is ready when nothing is missing', () => {
    expect(missing(cluster({}))).toEqual([]);
  });

  test.each([
    ['membership', cluster({ isMember: false, mayAct: false }), {}],
    ['JetStream', cluster({ mayAct: false }), {}],
    ["the clock: not compared with the NATS server's yet", cluster({ skew: { within: false, ms: undefined } }), {}],
    ['the clock: 1500 ms away', cluster({ skew: { within: false, ms: 1_500.4 } }), {}],
    ['an operator', cluster({ drained: true }), {}],
    ['Kafka: no assignment', cluster({}), { assignedOnce: false }],
    // It reads no replies before it has that key: that it has no assignment is no second cause.
    ['the keyFile of secret s1', cluster({}), { assignedOnce: false, lackingKeys: ['s1'] }],
  ])('waits for one thing at a time: %s', (what, of, more) => {
    expect(missing(of, more)).toEqual([expect.stringContaining(what)]);
  });

  test('names all that is missing at once', () => {
    const of = cluster({ mayAct: false, drained: true, skew: { within: false, ms: 2_000 } });
    expect(missing(of, { lackingKeys: ['s1', 's2'] })).toHaveLength(5);
  });
});

test('only servers that did not answer when they were asked last are unreachable', () => {
  const asked = new Map([
    ['kafka', false],
    ['zeebe', true],
  ] as const);
  expect(unreachable(asked)).toEqual(['Kafka: it does not answer']);
  expect(unreachable(new Map())).toEqual([]);
});
