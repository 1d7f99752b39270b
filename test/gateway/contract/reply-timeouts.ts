// What becomes of a call that nobody answers, policy by policy: what the engine was told, how often the service was
// asked, and what a boundary event caught. No two policies look the same.
import { expect, test } from 'vitest';
import { type Plan, STOPPED, type Stage } from './stage.ts';

const silent = { replyTimeout: 'PT2S', retryBackoff: 'PT1S', retries: 2 };

export const REPLY_TIMEOUTS: Plan = {
  routes: {
    'timeout-incident': { ...silent, onReplyTimeout: 'incident' },
    'timeout-fail': { ...silent, onReplyTimeout: 'fail' },
    'timeout-error': { ...silent, onReplyTimeout: `error:${STOPPED}` },
  },
};

const MESSAGE = 'No reply within 2 s.';

export function replyTimeouts(stage: Stage): void {
  test('no reply, incident: at once, with retries left or not, and the service is asked once', async () => {
    const startedMs = Date.now();
    const [journey, request] = await stage.call('timeout-incident');
    const fails = await stage.fails(request, 1);
    expect(fails).toMatchObject([{ retries: 0, errorMessage: MESSAGE }]);
    expect(Date.now() - startedMs).toBeGreaterThan(2_000);
    const tombstone = await stage.stored(journey, ({ kind }) => kind === 'ended');
    expect(tombstone).toMatchObject({ attempt: 1, outcome: 'timedOut' });
    expect(stage.requests(journey)).toHaveLength(1);
  });

  test('no reply, fail: a retry less and a new attempt, an incident when none is left', async () => {
    const [journey, request] = await stage.call('timeout-fail');
    const fails = await stage.fails(request, 2);
    expect(fails.map(({ retries, errorMessage }) => [retries, errorMessage])).toEqual([
      [1, MESSAGE],
      [0, MESSAGE],
    ]);
    const attempts = stage.requests(journey).map(({ headers }) => [headers['job-id'], headers.attempt]);
    expect(attempts).toEqual(['1', '2'].map((attempt) => [request.headers['job-id'], attempt]));
    expect(new Set(stage.requests(journey).map(({ correlationId }) => correlationId)).size).toBe(2);
  });

  test('no reply, error: the boundary event catches its code, and no retry is spent', async () => {
    const [journey, request] = await stage.call('timeout-error');
    const passed = await stage.passed(journey);
    expect(passed.get('caught')).toBe(`"${STOPPED}"`);
    expect(stage.failsOf(request)).toEqual([]);
    expect(stage.requests(journey)).toHaveLength(1);
  });
}
