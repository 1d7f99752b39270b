// A result for a job that the engine does not complete just now is kept, and completes the job as soon as the engine hands it
// out again, with no new request: when the backoff of a technical error ends, or when an operator resolves the incident.
import { expect, test } from 'vitest';
import type { Plan, Stage } from './stage.ts';

const BACKOFF_MS = 6_000;
const FAILURE = { 'reply-status': 'failure', 'error-message': 'closed for lunch' };

export const KEPT_RESULTS: Plan = {
  routes: {
    'backs-off': { retryBackoff: `PT${BACKOFF_MS / 1_000}S` },
    'gives-up': { retries: 1, replyTimeout: 'PT2S' },
  },
};

export function resultInBackoff(stage: Stage): void {
  test('a result in the backoff is stored, and completes the job when the backoff ends', async () => {
    const [journey, request] = await stage.call('backs-off');
    const failedMs = Date.now();
    stage.answer(request, null, FAILURE);
    await stage.fails(request, 1);
    stage.answer(request, '{"answer":9007199254740993}');
    await stage.acknowledged(request.correlationId, 2);
    const kept = await stage.stored(journey, ({ kind }) => kind === 'replied');
    expect(kept).toMatchObject({ attempt: 1, reply: { body: '{"answer":9007199254740993}' } });
    expect(stage.journeys.passed(journey)).toBeUndefined();

    expect((await stage.passed(journey)).get('answer')).toBe('9007199254740993');
    // A busy engine reads its clock so rarely that it was seen to end a backoff of six seconds after five.
    expect(Date.now() - failedMs).toBeGreaterThan(BACKOFF_MS / 2);
    expect(stage.requests(journey)).toHaveLength(1);
    expect(stage.failsOf(request)).toMatchObject([{ retries: 2, errorMessage: 'closed for lunch' }]);
    const answers = await stage.acknowledged(request.correlationId, 2);
    expect(answers.map(({ headers }) => headers['holdfast-answer'])).toEqual(['applied', 'applied']);
  });
}

/** Not beside other tests: the incident is found by its key, and so could those of others be. */
export function resultInIncident(stage: Stage): void {
  test.each<[string, Readonly<Record<string, string>> | undefined, readonly number[]]>([
    ['a technical error', FAILURE, [0]],
    ['a business error that nobody catches', { 'reply-status': 'error', 'error-code': 'NOBODY' }, []],
    ['a reply timeout', undefined, [0]],
  ])('a result in the incident of %s is kept until the operator resolves it', async (_, headers, retries) => {
    const [journey, request] = await stage.call('gives-up');
    const jobKey = request.headers['job-id'] ?? '';
    const before = await keyNow(jobKey);
    if (headers !== undefined) stage.answer(request, null, headers);
    await stage.stored(journey, ({ kind }) => kind === 'ended');
    const after = await keyNow(jobKey);
    stage.answer(request, '{"answer":9007199254740993}');
    expect(await stage.stored(journey, ({ kind }) => kind === 'replied')).toMatchObject({ attempt: 1 });
    expect(stage.journeys.passed(journey)).toBeUndefined();

    await stage.journeys.engine.call('UpdateJobRetries', { jobKey, retries: 1 }, 10_000);
    await resolveOneBetween(before, after);
    expect((await stage.passed(journey)).get('answer')).toBe('9007199254740993');
    expect(stage.requests(journey)).toHaveLength(1);
    expect(stage.failsOf(request).map((fail) => fail.retries)).toEqual(retries);
  });

  /** The newest key in the partition of this job; instances are made in one partition after the other. */
  function keyNow(jobKey: string): Promise<bigint> {
    return stage.until('a key of the same partition', async () => {
      const { instance } = await stage.start('catch-late', { expected: 'nothing' });
      return partitionOf(BigInt(instance)) === partitionOf(BigInt(jobKey)) ? BigInt(instance) : undefined;
    });
  }

  /** The engine tells nobody the key of an incident but its exporters; keys are numbered in the order of creation. */
  async function resolveOneBetween(before: bigint, after: bigint): Promise<void> {
    const keys = Array.from({ length: Number(after - before) - 1 }, (_, index) => String(before + BigInt(index) + 1n));
    const resolve = (incidentKey: string) =>
      stage.journeys.engine.call('ResolveIncident', { incidentKey }, 10_000).then(
        () => [incidentKey],
        () => [],
      );
    const resolved: string[] = [];
    for (const key of keys) resolved.push(...(await resolve(key)));
    expect(resolved).toHaveLength(1);
  }
}

/** The upper bits of a key. */
function partitionOf(key: bigint): bigint {
  return key >> 51n;
}
