// When people hear that Kafka takes nothing on a topic.
import { expect, test } from 'vitest';
import { type TopicEvent, TopicTroubles } from '../../../src/gateway/requests/topic-troubles.ts';
import { ManualClock } from '../../support/manual-clock.ts';

function setUp() {
  const clock = new ManualClock();
  const told: string[] = [];
  const troubles = new TopicTroubles(clock, (event: TopicEvent) =>
    told.push(
      event.kind === 'notWritten' ? `${event.topic}: ${event.reason} for ${event.forMs}` : `${event.topic} again`,
    ),
  );
  const tried = (topic: string, answer: 'acked' | 'refused' | 'transient', reason = '') =>
    troubles.tried({ topic, answer, reason, records: 1, tookMs: 0 });
  return { clock, told, tried };
}

test('not of an election, nor of one record that is refused', async () => {
  const { clock, told, tried } = setUp();
  for (let tries = 0; tries < 9; tries++) {
    tried('a', 'transient', 'no leader');
    await clock.advance(1_000);
  }
  tried('a', 'acked');
  tried('a', 'refused', 'too large');
  await clock.advance(60_000);
  tried('a', 'acked');
  // Nor of two that have nothing to do with each other, though nothing was taken between.
  tried('a', 'refused', 'too large');
  await clock.advance(3_600_000);
  tried('a', 'transient', 'no leader');
  expect(told).toEqual([]);
});

test('of what lasts: after ten seconds, then each minute, and when it is over; of each topic for itself', async () => {
  const { clock, told, tried } = setUp();
  for (let second = 0; second <= 75; second++) {
    tried('a', 'transient', 'no leader');
    if (second >= 60) tried('b', second % 2 === 0 ? 'refused' : 'transient', 'not authorised');
    tried('c', 'acked');
    await clock.advance(1_000);
  }
  tried('a', 'acked');
  tried('a', 'acked');
  expect(told).toEqual(['a: no leader for 10000', 'a: no leader for 70000', 'b: not authorised for 10000', 'a again']);
});

test('topics without end are not remembered without end', () => {
  const { told, tried, clock } = setUp();
  for (let topic = 0; topic < 2_000; topic++) tried(`t${topic}`, 'refused', 'unknown');
  return clock.advance(20_000).then(() => {
    tried('t0', 'refused', 'unknown');
    tried('t1999', 'refused', 'unknown');
    expect(told).toEqual(['t1999: unknown for 20000']);
  });
});
