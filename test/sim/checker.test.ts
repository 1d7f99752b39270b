// The checker against hand-made histories: a good one passes, and each way of breaking it is named.
import { describe, expect, test } from 'vitest';
import type { Incarnation, Lane } from '../../src/actors/ids.ts';
import { PLAIN_CONTRACT } from '../../src/actors/messages.ts';
import type { FailJob } from '../../src/actors/ports.ts';
import type { Failing, Snapshot } from '../../src/actors/snapshot.ts';
import { encodeSnapshot } from '../../src/actors/snapshot-codec.ts';
import { RESULT } from '../actors/pending-job-world.ts';
import { VIRTUAL_EPOCH_MS } from '../support/manual-clock.ts';
import { check, completedTwice, repeatedRequests, unfinished } from './checker.ts';
import { type CommandName, type EventOf, failPayload, History, type ReplyKind } from './history.ts';
import { OPERATOR } from './names.ts';
import { breach } from './snapshot-law.ts';
import { NAMES } from './world.ts';

const JOB = '2251799813685250';
const ANSWER = '{"charged":true}';

const HELD: Snapshot = {
  kind: 'held',
  attempt: 1,
  incarnation: 'i1' as Incarnation,
  sentAttempt: 0,
  lane: 'charge-card' as Lane,
  origin: {
    jobType: 'charge-card',
    processId: 'p',
    processVersion: 1,
    elementId: 'e',
    instanceKey: '1',
    elementInstanceKey: '2',
    tenantId: '<default>',
  },
  settings: {
    ...PLAIN_CONTRACT,
    replyTimeoutMs: 1,
    onReplyTimeout: 'incident',
    retryBackoffMs: 1,
    lateWindowMs: 1,
    incidentWindowMs: 1,
  },
  retries: 3,
  heldAtMs: 1,
  replyDeadlineMs: 2,
  heartbeatDeadlineMs: 0,
  progress: '',
  trace: '',
  alias: '',
  request: undefined,
  applied: [],
  reply: undefined,
  failing: undefined,
  outcome: undefined,
  endedAtMs: 0,
  timeline: [],
  resend: false,
};
const REPLY = { ...RESULT, body: ANSWER, partition: 0, offset: '0', attempt: 1 } as const;
const FAILING = {
  cause: 'not json',
  why: 'malformed',
  retries: 2,
  backoffMs: 0,
  outcome: 'failed',
  errorCode: '',
  variables: '',
} as const;
const ended = (outcome: NonNullable<Snapshot['outcome']>, more: Partial<Snapshot> = {}): Snapshot => ({
  ...HELD,
  kind: 'ended',
  outcome,
  endedAtMs: 3,
  ...more,
});

/** A history under construction, with a clock that moves a second at each step. */
class Story {
  nowMs = 0;
  readonly history = new History(() => {
    this.nowMs += 1_000;
    return this.nowMs;
  });
  #revision = 0;
  #offset = 0;

  started(): this {
    this.history.add({ kind: 'started', jobKey: JOB, variables: '{"a":1}', retries: 3 });
    return this;
  }

  /** What raises the attempt comes after the engine's word that the job is activated. */
  stored(snapshot: Snapshot, { confirmed = snapshot.attempt > 1 } = {}): this {
    if (confirmed) {
      const common = { command: 'updateTimeout', jobKey: JOB, node: 'n1', payload: '' } as const;
      this.history.add({ kind: 'answered', ...common, code: 'ok' });
    }
    const previous = this.#revision++;
    this.history.add({
      kind: 'stored',
      node: 'n1',
      key: `7.${JOB}`,
      revision: this.#revision,
      previous,
      value: encodeSnapshot(snapshot),
    });
    return this;
  }

  operated(act: EventOf<'operated'>['act'], said = ''): this {
    this.history.add({ kind: 'operated', node: 'n1', jobKey: JOB, act, said, id: 'act-1' });
    return this;
  }

  activated(node: string, retries: number): this {
    this.history.add({ kind: 'activated', jobKey: JOB, node, deadlineMs: this.nowMs + 20_000, retries });
    return this;
  }

  full(node: string): this {
    this.history.add({ kind: 'full', node });
    return this;
  }

  request(value: string | undefined = '{"a":1}'): this {
    this.#written(NAMES.requestTopic, 0, value);
    return this;
  }

  cancelRecord(): this {
    this.#written(NAMES.requestTopic, 0, undefined);
    return this;
  }

  reply(meant: ReplyKind = 'result', value = ANSWER, said: Partial<EventOf<'replied'>> = {}): this {
    const offset = this.#offset++;
    this.#written(NAMES.replyTopic, offset, value);
    this.history.add({ kind: 'replied', jobKey: JOB, partition: 0, offset, meant, attempt: 1, ...said });
    return this;
  }

  /** What a service was told of the only reply with its id. */
  told(answer: string): this {
    this.#written(NAMES.ackTopic, 0, `{"answer":"${answer}","reason":"${answer}"}`);
    return this;
  }

  /** The reply at this offset, with whatever value. */
  deadLettered(offset: number, value = 'x'): this {
    this.#written(NAMES.deadLetterTopic, 0, value, `0/${offset}`);
    return this;
  }

  endedIn(how: 'cancelled' | 'completed'): this {
    this.history.add({ kind: 'ended', jobKey: JOB, how });
    return this;
  }

  committed(offset: number): this {
    this.history.add({ kind: 'committed', node: 'n1', partition: 0, offset });
    return this;
  }

  command(command: CommandName, payload: string, barred = ''): this {
    const common = { command, jobKey: JOB, node: 'n1', payload } as const;
    this.history.add({ kind: 'command', ...common, barred });
    this.history.add({ kind: 'accepted', ...common });
    if (command === 'complete') this.history.add({ kind: 'ended', jobKey: JOB, how: 'completed' });
    this.history.add({ kind: 'answered', ...common, code: 'ok' });
    return this;
  }

  broken(acknowledgements = false): string[] {
    return check(this.history, NAMES, { acknowledgements }).map(({ invariant }) => invariant);
  }

  #written(topic: string, offset: number, value: string | undefined, origin = ''): void {
    this.history.add({
      kind: 'written',
      node: 'n1',
      topic,
      partition: 0,
      offset,
      jobKey: JOB,
      attempt: 1,
      correlationId: 'hf1-x',
      value,
      origin,
    });
  }
}

/** FailJob as `FAILING` says, or not quite. */
const failed = (more: Partial<FailJob> = {}) => failPayload({ retries: 2, backoffMs: 0, message: 'not json', ...more });
/** Keeps the replies at these offsets as applied, one after another. */
const applied = (...offsets: number[]): Partial<Snapshot> => ({ applied: [[0, String(offsets.at(-1))]] });
const held = () => new Story().started().stored(HELD).request();

test('the good stories pass: fast, stored first, failed once and reopened', () => {
  const fast = held().reply().command('complete', ANSWER).stored(ended('completed')).committed(1);
  expect(fast.broken()).toEqual([]);
  expect(unfinished(fast.history)).toEqual([]);
  const storedFirst = held()
    .reply()
    .stored({ ...HELD, kind: 'replied', reply: REPLY })
    .committed(1)
    .command('complete', ANSWER)
    .stored(ended('completed'));
  expect(storedFirst.broken()).toEqual([]);
  const reopened = held()
    .reply('malformed', 'rubbish')
    .stored({ ...HELD, kind: 'failing', failing: FAILING })
    .command('fail', failed())
    .stored(ended('failed', { applied: [[0, '0']] }))
    .deadLettered(0, 'rubbish')
    .committed(1)
    .stored({ ...HELD, attempt: 2, applied: [[0, '0']] });
  expect(reopened.broken()).toEqual([]);
  expect(unfinished(reopened.history)).toEqual([JOB]);
});

test('I2: another payload than a reply to that job, and another than the stored one', () => {
  expect(held().reply().command('complete', '{"charged":false}').broken()).toEqual(['I2']);
  expect(held().reply('forged').command('complete', ANSWER).broken()).toEqual(['I2']);
  const other = held()
    .reply()
    .reply('result', '{"second":1}')
    .stored({ ...HELD, kind: 'replied', reply: REPLY });
  expect(other.command('complete', '{"second":1}').broken()).toEqual(['I2']);
  expect(held().reply().command('complete', ANSWER).command('complete', ANSWER).broken()).toEqual(['I2']);
});

test('I3: completed with a reply that is committed and stored nowhere', () => {
  expect(held().reply().committed(1).command('complete', ANSWER).broken()).toEqual(['I5', 'I3']);
});

describe('I3: nothing is failed or thrown but the intention that stands stored', () => {
  const failing: Snapshot = { ...HELD, kind: 'failing', failing: { ...FAILING, why: 'notSent' } };
  const throwing: Snapshot = {
    ...failing,
    failing: { ...FAILING, why: 'notSent', outcome: 'bpmnError', errorCode: 'no-funds' },
  };
  const again: Snapshot = { ...HELD, attempt: 2 };

  test.each<[string, Story]>([
    ['FailJob as stored', held().stored(failing).command('fail', failed())],
    ['and again: its answer was lost', held().stored(failing).command('fail', failed()).command('fail', failed())],
    ['ThrowError as stored', held().stored(throwing).command('throwError', 'no-funds')],
  ])('%s', (_, story) => {
    expect(story.broken()).toEqual([]);
  });

  test.each<[string, Story]>([
    ['no cause at all', held().command('fail', failed())],
    [
      'other retries',
      held()
        .stored(failing)
        .command('fail', failed({ retries: 1 })),
    ],
    [
      'another backoff',
      held()
        .stored(failing)
        .command('fail', failed({ backoffMs: 1 })),
    ],
    [
      'another text',
      held()
        .stored(failing)
        .command('fail', failed({ message: 'because' })),
    ],
    ['an error instead', held().stored(failing).command('throwError', 'no-funds')],
    ['another error', held().stored(throwing).command('throwError', 'no-card')],
    ['the attempt is over', held().stored(failing).stored(ended('failed')).command('fail', failed())],
    [
      'another attempt is held, however often the first one failed',
      held().stored(failing).command('fail', failed()).stored(ended('failed')).stored(again).command('fail', failed()),
    ],
  ])('but not: %s', (_, story) => {
    expect(story.broken()).toEqual(['I3']);
  });
});

describe('I3: a job is given back as it was given, and only when told', () => {
  const giveBack = (more: Partial<FailJob> = {}) =>
    failed({ retries: 3, backoffMs: 2_000, message: NAMES.giveBack, ...more });
  const given = () => new Story().started().activated('n1', 3);

  test('told full once: given back, and tried again', () => {
    expect(given().full('n1').command('fail', giveBack()).command('fail', giveBack()).broken()).toEqual([]);
  });

  test.each<[string, Story]>([
    ['nobody said full', given().command('fail', giveBack())],
    ['another node was told', given().full('n2').command('fail', giveBack())],
    [
      'told once, given back twice',
      given().full('n1').command('fail', giveBack()).activated('n1', 3).command('fail', giveBack()),
    ],
    [
      'a retry less',
      given()
        .full('n1')
        .command('fail', giveBack({ retries: 2 })),
    ],
    [
      'without a backoff',
      given()
        .full('n1')
        .command('fail', giveBack({ backoffMs: 0 })),
    ],
    ['never given to it', new Story().started().activated('n2', 3).full('n1').command('fail', giveBack())],
  ])('%s', (_, story) => {
    expect(story.broken()).toContain('I3');
  });
});

test('I3: "no reply in time" is true', () => {
  const by = (replyDeadlineMs: number): Snapshot => ({
    ...HELD,
    kind: 'failing',
    replyDeadlineMs: VIRTUAL_EPOCH_MS + replyDeadlineMs,
    failing: { ...FAILING, why: 'replyTimeout', outcome: 'timedOut' },
  });
  expect(held().stored(by(4_000)).broken()).toEqual([]);
  expect(held().stored(by(6_000)).broken()).toEqual(['I3']);
  // The reply is in Kafka at 4 s.
  expect(held().reply().stored(by(4_500)).broken()).toEqual([]);
  expect(held().reply().stored(by(5_500)).broken()).toEqual(['I3']);
  expect(held().reply('malformed', 'm').stored(by(5_500)).broken()).toEqual([]);
  // No service was ever asked.
  expect(new Story().started().stored(HELD).stored(by(1_000)).broken()).toEqual(['I3']);
});

test('I4: an effect of a node that must not act', () => {
  expect(held().reply().command('complete', ANSWER, 'without a lease').broken()).toEqual(['I4']);
  const sending = held();
  sending.history.add({ kind: 'sending', node: 'n1', topic: NAMES.requestTopic, keys: 'x', barred: 'while cut off' });
  expect(sending.broken()).toEqual(['I4']);
});

test('I5: a committed record that left no mark', () => {
  expect(held().reply().committed(1).broken()).toEqual(['I5']);
  expect(held().reply('forged', 'f').committed(1).broken()).toEqual(['I5']);
  expect(held().reply('forged', 'f').deadLettered(0).committed(1).broken()).toEqual([]);
});

describe('I5, record by record', () => {
  const failing: Snapshot = { ...HELD, kind: 'failing', failing: { ...FAILING, why: 'refused' }, ...applied(0) };
  const replied: Snapshot = { ...HELD, kind: 'replied', reply: REPLY, ...applied(0) };

  test.each<[string, Story]>([
    [
      'its position, in a tombstone',
      held()
        .reply()
        .stored(ended('cancelled', applied(0))),
    ],
    ['its job is completed: a duplicate', held().reply().stored(ended('completed'))],
    ['nobody can say who ended its job: it may have been this one', held().stored(ended('gone')).reply()],
    ['another one is stored: a duplicate', held().reply().stored(replied).reply('result', '{"second":1}')],
    ['the engine took it, and its node died', held().reply().command('complete', ANSWER)],
    ['it is a dead letter: its job was cancelled', held().reply().endedIn('cancelled').deadLettered(0)],
    ['it fails its job, and is a dead letter', held().reply('malformed', 'm').stored(failing).deadLettered(0)],
    [
      'the engine refused it: it fails its job, and is a dead letter',
      held()
        .reply()
        .stored(failing)
        .deadLettered(0)
        .stored(ended('failed', applied(0)))
        .stored(ended('gone', applied(0))),
    ],
  ])('a mark is: %s', (_, story) => {
    expect(
      story
        .committed(2)
        .broken()
        .filter((invariant) => invariant === 'I5'),
    ).toEqual([]);
  });

  test.each<[string, Story]>([
    ['the engine cancelled its job', held().reply().endedIn('cancelled')],
    ['its job ended in the engine somehow', held().reply().endedIn('completed')],
    ['its attempt has a tombstone that may be opened again', held().reply().stored(ended('failed'))],
    ['another record with its value is a dead letter', held().reply('forged', 'f').reply().deadLettered(1, 'f')],
    [
      'a later record was applied',
      held()
        .reply()
        .reply('result', '{"second":1}')
        .stored(ended('failed', applied(1))),
    ],
    [
      'another reply was stored, but before this one came',
      held()
        .reply()
        .stored(replied)
        .stored(failing)
        .stored(ended('failed', applied(0)))
        .reply('result', '{"second":1}'),
    ],
    [
      'malformed, it failed its job',
      held()
        .reply('malformed', 'm')
        .stored(failing)
        .stored(ended('failed', applied(0))),
    ],
    ['forged, for a job that is completed', held().stored(ended('completed')).reply('forged', 'f')],
    ['without an id, while a reply is stored', held().reply().stored(replied).reply('withoutId', 'w')],
  ])('no mark is: %s', (_, story) => {
    expect(story.committed(2).broken()).toEqual(['I5']);
  });

  test.each<[string, Story]>([
    ['stored, then a dead letter', held().reply().stored(replied).deadLettered(0)],
    ['a dead letter, then stored', held().reply().deadLettered(0).stored(replied)],
    [
      'the cause of a tombstone',
      held()
        .reply()
        .stored(ended('gone', applied(0)))
        .deadLettered(0),
    ],
    ['what the engine completed the job with', held().reply().deadLettered(0).command('complete', ANSWER)],
  ])('no fate of its own is: %s', (_, story) => {
    expect(story.broken()).toEqual(['I5']);
  });

  test('a position that is no reply to the job, and a dead letter of nothing', () => {
    expect(
      held()
        .stored(ended('completed', applied(0)))
        .broken(),
    ).toEqual(['I5']);
    expect(held().deadLettered(3).broken()).toEqual(['I5']);
  });
});

test('I1: an attempt is reopened only after the engine has said, since it ended, that the job is activated', () => {
  const failedOnce = () =>
    new Story()
      .started()
      .stored(HELD)
      .reply('malformed', 'x')
      .stored({ ...HELD, kind: 'failing', failing: FAILING })
      .command('fail', failed())
      .stored(ended('failed'));
  const again = { ...HELD, attempt: 2 };
  expect(failedOnce().stored(again).broken()).toEqual([]);
  expect(failedOnce().stored(again, { confirmed: false }).broken()).toEqual(['I1']);
});

test('I10: a job that was completed is not recorded as cancelled', () => {
  const gone = () => new Story().started().stored(HELD).reply();
  expect(gone().endedIn('cancelled').stored(ended('cancelled')).broken()).toEqual([]);
  expect(gone().command('complete', ANSWER).stored(ended('cancelled')).broken()).toEqual(['I10']);
});

test('I9 and I10: a changed body, a cancel record after completion, two retries for one malformed reply', () => {
  expect(held().request('{"a":1.0}').broken()).toEqual(['I9']);
  expect(held().reply().command('complete', ANSWER).cancelRecord().broken()).toEqual(['I10']);
  expect(held().cancelRecord().broken()).toEqual(['I10']);
  expect(held().endedIn('cancelled').stored(ended('cancelled')).cancelRecord().broken()).toEqual([]);
  const failing = held()
    .reply('malformed', 'x')
    .stored({ ...HELD, kind: 'failing', failing: FAILING });
  expect(failing.command('fail', failed()).command('fail', failed()).broken()).toEqual([]);
  expect(failing.command('fail', failed({ retries: 1 })).broken()).toEqual(['I3', 'I10']);
  const costly: Snapshot = { ...HELD, kind: 'failing', failing: { ...FAILING, retries: 1 } };
  expect(held().reply('malformed', 'x').stored(costly).broken()).toEqual(['I10']);
  const twice = held()
    .reply('malformed', 'x')
    .stored({ ...HELD, kind: 'failing', failing: FAILING });
  const second: Snapshot = { ...HELD, attempt: 2, retries: 2 };
  twice.stored(ended('failed')).stored(second);
  expect(twice.stored({ ...second, kind: 'failing', failing: { ...FAILING, retries: 1 } }).broken()).toEqual(['I10']);
});

describe('I3 and I10 of what is done by hand', () => {
  const GIVEN_BACK = `Given back to the engine by ${OPERATOR}.`;
  const failing = (cause: string, attempt = 1): Snapshot => ({
    ...HELD,
    attempt,
    kind: 'failing',
    failing: { ...FAILING, why: 'byHand', cause, retries: 3 },
  });
  const over = (attempt = 1) => ended('failed', { attempt });

  test('what nobody said', () => {
    expect(held().stored(failing('by hand 1')).broken()).toEqual(['I3']);
    expect(held().operated('fail', 'by hand 1').stored(failing('by hand 1')).broken()).toEqual([]);
    expect(held().operated('drop').stored(failing(GIVEN_BACK)).broken()).toEqual([]);
  });

  test('an act fails one attempt; given back it may be several times', () => {
    const twice = (act: 'fail' | 'drop', cause: string) =>
      held()
        .operated(act, cause)
        .stored(failing(cause))
        .stored(over())
        .stored({ ...HELD, attempt: 2 })
        .stored(failing(cause, 2))
        .stored(over(2))
        .broken();
    expect(twice('fail', 'by hand 1')).toEqual(['I10']);
    expect(twice('drop', GIVEN_BACK)).toEqual([]);
  });

  test('what is wished to be sent again is sent again once (I1)', () => {
    const again = { timeline: [{ atMs: 2, what: 'sent again', node: 'n1' }] };
    const wished = () =>
      held()
        .operated('resend')
        .stored({ ...HELD, resend: true });
    expect(
      wished()
        .stored({ ...HELD, ...again })
        .broken(),
    ).toEqual([]);
    expect(
      wished()
        .stored({ ...HELD, ...again, resend: true })
        .broken(),
    ).toEqual(['I1']);
    expect(
      held()
        .stored({ ...HELD, ...again })
        .broken(),
    ).toEqual(['I1']);
  });

  test('a cancel record may tell of it, once it has ended, and not of a job completed so', () => {
    const failed = () => held().operated('fail', 'by hand 1').stored(failing('by hand 1'));
    expect(failed().stored(over()).cancelRecord().broken()).toEqual([]);
    expect(failed().cancelRecord().broken()).toEqual(['I10']);
    const done = held()
      .operated('complete', ANSWER)
      .stored({ ...HELD, kind: 'replied', reply: REPLY });
    expect(done.command('complete', ANSWER).stored(ended('completed')).cancelRecord().broken()).toEqual(['I10']);
  });
});

describe('I3 and I10 of what services say', () => {
  const by = (
    why: Failing['why'],
    cause: string,
    more: Partial<Failing> = {},
    over: Partial<Snapshot> = {},
  ): Snapshot => ({
    ...{ ...HELD, ...over },
    kind: 'failing',
    failing: { ...FAILING, why, cause, ...more },
  });
  const said = (meant: 'error' | 'failure', more: Partial<EventOf<'replied'>> = {}) =>
    held().reply(meant, 'e', { said: 'reply 1', ...more });
  const second: Partial<Snapshot> = { attempt: 2, retries: 2 };

  test.each<[string, Story]>([
    ['a retry less', said('failure').stored(by('technicalError', 'reply 1'))],
    ['as many as it says', said('failure', { retries: 7 }).stored(by('technicalError', 'reply 1', { retries: 7 }))],
    ['an error of business costs none', said('error').stored(by('businessError', 'reply 1', { retries: 3 }))],
    [
      'under a business key it may be of another attempt',
      said('failure', { attempt: 2 }).stored(by('technicalError', 'reply 1', {}, { alias: 'order-7' })),
    ],
  ])('%s', (_, story) => {
    expect(story.broken()).toEqual([]);
  });

  test.each<[string, string, Story]>([
    ['I3', 'what no service said', said('failure').stored(by('technicalError', 'reply 2'))],
    ['I3', 'a failure as an error', said('failure').stored(by('businessError', 'reply 1', { retries: 3 }))],
    ['I10', 'of another attempt', said('failure', { attempt: 2 }).stored(by('technicalError', 'reply 1'))],
    ['I10', 'two retries less', said('failure').stored(by('technicalError', 'reply 1', { retries: 1 }))],
    ['I10', 'not what it says', said('failure', { retries: 7 }).stored(by('technicalError', 'reply 1'))],
    ['I10', 'a retry for an error of business', said('error').stored(by('businessError', 'reply 1'))],
    [
      'I10',
      'a second attempt fails by it',
      said('failure')
        .stored(by('technicalError', 'reply 1', {}, { alias: 'order-7' }))
        .stored(ended('failed'))
        .stored({ ...HELD, ...second, alias: 'order-7' })
        .stored(by('technicalError', 'reply 1', { retries: 1 }, { ...second, alias: 'order-7' })),
    ],
  ])('%s: %s', (invariant, _, story) => {
    expect(story.broken()).toEqual([invariant]);
  });

  test('silence is true, and heartbeats keep their pace', () => {
    const settings = { ...HELD.settings, heartbeatTimeoutMs: 3_000 };
    const silent = by('heartbeatTimeout', 's', { outcome: 'timedOut' }, { settings, heldAtMs: VIRTUAL_EPOCH_MS });
    expect(held().stored(silent).broken()).toEqual([]);
    // Held at 0; heard at 4 s, which was too late, or at 4 s of the 6 that it had: silent until 10.
    expect(held().reply('heartbeat', '').stored(silent).broken()).toEqual([]);
    const longer = { ...silent, settings: { ...settings, heartbeatTimeoutMs: 6_000 } };
    expect(held().reply('heartbeat', '').stored(longer).broken()).toEqual(['I3']);
    expect(held().reply('heartbeat', '', { attempt: 2 }).stored(longer).broken()).toEqual([]);
    const beat = (atMs: number): Snapshot => ({ ...HELD, timeline: [{ atMs, what: 'heartbeat', node: 'n1' }] });
    expect(held().stored(beat(1_000)).stored(beat(1_000)).stored(beat(6_000)).broken()).toEqual([]);
    expect(held().stored(beat(1_000)).stored(beat(5_900)).broken()).toEqual(['pace']);
    // Unless so many steps came between that the first is known to nobody any more.
    const busy = (from: number, first: string): Snapshot => {
      const steps = Array.from({ length: 16 }, (_, at) => ({
        atMs: at < 4 ? 1_000 : from + at,
        what: 'held',
        node: 'n1',
      }));
      return {
        ...HELD,
        timeline: [{ ...steps[0]!, what: first }, ...steps.slice(1, -1), { ...steps[15]!, what: 'heartbeat' }],
      };
    };
    expect(held().stored(beat(1_000)).stored(busy(2_000, 'held')).broken()).toEqual([]);
    expect(held().stored(beat(1_000)).stored(busy(2_000, 'heartbeat')).broken()).toEqual(['pace']);
    expect(held().stored(beat(1_000)).stored(busy(990, 'held')).broken()).toEqual(['pace']);
  });

  test('I2: two calls wait under one business key', () => {
    const story = held().stored({ ...HELD, alias: 'order-7' });
    const other = '2251799813685252';
    story.history.add({ kind: 'started', jobKey: other, variables: '{}', retries: 3 });
    const value = encodeSnapshot({ ...HELD, alias: 'order-7' });
    story.history.add({ kind: 'stored', node: 'n1', key: `4.${other}`, revision: 99, previous: 0, value });
    expect(story.broken()).toEqual(['I2']);
  });
});

describe('I5 of errors, late policies and acknowledgements', () => {
  const drops = { settings: { ...HELD.settings, onLate: 'drop' as const } };
  const failing: Snapshot = { ...HELD, kind: 'failing', failing: { ...FAILING, why: 'refused' } };
  const late = (position: string) => ({ command: 'publishMessage' as const, payload: `${JOB}/${position}` });
  const published = (story: Story, position = '0/0') => story.command(late(position).command, late(position).payload);

  test.each<[string, Story]>([
    ['a heartbeat leaves no mark', held().reply('heartbeat', '')],
    [
      'an error is noted',
      held()
        .reply('failure', 'f')
        .stored({ ...failing, ...applied(0) }),
    ],
    [
      'garbage is noted',
      held()
        .reply('garbage', 'g')
        .stored({ ...failing, ...applied(0) }),
    ],
    ['garbage is a dead letter', held().reply('garbage', 'g').deadLettered(0)],
    ['an error beside another answer is a duplicate', held().stored(failing).reply('failure', 'f')],
    [
      'an error to an attempt that ended with an answer is one too, though the next attempt is held since',
      held()
        .stored(ended('failed'))
        .stored({ ...HELD, attempt: 2, retries: 2 })
        .reply('failure', 'f'),
    ],
    [
      'a late error is dropped',
      held()
        .stored({ ...failing, ...drops })
        .reply('failure', 'f'),
    ],
    ['a late result is dropped', held().endedIn('cancelled').stored(ended('cancelled', drops)).reply()],
    ['a late result is a message', published(held().endedIn('cancelled').reply())],
  ])('a mark, or none is needed: %s', (_, story) => {
    expect(story.committed(1).broken()).toEqual([]);
  });

  test.each<[string, Story]>([
    [
      'an error to an attempt that timed out, when the next one is held',
      held()
        .stored(ended('timedOut'))
        .stored({ ...HELD, attempt: 2, retries: 2 })
        .reply('failure', 'f')
        .committed(1),
    ],
    [
      'an error that its job waits for',
      held()
        .stored({ ...HELD, ...drops })
        .reply('failure', 'f')
        .committed(1),
    ],
    [
      'a result of a job that was not cancelled',
      held()
        .stored({ ...failing, ...drops })
        .reply()
        .committed(1),
    ],
    [
      'garbage is not late',
      held()
        .stored({ ...failing, ...drops })
        .reply('garbage', 'g')
        .committed(1),
    ],
    ['an error is no message', published(held().reply('failure', 'f'))],
    ['a message of no reply', published(held(), '0/3')],
    [
      'applied, and a message',
      published(
        held()
          .reply()
          .stored({ ...HELD, kind: 'replied', reply: REPLY, ...applied(0) }),
      ),
    ],
  ])('but not: %s', (_, story) => {
    expect(story.broken()).toEqual(['I5']);
  });

  const completed = () => held().reply().command('complete', ANSWER).stored(ended('completed')).committed(1);
  test('each settled reply is acknowledged, and truly', () => {
    expect(completed().broken(true)).toEqual(['I5']);
    expect(completed().told('applied').broken(true)).toEqual([]);
    expect(completed().told('duplicate').broken(true)).toEqual([]);
    expect(completed().told('late').broken(true)).toEqual(['I5']);
    expect(completed().told('rejected').broken(true)).toEqual(['I5']);
    const lateOne = () => held().endedIn('cancelled').reply().deadLettered(0).committed(1);
    expect(lateOne().told('late').broken(true)).toEqual([]);
    expect(lateOne().told('late').told('duplicate').broken(true)).toEqual([]);
    expect(lateOne().told('applied').broken(true)).toEqual(['I5']);
    expect(held().reply('forged', 'f').deadLettered(0).committed(1).told('applied').broken(true)).toEqual(['I5']);
  });
});

test('I1: each illegal successor is named', () => {
  const failing: Snapshot = { ...HELD, kind: 'failing', failing: FAILING };
  const replied: Snapshot = { ...HELD, kind: 'replied', reply: REPLY };
  expect(
    held()
      .stored({ ...HELD, attempt: 2 })
      .broken(),
  ).toEqual(['I1']);
  expect(breach(HELD, { ...HELD, attempt: 2 })).toMatch('attempt 1 -> 2 after held');
  expect(breach(ended('completed'), { ...HELD, attempt: 2 })).toMatch('never opened again');
  expect(breach(ended('failed'), HELD)).toMatch('held again');
  expect(breach(ended('failed'), { ...HELD, attempt: 3 })).toMatch('attempt 1 -> 3');
  expect(breach(replied, HELD)).toMatch('replied  -> held');
  expect(breach(replied, { ...replied, reply: { ...REPLY, body: '{}' } })).toMatch('replaced');
  expect(breach({ ...HELD, applied: [[2, '9']] }, { ...failing, applied: [[2, '8']] })).toMatch(
    'reply 2/9 is forgotten',
  );
  expect(breach({ ...HELD, sentAttempt: 1 }, failing)).toMatch('sent attempt 1 -> 0');
  expect(breach(undefined, { ...HELD, kind: 'failing' })).toMatch('without a stored cause');
  expect(breach(failing, ended('failed'))).toBeUndefined();
});

test('repeats and second completions are counted with their times', () => {
  const story = held().request().reply().command('complete', ANSWER);
  expect(repeatedRequests(story.history, NAMES.requestTopic)).toEqual([
    { jobKey: JOB, attempt: 1, atMs: [3_000, 4_000] },
  ]);
  story.nowMs += 1;
  expect(completedTwice(story.command('complete', ANSWER).history)).toEqual([JOB]);
  const killed = held().reply().command('complete', ANSWER);
  killed.history.add({ kind: 'fault', node: 'n1', what: 'kill' });
  expect(completedTwice(killed.command('complete', ANSWER).history)).toEqual([]);
  expect(completedTwice(held().reply().command('complete', ANSWER).history)).toEqual([]);
});

test('an alarm needs a cause: only a bucket that was made anew is one', () => {
  const history = new History(() => 1);
  const alarm = () => history.add({ kind: 'alarm', node: 'n1', what: 'the bucket went back in time' });
  alarm();
  history.add({ kind: 'fault', node: '', what: 'bucket remade as bucket-2' });
  alarm();
  expect(check(history, NAMES)).toEqual([
    { invariant: 'alarm', atMs: 1, jobKey: '', message: 'n1 began anew without a cause: the bucket went back in time' },
  ]);
});
