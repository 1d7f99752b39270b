// Repeats of requests against hand-made histories: what may be sent again, after a crash and otherwise, and what may not.
import { describe, expect, test } from 'vitest';
import { makeCorrelationId } from '../../src/actors/correlation-id.ts';
import type { Incarnation, JobKey, NodeName, Revision, ShardId } from '../../src/actors/ids.ts';
import type { Snapshot } from '../../src/actors/snapshot.ts';
import { encodeSnapshot } from '../../src/actors/snapshot-codec.ts';
import { claimRecord } from '../../src/cluster/claims.ts';
import { claimKey, jobKeyName, sentKey, toJson } from '../../src/cluster/names.ts';
import { HELD as HELD_ONCE } from '../actors/snapshot-samples.ts';
import { check } from './checker.ts';
import { History } from './history.ts';
import { NAMES } from './world.ts';

const SHARD = 7 as ShardId;
const JOB = '2251799813685250' as JobKey;
const keyOf = (attempt: number) => makeCorrelationId({ id: 's', key: new Uint8Array(32) }, 'c', JOB, attempt);

/** n1 is i1, n2 is i2; times are given, revisions count. */
class Story {
  #nowMs = 0;
  #revision = 0;
  #standing = 0;
  readonly history = new History(() => this.#nowMs);

  constructor() {
    this.history.add({ kind: 'started', jobKey: JOB, variables: '{}', retries: 3 });
  }

  at(nowMs: number): this {
    this.#nowMs = nowMs;
    return this;
  }

  held(by: 1 | 2, more: Partial<Snapshot> = {}): this {
    const snapshot: Snapshot = { ...HELD_ONCE, incarnation: `i${by}` as Incarnation, ...more };
    if (snapshot.attempt > 1) {
      const asked = { command: 'updateTimeout', jobKey: JOB, node: `n${by}`, payload: '' } as const;
      this.history.add({ kind: 'answered', ...asked, code: 'ok' });
    }
    const previous = this.#standing;
    this.#stored(by, jobKeyName(SHARD, JOB), encodeSnapshot(snapshot), previous);
    this.#standing = this.#revision;
    return this;
  }

  sends(by: 1 | 2, attempt = 1): this {
    const keys = keyOf(attempt);
    this.history.add({ kind: 'sending', node: `n${by}`, topic: NAMES.requestTopic, keys, barred: '' });
    return this;
  }

  writing(by: 1 | 2): this {
    this.history.add({ kind: 'writing', node: `n${by}`, key: jobKeyName(SHARD, JOB) });
    return this;
  }

  heard(by: 1 | 2): this {
    this.history.add({ kind: 'heard', node: `n${by}`, key: jobKeyName(SHARD, JOB) });
    return this;
  }

  inKafka(attempt = 1): this {
    const { requestTopic: topic } = NAMES;
    const [correlationId, record] = [keyOf(attempt), { partition: 0, offset: 0, value: '{}', origin: '' }];
    this.history.add({ kind: 'written', node: 'n1', topic, ...record, jobKey: JOB, attempt, correlationId });
    return this;
  }

  acked(by: 1 | 2): this {
    this.inKafka();
    this.history.add({ kind: 'acked', node: `n${by}`, topic: NAMES.requestTopic, keys: keyOf(1) });
    return this;
  }

  /** i1 notes as sent all up to now, or all but the request. */
  notes(except: readonly (readonly [string, number])[] = []): this {
    this.#stored(1, sentKey('i1' as Incarnation), toJson({ upTo: this.#revision, except }));
    return this;
  }

  crashes(by: 1 | 2): this {
    this.history.add({ kind: 'fault', node: `n${by}`, what: 'kill' });
    return this;
  }

  claimedBy2(): this {
    this.#stored(2, claimKey(SHARD), claimRecord('n2' as NodeName, 'i2' as Incarnation, 0 as Revision, 0));
    return this;
  }

  broken(surroundings = { recordsAreTaken: true, staleReads: false }): string[] {
    return check(this.history, NAMES, surroundings).map(({ invariant }) => invariant);
  }

  #stored(by: 1 | 2, key: string, value: Uint8Array, previous = 0): void {
    this.#revision += 1;
    this.history.add({ kind: 'stored', node: `n${by}`, key, revision: this.#revision, previous, value });
  }
}

const FAILED: Partial<Snapshot> = { kind: 'ended', outcome: 'failed', endedAtMs: 1 };
const held = () => new Story().at(1_000).held(1).sends(1);
/** Crashed at 2,000; n2 claims a second later. */
const takenOver = (story: Story) => story.at(2_000).crashes(1).at(3_000).claimedBy2().held(2).sends(2);

describe('I8: published again after a crash', () => {
  test.each<[string, Story]>([
    ['never acknowledged', takenOver(held())],
    ['acknowledged in the last moment', takenOver(held().at(1_600).acked(1))],
    ['and its node crashed again since', takenOver(held().at(1_000).acked(1).at(1_200).crashes(1))],
    [
      'noted, but as not sent',
      takenOver(
        held()
          .at(1_600)
          .acked(1)
          .notes([[JOB, 1]]),
      ),
    ],
    ['noted after the claim, by a writer that lives on', held().claimedBy2().acked(1).notes().held(2)],
  ])('%s', (_, story) => {
    expect(story.broken()).toEqual([]);
  });

  test.each<[string, Story]>([
    ['noted as sent', takenOver(held().acked(1).notes())],
    ['acknowledged, and not noted for too long', takenOver(held().at(1_400).acked(1))],
  ])('but not: %s', (_, story) => {
    expect(story.broken()).toEqual(['I8']);
  });

  test('where JetStream may not have taken the record, only what it has counts; where reads are stale, what it had', () => {
    expect(takenOver(held().at(1_400).acked(1)).broken({ recordsAreTaken: false, staleReads: false })).toEqual([]);
    const stale = { recordsAreTaken: false, staleReads: true };
    expect(held().acked(1).at(2_000).notes().at(2_500).claimedBy2().held(2).broken(stale)).toEqual([]);
    expect(held().acked(1).at(2_000).notes().at(3_500).claimedBy2().held(2).broken(stale)).toEqual(['I8']);
  });
});

test('I6: nothing is sent of which no hold was ever stored', () => {
  expect(new Story().sends(1).broken()).toEqual(['I6']);
  expect(held().sends(1, 2).broken()).toEqual(['I6']);
});

test('I6: nothing is noted as sent that Kafka does not have', () => {
  expect(held().notes().broken()).toEqual(['I6']);
  expect(
    held()
      .notes([[JOB, 1]])
      .broken(),
  ).toEqual([]);
  expect(held().inKafka().notes().broken()).toEqual([]);
  // Of an attempt that ended there is nothing to send any more.
  expect(held().held(1, FAILED).notes().broken()).toEqual([]);
  // The earlier attempt's request is not the later one's.
  expect(held().inKafka().held(1, FAILED).held(1, { attempt: 2 }).notes().broken()).toEqual(['I6']);
});

test('I6: no attempt that has ended is sent', () => {
  expect(held().sends(1).broken()).toEqual([]);
  expect(held().held(1, FAILED).at(2_001).sends(1).broken()).toEqual(['I6']);
  // Nobody may have told it yet.
  expect(held().held(1, FAILED).at(2_000).sends(1).broken()).toEqual([]);
  // The second attempt is another request.
  expect(held().held(1, FAILED).at(9_000).held(1, { attempt: 2 }).sends(1, 2).broken()).toEqual([]);
  expect(held().held(1, FAILED).at(9_000).held(1, { attempt: 2 }).sends(1, 1).broken()).toEqual(['I6']);
  // It cannot know while the answer to its own write is on its way.
  expect(held().writing(1).held(1, FAILED).at(9_000).sends(1).heard(1).broken()).toEqual([]);
  expect(held().writing(1).held(1, FAILED).heard(1).at(9_000).sends(1).broken()).toEqual(['I6']);
  expect(held().writing(2).held(1, FAILED).at(9_000).sends(1).broken()).toEqual(['I6']);
});
