// Addresses of the page's views.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { makeCorrelationId } from '../../../../src/actors/correlation-id.ts';
import type { JobKey } from '../../../../src/actors/ids.ts';
import {
  FILTERS,
  hashOf,
  jobKeyIn,
  parseHash,
  searchOf,
  type View,
} from '../../../../src/gateway/http/page/browser/route.ts';

import { AuditQuery } from '../../../../src/gateway/operations/model/audit.ts';
import { DeadLetterQuery } from '../../../../src/gateway/operations/model/dead-letters.ts';
import { JobQuery, OutcomeQuery } from '../../../../src/gateway/operations/model/jobs.ts';

describe('a view', () => {
  const views: readonly View[] = [
    { view: 'overview' },
    { view: 'jobs', query: {} },
    { view: 'jobs', query: { text: 'a&b=c #?/ü', lane: 'x y' } },
    { view: 'job', jobKey: '2251799813685249' },
    { view: 'outcomes', query: { outcome: 'timedOut' } },
    { view: 'letters', query: { reason: 'late', sinceMs: '1' } },
    { view: 'letter', partition: '0', offset: '900' },
    { view: 'audit', query: { target: 'n2' } },
  ];
  test.each(views)('is found again by its address: %j', (view) => expect(parseHash(hashOf(view))).toEqual(view));

  test.each([
    '',
    '#',
    '#/',
    '#/nowhere',
    '#/jobs/abc',
    '#/jobs/1/2',
    '#/dead-letters/1',
    '#/dead-letters/a/b',
    '#/audit/x',
    '#/jobs/'.concat('9'.repeat(20)),
  ])('that does not exist is the overview: %s', (hash) => expect(parseHash(hash)).toEqual({ view: 'overview' }));

  test('takes only filters of its own, and none that are empty', () => {
    expect(parseHash('#/outcomes?outcome=gone&shard=3&text=%20')).toEqual({
      view: 'outcomes',
      query: { outcome: 'gone' },
    });
    expect(searchOf({ text: '', lane: 'a' })).toBe('?lane=a');
  });

  test('takes any text as a filter, and stays one part of the address', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (text) => {
        fc.pre(text.trim() === text);
        const hash = hashOf({ view: 'jobs', query: { text } });
        expect(parseHash(hash)).toEqual({ view: 'jobs', query: { text } });
        expect(new URL(hash, 'http://127.0.0.1/').pathname).toBe('/');
      }),
    );
  });

  test('has the filters that the API has', () => {
    const allowed = {
      jobs: JobQuery,
      outcomes: OutcomeQuery,
      letters: DeadLetterQuery,
      audit: AuditQuery,
    };
    for (const [view, names] of Object.entries(FILTERS)) {
      expect(Object.keys(allowed[view as keyof typeof FILTERS].properties)).toEqual(expect.arrayContaining([...names]));
    }
  });
});

describe('the job that a text names', () => {
  const secret = { id: 'k1', key: new Uint8Array(32).fill(7) };

  test.each(['2251799813685249', '9223372036854775807', '10000000'])('by a correlation id of ours: %s', (jobKey) => {
    expect(jobKeyIn(makeCorrelationId(secret, 'shop', jobKey as JobKey, 3))).toBe(jobKey);
    expect(jobKeyIn(jobKey)).toBe(jobKey);
  });

  test.each(['', 'order-10042', '1234567', '02251799813685249', 'hf1-k1-', 'hf1-k1-zz-1-short'])('none in %j', (text) =>
    expect(jobKeyIn(text)).toBeUndefined(),
  );
});
