// Lists are put together from all jobs of all nodes: through one node no more than a few at a time, and the next ones as soon as
// one of those is done, or has failed.
import { expect, test } from 'vitest';
import type { NodeName } from '../../../src/actors/ids.ts';
import type { Cluster } from '../../../src/cluster/cluster.ts';
import { ClusterOperations } from '../../../src/gateway/operations/cluster-operations.ts';
import { ManualClock } from '../../support/manual-clock.ts';

test('eight at a time, of jobs and of outcomes together', async () => {
  const waiting: PromiseWithResolvers<never>[] = [];
  const questions = {
    ask() {
      waiting.push(Promise.withResolvers());
      return waiting.at(-1)!.promise;
    },
  };
  const claims = { of: () => ({ node: '', incarnation: '', revision: 0 }) };
  const shards = { targetOf: () => undefined };
  const cluster = { life: { questions, claims, shards } } as unknown as Cluster;
  const subject = new ClusterOperations({
    ...{ clock: new ManualClock(), cluster, kv: { get: () => Promise.resolve(undefined) }, tail: undefined },
    config: { cluster: 'c', node: 'n1' as NodeName, shards: 1 },
    calls: () => ({ routes: [], template: undefined }),
    waitingFor: () => [],
    correlationId: () => '',
  });
  const eight = Array.from({ length: 8 }, () => subject.jobs({}));
  const tooMany = { code: 'TOO_MANY', message: '8 lists are put together through this node now; ask again' };
  await expect(subject.jobs({})).rejects.toMatchObject(tooMany);
  await expect(subject.outcomes({})).rejects.toMatchObject(tooMany);
  expect(waiting).toHaveLength(8);
  waiting[0]!.resolve({ answered: [], silent: [] } as never);
  await expect(eight[0]).resolves.toMatchObject({ jobs: [], next: null });
  waiting[1]!.reject(new Error('the bus is closed'));
  await expect(eight[1]).rejects.toThrow('the bus is closed');
  const more = [subject.jobs({}), subject.jobs({})];
  await expect(subject.jobs({})).rejects.toMatchObject(tooMany);
  for (const { resolve } of waiting) resolve({ answered: [], silent: [] } as never);
  await expect(Promise.all([...eight.slice(2), ...more])).resolves.toHaveLength(8);
});

test('a node that is no member says what it waits for', async () => {
  const subject = new ClusterOperations({
    ...{ clock: new ManualClock(), cluster: { life: undefined }, kv: { get: () => Promise.resolve(undefined) } },
    ...{ tail: undefined, config: { cluster: 'c', node: 'n1' as NodeName, shards: 1 } },
    calls: () => ({ routes: [], template: undefined }),
    waitingFor: () => ['NATS: it is away'],
    correlationId: () => '',
  });
  await expect(subject.cluster()).rejects.toMatchObject({
    code: 'OPERATION_UNAVAILABLE',
    message: expect.stringContaining(
      'node n1 is not a member of the cluster yet, or not any more; it waits for NATS: it is away',
    ),
  });
});
