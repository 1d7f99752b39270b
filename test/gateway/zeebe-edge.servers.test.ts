// The engine's edge on both engines that it must suit: the real 8.6 broker and the 8.8 test engine. One process model
// serves all: its job type is a variable, so that every test has jobs of its own.
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type LocalZeebe, startTestEngine } from '../../deploy/local/index.ts';
import type { JobKey } from '../../src/actors/ids.ts';
import type { EngineAnswer } from '../../src/actors/ports.ts';
import { Intake, type IntakeEvent } from '../../src/gateway/intake/intake.ts';
import { type ActivatedJob, EngineUnavailable, type JobQuery } from '../../src/gateway/ports.ts';
import { SystemClock, SystemRandom } from '../../src/gateway/system-clock.ts';
import { answerTo, MAX_VARIABLES_BYTES, ZeebeCallError } from '../../src/gateway/zeebe/answers.ts';
import { openZeebe, type ZeebeClient } from '../../src/gateway/zeebe/client.ts';
import { deployProcesses } from '../../src/gateway/zeebe/deploy.ts';
import { faultOfVariables } from '../../src/gateway/zeebe/variables.ts';
import { serviceTaskProcess } from '../support/bpmn.ts';

const CALL_MS = 20_000;
const PROCESS_ID = 'zeebe-edge';
/** More than a double holds exactly, both ends of what the engine takes, escapes, emptiness, order. */
const EXACT =
  '{"z":9007199254740993,"a":-9223372036854775808,"u":18446744073709551615,"d":0.1,"n":null,"t":"é\u{1f600}\\"\\\\\\n","e":{},"l":[[],true,1]}';

/** The same as the engine writes it: a character beyond U+FFFF comes back as the escapes of its two halves. */
const AS_WRITTEN = EXACT.replace('\u{1f600}', '\\uD83D\\uDE00');

const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
const REFUSED = 'refused';
const NEVER_HANDED_OUT = 'never handed out';
/** A value, and what becomes of it when it is sent all the same: only what comes back as it was is sent. */
const SENT: readonly [value: string, back: string, backOn88?: string][] = [
  ['18446744073709551615', '18446744073709551615'],
  ['18446744073709551616', REFUSED],
  ['-9223372036854775808', '-9223372036854775808'],
  ['-9223372036854775809', REFUSED],
  ['1e308', '1.0E308'],
  ['1.797693134862315807e308', '1.7976931348623157E308'],
  ['1.797693134862315808e308', '"Infinity"'],
  ['1.8e308', '"Infinity"'],
  ['-1e400', '"-Infinity"'],
  ['"\\ud83d\\ude00"', '"\\uD83D\\uDE00"'],
  ['"\\ud83d"', '"?"'],
  ['"\\ude00\\ud83d"', '"??"'],
  ['{"a\\ud83d":1}', '{"a?":1}', REFUSED],
  [nested(999), nested(999)],
  // And a few thousand levels end the gateway of 8.6; the shell of the 8.8 engine does not even answer to this.
  [nested(1000), NEVER_HANDED_OUT, ''],
];
const shorten = (text: string) => (text.length < 40 ? text : `${text.slice(0, 20)}…`);
/** The same number or text, as the engine writes it. */
const KEPT = ['1.0E308', '1.7976931348623157E308', '"\\uD83D\\uDE00"'];

let jobTypes = 0;
const newJobType = () => `zeebe-edge-${process.pid}-${++jobTypes}`;

async function eventually(what: string, condition: () => boolean | Promise<boolean>, withinMs = 15_000): Promise<void> {
  const until = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > until) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** What a call that must fail failed with. */
async function failure(call: Promise<unknown>): Promise<ZeebeCallError> {
  const outcome = await call.then(
    () => 'it succeeded',
    (error: unknown) => error,
  );
  if (outcome instanceof ZeebeCallError) return outcome;
  throw new Error(`expected a failed call: ${String(outcome)}`);
}

class Bench {
  readonly zeebe: ZeebeClient;

  constructor(zeebe: ZeebeClient) {
    this.zeebe = zeebe;
  }

  query(jobType: string, lockMs = 60_000, fetchVariables: readonly string[] = []): JobQuery {
    return { jobType, worker: 'test', lockMs, fetchVariables, tenantIds: ['<default>'] };
  }

  /** @returns the key of the process instance */
  async create(jobType: string, more = ''): Promise<string> {
    const variables = `{"jobType":"${jobType}"${more}}`;
    const made = await this.zeebe.call('CreateProcessInstance', { ...LATEST, variables }, CALL_MS);
    return made.processInstanceKey;
  }

  /** Polls until there is one. */
  async activate(query: JobQuery): Promise<ActivatedJob> {
    let job: ActivatedJob | undefined;
    await eventually(`a job of ${query.jobType}`, async () => {
      [job] = await this.zeebe.activate(query, 1, 1_000);
      return job !== undefined;
    });
    return job!;
  }

  async activated(lockMs = 60_000): Promise<ActivatedJob & { readonly key: JobKey }> {
    const jobType = newJobType();
    await this.create(jobType);
    const job = await this.activate(this.query(jobType, lockMs));
    return { ...job, key: job.key as JobKey };
  }
}

const LATEST = { bpmnProcessId: PROCESS_ID, version: -1 };

/** How a job is brought into each state, and what it then answers to the four commands. */
const STATES: readonly [state: string, codes: string, make: (bench: Bench) => Promise<JobKey>][] = [
  ['activated', 'ok ok ok ok', async (bench) => (await bench.activated()).key],
  [
    'its lock expired',
    'ok ok ok failedPrecondition',
    async (bench) => {
      const { key } = await bench.activated(1);
      // A probe that finds the lock standing sets it to one millisecond; the engine looks for expired ones every second.
      const expired = async () => (await bench.zeebe.updateTimeout(key, 1, CALL_MS)).code === 'failedPrecondition';
      await eventually('the lock expires', expired);
      return key;
    },
  ],
  [
    'activated again by another',
    'ok ok ok ok',
    async (bench) => {
      const job = await bench.activated(1);
      const again = await bench.activate({ ...bench.query(job.type), worker: 'other' });
      expect(again).toMatchObject({ key: job.key, worker: 'other', retries: job.retries });
      return job.key;
    },
  ],
  [
    'failed with a retry left',
    'ok ok ok failedPrecondition',
    async (bench) => {
      const { key } = await bench.activated();
      await bench.zeebe.fail(key, { retries: 1, backoffMs: 0, message: 'again' }, CALL_MS);
      return key;
    },
  ],
  [
    'failed, in backoff',
    'failedPrecondition failedPrecondition failedPrecondition failedPrecondition',
    async (bench) => {
      const { key } = await bench.activated();
      await bench.zeebe.fail(key, { retries: 1, backoffMs: 600_000, message: 'later' }, CALL_MS);
      return key;
    },
  ],
  [
    'failed without retries, an incident',
    'failedPrecondition failedPrecondition failedPrecondition failedPrecondition',
    async (bench) => {
      const { key } = await bench.activated();
      await bench.zeebe.fail(key, { retries: 0, backoffMs: 0, message: 'x'.repeat(50_000) }, CALL_MS);
      return key;
    },
  ],
  [
    'ended by an error that nobody catches',
    'failedPrecondition failedPrecondition failedPrecondition failedPrecondition',
    async (bench) => {
      const { key } = await bench.activated();
      await bench.zeebe.throwError(key, { code: 'NO_SUCH', message: 'm', variables: '{}' }, CALL_MS);
      return key;
    },
  ],
  [
    'completed',
    'notFound notFound notFound notFound',
    async (bench) => {
      const { key } = await bench.activated();
      await bench.zeebe.complete(key, '{}', CALL_MS);
      return key;
    },
  ],
  [
    'of a cancelled instance',
    'notFound notFound notFound notFound',
    async (bench) => {
      const { key, processInstanceKey } = await bench.activated();
      await bench.zeebe.call('CancelProcessInstance', { processInstanceKey }, CALL_MS);
      return key;
    },
  ],
];

describe.each(['8.6', '8.8'] as const)('engine %s', (version) => {
  let bench: Bench;
  let zeebe: ZeebeClient;
  let own: LocalZeebe | undefined;

  beforeAll(async () => {
    own = version === '8.8' ? await startTestEngine() : undefined;
    const settings = { ZEEBE_GRPC_ADDRESS: `grpc://${own?.grpcAddress ?? inject('zeebeAddress')}` };
    zeebe = await openZeebe(settings);
    bench = new Bench(zeebe);
    const bpmn = serviceTaskProcess({ processId: PROCESS_ID, jobType: '= jobType' });
    const deployed = await deployProcesses([{ name: 'zeebe-edge.bpmn', bpmn }], settings);
    expect(deployed).toMatchObject([{ bpmnProcessId: PROCESS_ID, version: 1 }]);
  });

  afterAll(async () => {
    zeebe?.close();
    await own?.stop();
  });

  test('topology tells the version and the partitions', async () => {
    const partitions = version === '8.6' ? 2 : 1;
    const topology = await zeebe.topology(CALL_MS);
    expect(topology).toMatchObject({ clusterSize: 1, partitions, partitionsWithLeader: partitions });
    expect(topology.gatewayVersion.startsWith(`${version}.`)).toBe(true);
  });

  test.each(STATES)('a job %s answers %s', async (_state, codes, make) => {
    const commands: ((key: JobKey) => Promise<EngineAnswer>)[] = [
      (key) => zeebe.complete(key, '{}', CALL_MS),
      (key) => zeebe.fail(key, { retries: 1, backoffMs: 0, message: 'm' }, CALL_MS),
      (key) => zeebe.throwError(key, { code: 'E', message: 'm', variables: '{}' }, CALL_MS),
      (key) => zeebe.updateTimeout(key, 60_000, CALL_MS),
    ];
    const answers = await Promise.all(commands.map(async (command) => command(await make(bench))));
    expect(answers.map((answer) => answer.code).join(' ')).toBe(codes);
    expect(answers.filter((answer) => answer.unseen)).toEqual([]);
  });

  test('variables come and go byte by byte, and only those that were asked for', async () => {
    const jobType = newJobType();
    const started = zeebe.call(
      'CreateProcessInstanceWithResult',
      {
        request: { ...LATEST, variables: `{"jobType":"${jobType}","body":${EXACT}}` },
        requestTimeout: String(CALL_MS),
        fetchVariables: ['result'],
      },
      CALL_MS,
    );
    const job = await bench.activate(bench.query(jobType, 60_000, ['body']));
    expect(job.variables).toBe(`{"body":${AS_WRITTEN}}`);
    expect(job).toMatchObject({ type: jobType, bpmnProcessId: PROCESS_ID, elementId: 'task', retries: 3 });
    expect(Math.abs(job.deadlineMs - Date.now() - 60_000)).toBeLessThan(10_000);
    expect(await zeebe.complete(job.key as JobKey, `{"result":${EXACT}}`, CALL_MS)).toMatchObject({ code: 'ok' });
    expect((await started).variables).toBe(`{"result":${AS_WRITTEN}}`);
  });

  const sent = SENT.map(([value, back, on88 = back]) => [value, version === '8.8' ? on88 : back] as const)
    .filter(([, expected]) => expected !== '')
    .map(([value, expected]) => [shorten(value), shorten(expected), value, expected] as const);
  test.each(sent)('%s comes back as %s, and is sent only if that is the same', async (_, __, value, expected) => {
    const jobType = newJobType();
    const variables = `{"result":${value}}`;
    const withinMs = expected === NEVER_HANDED_OUT ? 4_000 : CALL_MS;
    const request = { ...LATEST, variables: `{"jobType":"${jobType}"}` };
    const ended = zeebe
      .call(
        'CreateProcessInstanceWithResult',
        { request, requestTimeout: String(withinMs), fetchVariables: ['result'] },
        withinMs,
      )
      .then(
        (instance) => instance.variables,
        () => NEVER_HANDED_OUT,
      );
    const { key } = await bench.activate(bench.query(jobType));
    const refused = await zeebe.call('CompleteJob', { jobKey: key, variables }, CALL_MS).then(
      () => false,
      () => true,
    );
    if (refused) await zeebe.complete(key as JobKey, '{}', CALL_MS);
    const came = refused ? REFUSED : await ended;
    expect(came).toBe(expected === REFUSED || expected === NEVER_HANDED_OUT ? expected : `{"result":${expected}}`);
    expect(faultOfVariables(variables) === undefined).toBe(expected === value || KEPT.includes(expected));
  });

  test('what is too large is refused for good, here before it is sent, and the job stays as it was', async () => {
    const { key } = await bench.activated();
    const text = (chars: number) => `{"a":"${'x'.repeat(chars)}"}`;
    const tooLarge = await zeebe.complete(key, text(MAX_VARIABLES_BYTES), CALL_MS);
    expect(tooLarge).toMatchObject({ code: 'never', message: expect.stringContaining('2097152') });

    const unanswered = await failure(zeebe.call('CompleteJob', { jobKey: key, variables: text(2_200_000) }, CALL_MS));
    expect(answerTo('complete', unanswered).code).toBe('never');
    const oversized = await failure(zeebe.call('CompleteJob', { jobKey: key, variables: text(4_300_000) }, CALL_MS));
    expect(oversized.details).toContain('exceeds maximum size');
    expect(answerTo('complete', oversized).code).toBe('never');

    expect(await zeebe.complete(key, text(2_090_000), CALL_MS)).toMatchObject({ code: 'ok' });
  });

  test('a command that outlived its deadline is unseen, and may have been done', async () => {
    const jobType = newJobType();
    await Promise.all(Array.from({ length: 60 }, () => bench.create(jobType)));
    const jobs: ActivatedJob[] = [];
    await eventually('60 jobs', async () => {
      jobs.push(...(await zeebe.activate(bench.query(jobType), 60, -1)));
      return jobs.length === 60;
    });
    // One after another, with deadlines around the time that an answer takes: some strike while the command is on its way.
    const pairs: string[] = [];
    for (const [at, { key }] of jobs.entries()) {
      const first = await zeebe.complete(key as JobKey, '{}', 2 + at / 4);
      const again = await zeebe.complete(key as JobKey, '{}', CALL_MS);
      if (!first.message.endsWith('no time left')) {
        pairs.push(`${first.code}${first.unseen ? ' unseen' : ''}, ${again.code}`);
      }
    }
    expect(new Set(pairs)).toContain('transient unseen, notFound');
    const possible = ['ok, notFound', 'transient unseen, notFound', 'transient unseen, ok'];
    expect(pairs.filter((pair) => !possible.includes(pair))).toEqual([]);
  });

  test('an intake brings backlog and new jobs, and at its limit leaves them to others', async () => {
    const jobType = newJobType();
    await Promise.all(Array.from({ length: 30 }, () => bench.create(jobType)));
    const done = new Set<string>();
    const events: IntakeEvent[] = [];
    let room = 100;
    const intake = new Intake({
      engine: zeebe,
      clock: new SystemClock(),
      random: new SystemRandom(),
      query: () => bench.query(jobType),
      maxInHand: 100,
      admits: () => room,
      onEvent: (event) => events.push(event),
      take: async (job) => {
        const answer = await zeebe.complete(job.key as JobKey, '{}', CALL_MS);
        if (answer.code === 'ok') done.add(job.key);
        return 'done';
      },
    });
    const count = (kind: IntakeEvent['kind']) => events.filter((event) => event.kind === kind).length;
    intake.start();
    await eventually('the backlog is done', () => done.size === 30);
    await eventually('the stream is open', () => count('streamOpened') === 1);
    await Promise.all(Array.from({ length: 30 }, () => bench.create(jobType)));
    await eventually('new jobs are done', () => done.size === 60);

    room = 0;
    await eventually('it pauses', () => count('paused') === 1);
    await Promise.all(Array.from({ length: 5 }, () => bench.create(jobType)));
    const left = new Set<string>();
    await eventually('others can have the jobs', async () => {
      for (const job of await zeebe.activate(bench.query(jobType, 1_000), 10, -1)) left.add(job.key);
      return left.size === 5;
    });
    expect(done.size).toBe(60);

    room = 100;
    await eventually('jobs whose lock ran out come again', () => done.size === 65);
    expect(await intake.stop()).toBe(0);
    expect(count('pollFailed')).toBe(0);
  });

  test('a stream brings only what is made after it was opened; what it left is polled', async () => {
    const jobType = newJobType();
    const query = bench.query(jobType);
    const old = await bench.create(jobType);
    const pushed: ActivatedJob[] = [];
    const ends: string[] = [];
    const stream = zeebe.openStream(
      query,
      (job) => pushed.push(job),
      (reason) => ends.push(reason),
    );
    await eventually('a job is pushed', async () => {
      await bench.create(jobType, ',"body":{"n":9007199254740993}');
      return pushed.length > 0;
    });
    expect(pushed[0]!.variables).toContain('"body":{"n":9007199254740993}');
    expect(pushed.map((job) => job.processInstanceKey)).not.toContain(old);
    await stream.cancel();
    const polled: ActivatedJob[] = [];
    await eventually('the old job is polled', async () => {
      polled.push(...(await zeebe.activate(query, 10, -1)));
      return polled.some((job) => job.processInstanceKey === old);
    });
    expect(ends).toEqual(['cancelled']);
  });

  if (version === '8.6') {
    test('a name that the gateway cannot read is refused for good', async () => {
      const { key } = await bench.activated();
      const named = (bytes: number) => `{"${'n'.repeat(bytes)}":1}`;
      expect(await zeebe.complete(key, named(50_001), CALL_MS)).toMatchObject({ code: 'never', unseen: false });
      expect(await zeebe.complete(key, named(50_000), CALL_MS)).toMatchObject({ code: 'ok' });
    });

    test('backpressure is not for good, and a command it refused had no effect', async () => {
      const jobType = newJobType();
      const { key } = await bench.activated();
      const load = Promise.allSettled(Array.from({ length: 800 }, () => bench.create(jobType)));
      const answers = await Promise.all(Array.from({ length: 200 }, () => zeebe.updateTimeout(key, 60_000, CALL_MS)));
      await load;
      const refused = answers.filter((answer) => answer.code !== 'ok');
      expect(refused.length).toBeGreaterThan(0);
      expect(refused.filter((answer) => answer.code !== 'transient' || answer.unseen)).toEqual([]);
      expect(refused[0]!.message).toContain('request limit is exhausted');
      expect(await zeebe.complete(key, '{}', CALL_MS)).toMatchObject({ code: 'ok' });
    });

    test('a key whose partition the gateway does not know is not unseen', async () => {
      const answer = await zeebe.complete(String(9n << 51n) as JobKey, '{}', CALL_MS);
      expect(answer).toMatchObject({
        code: 'transient',
        unseen: false,
        message: expect.stringContaining('partition 9'),
      });
    });
  }

  if (version === '8.8') {
    test('an engine that dies ends stream and poll, and is found again by the same client', async () => {
      const query = bench.query(newJobType());
      const ends: string[] = [];
      zeebe.openStream(
        query,
        () => {},
        (reason) => ends.push(reason),
      );
      await zeebe.topology(CALL_MS);
      await own!.server.kill();
      await eventually('the stream ends', () => ends.length === 1);
      await expect(zeebe.activate(query, 1, 1_000)).rejects.toThrow(EngineUnavailable);
      // The connection of the commands may hear of it a moment later.
      await eventually('nothing is sent to nobody', async () => {
        const answer = await zeebe.complete('2251799813685249' as JobKey, '{}', 2_000);
        return answer.code === 'transient' && !answer.unseen;
      });
      await own!.server.restart();
      await eventually(
        'it answers',
        async () => (await zeebe.activate(query, 1, -1).catch(() => null)) !== null,
        3_000,
      );
      expect(ends).toHaveLength(1);
    });
  }
});
