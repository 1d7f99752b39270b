// Acting while cut off from NATS: blamed once the node must have noticed, until its link is whole again.
import { expect, test } from 'vitest';
import type { FaultName, ServerKind } from '../history.ts';
import { LEASE_TTL_MS } from '../story.ts';
import { offences, story, withOpenJob } from './told.ts';

/** A completion so long after the link was hurt; it heals later. */
const acts = (what: FaultName, server: ServerKind, afterMs: number, healedMs = 60_000) =>
  offences(
    story((told) => {
      const { job, owner } = withOpenJob(told);
      told.reply(job, 7);
      told.fault(what, owner, 'begin', server);
      const begunMs = told.nowMs;
      if (healedMs < afterMs) {
        told.nowMs = begunMs + healedMs;
        told.fault(what, owner, 'end', server);
      }
      told.nowMs = begunMs + afterMs;
      told.complete(job);
      if (healedMs >= afterMs) told.fault(what, owner, 'end', server);
    }),
  );

test('where its connections were reset, after a second', () => {
  expect(acts('cut', 'nats', 900)).toEqual([]);
  expect(acts('cut', 'nats', 1_200)).toEqual(['actedWhileCutOff']);
  expect(acts('cut', 'nats', 1_200, 1_000)).toEqual([]);
  expect(acts('cut', 'zeebe', 1_200)).toEqual([]);
});

test('where the link swallows, after a renewal that has been unanswered', () => {
  const noticedMs = LEASE_TTL_MS / 5 + 1_000;
  expect(acts('halfOpen', 'nats', noticedMs + 900)).toEqual([]);
  expect(acts('halfOpen', 'nats', noticedMs + 1_200)).toEqual(['actedWhileCutOff']);
  expect(acts('slow', 'nats', noticedMs + 1_200)).toEqual([]);
});
