// The commands that ask the API, against its real HTTP side over a double of what it serves: what they ask, what they show,
// and how they end.
import { stripVTControlCharacters } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { EXIT } from '../../../src/gateway/cli/exit.ts';
import type { DeadLetterPage, RedriveBody, RedriveView } from '../../../src/gateway/operations/model/dead-letters.ts';
import type { JobPage, JobQuery } from '../../../src/gateway/operations/model/jobs.ts';
import { OperationRefused, OperationUnavailable } from '../../../src/gateway/operations/operations.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeOperations, JOB_KEY } from '../http/fake-operations.ts';
import { holdfast, type RunningApi, serve } from './running.ts';

const REASON = 'ticket 4711';

let served: FakeOperations | undefined;
let api: RunningApi;

beforeAll(async () => {
  api = await serve(() => served);
});
afterAll(() => api[Symbol.asyncDispose]());
afterEach(() => vi.unstubAllEnvs());

/** Runs one command against an API with these operations behind it. */
function against(operations: FakeOperations, args: readonly string[], stdin = '') {
  served = operations;
  return holdfast(args, { env: api.env, stdin });
}

describe('what is asked', () => {
  const filter = { lane: 'charge', process: 'order', instance: '22', text: 'visa' };
  const words = ['--route', 'charge', '--process', 'order', '--instance', '22', '--text', 'visa'];
  test.each<[args: string[], asked: unknown[]]>([
    [['jobs'], ['jobs', { limit: 50 }]],
    [
      ['jobs', ...words, '--state', 'failing', '--older-than', 'PT5M', '--node', 'n2', '--shard', '0', '--limit', '7'],
      ['jobs', { ...filter, state: 'failing', olderThanMs: 300_000, node: 'n2', shard: 0, limit: 7 }],
    ],
    [
      ['outcomes', ...words, '--outcome', 'timedOut'],
      ['outcomes', { ...filter, outcome: 'timedOut', limit: 50 }],
    ],
    [
      ['audit', '--target', JOB_KEY, '--after', 'c'],
      ['audit', { target: JOB_KEY, after: 'c', limit: 50 }],
    ],
    [
      ['dlq', 'list', '--reason-code', 'late', '--since', '2026-01-31T08:00:00Z'],
      ['deadLetters', { reason: 'late', sinceMs: Date.parse('2026-01-31T08:00:00Z'), limit: 50 }],
    ],
    [
      ['dlq', 'view', '0/42'],
      ['deadLetter', 0, '42', true],
    ],
    [
      ['job', JOB_KEY],
      ['job', JOB_KEY, true],
    ],
  ])('%j', async (args, asked) => {
    const operations = new FakeOperations();
    expect((await against(operations, args)).err).toBe('');
    expect(operations.asked).toEqual([asked]);
  });

  const by = { name: 'local', role: 'admin' };
  test.each<[args: string[], asked: unknown]>([
    [['resend'], { act: 'resend' }],
    [['drop'], { act: 'drop' }],
    [['extend', '--for', '2h'], { act: 'extend', replyTimeoutMs: 7_200_000 }],
    [['fail', '--message', 'no'], { act: 'fail', message: 'no', retries: undefined, backoffMs: undefined }],
    [
      ['fail', '--message', 'no', '--retries', '0', '--backoff', 'PT30S'],
      { act: 'fail', message: 'no', retries: 0, backoffMs: 30_000 },
    ],
    [
      ['throw', '--code', 'declined', '--message', 'm', '--body', '{"a":1}'],
      { act: 'throw', errorCode: 'declined', message: 'm', variables: '{"a":1}' },
    ],
  ])('act %j', async (args, act) => {
    const operations = new FakeOperations();
    const ran = await against(operations, ['job', JOB_KEY, ...args, '--reason', REASON]);
    expect(ran).toEqual({ code: 0, out: 'done: as the test wants it (audit a1)\n', err: '' });
    expect(operations.asked).toEqual([['act', JOB_KEY, act, by, REASON]]);
  });

  test('a body goes out as it was written, also from standard input: no number changes', async () => {
    const body = '{"big": 12345678901234567890123, "exact": 1.10, "ü": null}';
    for (const [source, stdin] of [
      [body, ''],
      ['-', `\n${body}\n`],
    ] as const) {
      const operations = new FakeOperations();
      await against(operations, ['job', JOB_KEY, 'complete', '--body', source, '--reason', REASON], stdin);
      expect(operations.asked).toEqual([['act', JOB_KEY, { act: 'complete', variables: body }, by, REASON]]);
    }
  });

  test('drain and resume name the node', async () => {
    const operations = new FakeOperations();
    await against(operations, ['drain', 'n2', '--reason', REASON]);
    await against(operations, ['resume', 'n2', '--reason', REASON]);
    expect(operations.asked).toEqual([
      ['drain', 'n2', by, REASON],
      ['resume', 'n2', by, REASON],
    ]);
  });
});

describe('wrong usage asks nobody', () => {
  test.each<[args: string[], message: RegExp]>([
    [['job', JOB_KEY, 'resend'], /job KEY resend needs --reason/],
    [['job', JOB_KEY, 'resend', '--reason', 'no'], /--reason is "no"; allowed is 3 to 500 characters/],
    [['job', JOB_KEY, 'resend', '--reason', REASON, '--for', '2h'], /resend takes no --for; allowed are --reason$/m],
    [['job', JOB_KEY, 'complete', '--reason', REASON], /complete needs --body/],
    [['job', JOB_KEY, 'complete', '--reason', REASON, '--body', '{"a":}'], /--body is not JSON/],
    [['job', JOB_KEY, 'complete', '--reason', REASON, '--body', '/nowhere.json'], /cannot be read \(ENOENT\)/],
    [['job', JOB_KEY, 'resned', '--reason', REASON], /ACT is "resned"; allowed is one of resend, extend/],
    [['job', JOB_KEY, '--reason', REASON], /no --reason without an act/],
    [['job', 'charge'], /KEY is "charge"; allowed is a key of the engine/],
    [['jobs', '--state', 'hold'], /--state is "hold"; allowed is one of held, replied, failing, parked/],
    [['jobs', '--all', '--limit', '5'], /--all and --limit do not go together/],
    [['jobs', '--limit', '0'], /--limit is "0"/],
    [['drain', 'n2'], /--reason is missing/],
    [['drain', '../jobs', '--reason', REASON], /NODE is "..\/jobs"/],
    [['dlq', 'lst'], /there is no command "dlq lst"; allowed are dlq list, dlq view/],
    [['dlq', 'list', '--until', 'noon'], /--until is "noon"/],
    [['dlq', 'redrive', '--yes'], /--reason is missing/],
    [['whoami', '--timeout', '1h'], /--timeout is "1h"; allowed is a duration from 0.1 s to 600 s/],
  ])('%j', async (args, message) => {
    const operations = new FakeOperations();
    const { code, out, err } = await against(operations, args);
    expect(err).toMatch(message);
    expect({ code, out, asked: operations.asked }).toEqual({ code: EXIT.usage, out: '', asked: [] });
  });

  test.each<[env: Record<string, string>, message: RegExp]>([
    [{ HOLDFAST_API_URL: 'node-1:8091' }, /HOLDFAST_API_URL is wrong; allowed are/],
    [{ HOLDFAST_API_URL: 'http://ann:geheim@node-1:8091' }, /HOLDFAST_API_URL holds a user or password/],
    [{ HOLDFAST_API_TOKEN: 'a b geheim' }, /HOLDFAST_API_TOKEN holds no token/],
    [{ HOLDFAST_API_TOKEN: 'geheim', HOLDFAST_API_TOKEN_FILE: 'x' }, /both .* are set/],
    [{ HOLDFAST_API_TOKEN_FILE: '/nowhere' }, /HOLDFAST_API_TOKEN_FILE: \/nowhere cannot be read \(ENOENT\)/],
    [{ HOLDFAST_API_CA_FILE: import.meta.filename }, /holds no certificate in PEM form/],
  ])('%j, and no secret is shown', async (env, message) => {
    const { code, err } = await holdfast(['whoami'], { env });
    expect(err).toMatch(message);
    expect(err).not.toContain('geheim');
    expect(code).toBe(EXIT.usage);
  });
});

describe('what is shown', () => {
  test('--json is what the API says, to the byte, and nothing else', async () => {
    served = new FakeOperations();
    for (const [args, path] of [
      [['jobs'], 'jobs'],
      [['job', JOB_KEY], `jobs/${JOB_KEY}`],
      [['shards'], 'cluster'],
      [['routes'], 'routes'],
      [['outcomes'], 'outcomes'],
      [['audit'], 'audit'],
      [['dlq', 'list'], 'dead-letters'],
      [['dlq'], 'dead-letters'],
      [['dlq', 'view', '0/42'], 'dead-letters/0/42'],
      [['whoami'], 'whoami'],
    ] as const) {
      const said = await (await fetch(`${api.url}/api/v1/${path}`)).text();
      expect(await holdfast([...args, '--json'], api)).toEqual({ code: 0, out: `${said}\n`, err: '' });
    }
    const [cluster, routes] = await Promise.all(
      ['cluster', 'routes'].map(async (path) => (await fetch(`${api.url}/api/v1/${path}`)).text()),
    );
    expect((await holdfast(['status', '--json'], api)).out).toBe(`{"cluster":${cluster},"routes":${routes}}\n`);
  });

  test('the status names who does not answer, and what moved', async () => {
    const { out } = await against(new FakeOperations(), ['status']);
    expect(out).toMatch(/^cluster orders: 1 node, 1 shard, 1 pending; answered by n1 at 20/);
    expect(out).toMatch(
      /^NODE +STATE +VERSION +UP +LEASE +SHARDS +PENDING +SKEW +WAITING FOR\nn1 +ready +0\.1\.0 .* 12s +64 +1 +-3ms +-$/m,
    );
    expect(out).toContain('\nno answer from n3: their figures are not here\n');
    expect(out).toContain('\nshard 7 → n1, first, 1 job in 80ms, 0ms ago\n');
    expect(out).toMatch(/^charge-card +route +1 +0ms /m);
  });

  test('what moved together is one line of the status', async () => {
    const operations = new FakeOperations();
    const { movements, atMs, ...view } = await operations.cluster();
    const [first] = movements;
    const moved = (shard: number, to: string) => ({
      ...first!,
      atMs,
      shard,
      from: 'n3',
      to,
      kind: 'takeover' as const,
    });
    const all = { ...view, atMs, movements: [moved(1, 'n1'), moved(2, 'n2'), moved(3, 'n1')] };
    operations.cluster = () => Promise.resolve(all);
    const { out } = await against(operations, ['status']);
    expect(out).toContain('\n3 shards n3 → n1 (2), n2 (1), takeover, 3 jobs in 80ms at most, 0ms ago\n\n');
  });

  test('a job with everything that is known, and its timeline', async () => {
    const { out } = await against(new FakeOperations(), ['job', JOB_KEY]);
    for (const line of [
      /^state {13}held$/m,
      /^element {11}charge \(2251799813685201\)$/m,
      /^request body {6}the-card-number-4711$/m,
      /^replyTimeout +3600000$/m,
      /^AT +AGE +NODE +REVISION +WHAT\n2026-09-21T\S+ +\S+ +n1 +7 +held$/m,
    ])
      expect(out).toMatch(line);
  });

  test('a job of a node of the version before, which says no revision of a step', async () => {
    const operations = new FakeOperations();
    const whole = operations.job.bind(operations);
    operations.job = async (...asked) => {
      const view = await whole(...asked);
      return view && { ...view, timeline: view.timeline.map(({ revision, ...step }) => step) };
    };
    const { out } = await against(operations, ['job', JOB_KEY]);
    expect(out).toMatch(/^AT +AGE +NODE +REVISION +WHAT\n2026-09-21T\S+ +\S+ +n1 +- +held$/m);
  });

  test('lines fit a terminal and are coloured there, unless NO_COLOR is set; elsewhere they are whole and plain', async () => {
    const operations = new FakeOperations();
    const plain = (await against(operations, ['jobs'])).out;
    expect(plain).toContain('n1    charge-card  order    charge');
    expect(stripVTControlCharacters(plain)).toBe(plain);
    // What Node asks before it takes a terminal for a coloured one; a CI service sets some of them.
    for (const name of ['FORCE_COLOR', 'NO_COLOR', 'NODE_DISABLE_COLORS', 'CI', 'TEAMCITY_VERSION'])
      vi.stubEnv(name, undefined);
    vi.stubEnv('TERM', 'xterm-256color');
    const coloured = (await holdfast(['jobs'], { env: api.env, columns: 90 })).out;
    const lines = stripVTControlCharacters(coloured).split('\n');
    expect(lines.join('\n')).not.toBe(coloured);
    expect(lines[0]).toMatch(/^JOB +STATE +SENT +AGE +DUE IN +NODE +ROUTE +ELEMENT +ERROR$/);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(90);
    vi.stubEnv('NO_COLOR', '1');
    expect((await holdfast(['jobs'], { env: api.env, columns: 90 })).out).toBe(lines.join('\n'));
  });
});

test('on a terminal watching redraws in place and leaves the screen as it was, whatever ends it', async () => {
  const operations = new FakeOperations();
  served = operations;
  const before = process.listeners('SIGINT');
  const ran = holdfast(['routes', '--watch', '1'], { env: api.env, columns: 120 });
  await eventually('two drawings', () => operations.asked.length >= 2);
  const [interrupt] = process.listeners('SIGINT').filter((listener) => !before.includes(listener));
  interrupt?.('SIGINT');
  const { code, out, err } = await ran;
  expect({ code, err }).toEqual({ code: EXIT.fine, err: '' });
  expect(out.startsWith('\u001b[?1049h\u001b[?25l\u001b[H')).toBe(true);
  expect(out.endsWith('\u001b[?25h\u001b[?1049l')).toBe(true);
  expect(process.listeners('SIGINT')).toEqual(before);
});

test('watching outlives a node that has no answer for once, and says so', async () => {
  const operations = new FakeOperations();
  served = operations;
  const before = process.listeners('SIGTERM');
  const ran = holdfast(['routes', '--watch', '1'], api);
  await eventually('a drawing', () => operations.asked.length === 1);
  operations.error = new OperationUnavailable('JetStream is away');
  await eventually('a question in vain', () => operations.asked.length === 2);
  operations.error = undefined;
  await eventually('a further drawing', () => operations.asked.length === 4); // so the third is drawn
  const [end] = process.listeners('SIGTERM').filter((listener) => !before.includes(listener));
  end?.('SIGTERM');
  const { code, out } = await ran;
  expect(code).toBe(EXIT.fine);
  const drawings = out.split('\n\n').map((block) => block.split('\n')[0]?.replace(/^\S+ holdfast/, 'holdfast'));
  expect(drawings.slice(0, 3)).toEqual([
    expect.stringMatching(/^ROUTE/),
    'holdfast: no node has an answer',
    expect.stringMatching(/^ROUTE/),
  ]);
});

/** 450 jobs in pages of what is asked for; one node is missing on the second page. */
class ManyJobs extends FakeOperations {
  readonly queries: JobQuery[] = [];
  missingOn = -1;

  override async jobs(query: JobQuery): Promise<JobPage> {
    this.queries.push(query);
    const [one] = (await super.jobs(query)).jobs;
    const first = Number(query.after ?? 0);
    const size = Math.min(query.limit ?? 50, 450 - first);
    const jobs = Array.from({ length: size }, (_, i) => ({ ...one!, jobKey: String(first + i + 1) }));
    const next = first + size < 450 ? String(first + size) : null;
    return { missing: first === this.missingOn ? ['n3'] : [], jobs, next };
  }
}

describe('pages', () => {
  test('one page says how to go on', async () => {
    const { out } = await against(new ManyJobs(), ['jobs', '--limit', '2']);
    expect(out.split('\n').slice(1)).toEqual([
      expect.stringMatching(/^1 +held/),
      expect.stringMatching(/^2 +held/),
      'there are more: --all, or --after 2',
      '',
    ]);
  });

  test('--all follows them to the end, with one header; --json has one row a line', async () => {
    const operations = new ManyJobs();
    const table = await against(operations, ['jobs', '--all', '--state', 'held']);
    expect(table.out.trim().split('\n')).toHaveLength(451);
    expect(operations.queries.map(({ after, state }) => [after, state])).toEqual([
      [undefined, 'held'],
      ['200', 'held'],
      ['400', 'held'],
    ]);
    const { out, code } = await against(new ManyJobs(), ['jobs', '--all', '--json']);
    const keys = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).jobKey);
    expect(keys).toEqual(Array.from({ length: 450 }, (_, i) => String(i + 1)));
    expect(code).toBe(EXIT.fine);
  });

  test('all that could be read, where a node did not answer, is not a success', async () => {
    const operations = new ManyJobs();
    operations.missingOn = 200;
    const { out, err, code } = await against(operations, ['jobs', '--all', '--json']);
    expect(out.trim().split('\n')).toHaveLength(450);
    expect(err).toBe('holdfast: no answer from n3: their jobs are not here\n');
    expect(code).toBe(EXIT.failed);
  });

  test('a cursor that leads nowhere ends it', async () => {
    class Circle extends FakeOperations {
      override async deadLetters(): Promise<DeadLetterPage> {
        return { letters: [], next: 'same' };
      }
    }
    const { code, err } = await against(new Circle(), ['dlq', 'list', '--all']);
    expect(err).toContain('the same page as the next one again and again');
    expect(code).toBe(EXIT.failed);
  });
});

describe('how it ends', () => {
  test.each([
    ['absent', 'JOB_ABSENT'],
    ['wrongState', 'JOB_WRONG_STATE'],
    ['gone', 'JOB_GONE'],
    ['refused', 'ACT_REFUSED'],
  ] as const)('an act that is %s went wrong, in words and for scripts', async (result, problem) => {
    const operations = new FakeOperations();
    operations.result = result;
    const args = ['job', JOB_KEY, 'resend', '--reason', REASON];
    const people = await against(operations, args);
    expect(people).toEqual({
      code: EXIT.failed,
      out: '',
      err: expect.stringContaining(`as the test wants it (${problem})`),
    });
    const scripts = await against(operations, [...args, '--json']);
    expect(scripts.code).toBe(EXIT.failed);
    expect(JSON.parse(scripts.out)).toMatchObject({ code: problem, auditId: 'a1', result });
  });

  test('what is done by itself later is fine', async () => {
    const operations = new FakeOperations();
    operations.result = 'later';
    expect(await against(operations, ['job', JOB_KEY, 'drop', '--reason', REASON])).toMatchObject({ code: EXIT.fine });
  });

  test('a job that nobody knows', async () => {
    const { code, err } = await against(new FakeOperations(), ['job', '1']);
    expect(err).toMatch(/^holdfast: Not Found: nothing is known of job 1.* \(JOB_ABSENT\)\n$/);
    expect(code).toBe(EXIT.failed);
  });

  test('a refusal of the cluster, and a node that cannot answer now', async () => {
    const operations = new FakeOperations();
    operations.error = new OperationRefused('BAD_CURSOR', 'the cursor is not one of ours');
    expect(await against(operations, ['jobs', '--after', 'x'])).toMatchObject({
      code: EXIT.failed,
      err: expect.stringContaining('the cursor is not one of ours (BAD_CURSOR)'),
    });
    operations.error = new OperationUnavailable('JetStream is away');
    const { code, err } = await against(operations, ['jobs']);
    expect(err).toContain('JetStream is away (OPERATION_UNAVAILABLE)');
    expect(code).toBe(EXIT.unreachable);
  });
});

describe('redriving', () => {
  /** Three more at every look. */
  class Run extends FakeOperations {
    looks = 0;
    readonly bodies: RedriveBody[] = [];
    #view: RedriveView | undefined;

    get running(): RedriveView | undefined {
      return this.#view;
    }

    override async redrive(body: RedriveBody): Promise<RedriveView> {
      this.bodies.push(body);
      const view = await super.redrive(body, { name: 'x', role: 'admin' });
      this.#view = { ...view, state: body.dryRun === false ? 'running' : 'preview', matched: 6, skipped: 0 };
      return this.#view;
    }

    override async redriveState(): Promise<RedriveView | undefined> {
      this.looks += 1;
      const driven = 3 * this.looks;
      return this.#view && { ...this.#view, driven, state: driven >= 6 ? 'done' : 'running' };
    }
  }

  test('is a preview unless --yes', async () => {
    const operations = new Run();
    const { code, out } = await against(operations, ['dlq', 'redrive', '--at', '0/42,0/43', '--at', '1/7']);
    expect(out).toContain('preview: 6 dead letters found, of which 1 are shown; 0 of them would be skipped');
    expect(out).toContain('Nothing was done.');
    expect(code).toBe(EXIT.fine);
    const positions = [
      { partition: 0, offset: '42' },
      { partition: 0, offset: '43' },
      { partition: 1, offset: '7' },
    ];
    expect(operations.bodies).toMatchObject([{ dryRun: true, filter: { positions } }]);
  });

  test('with --yes it is followed to its end: progress beside, the end on standard output', async () => {
    const operations = new Run();
    const args = ['dlq', 'redrive', '--reason-code', 'late', '--rate', '5', '--max', '6', '--yes', '--reason', REASON];
    const { code, out, err } = await against(operations, [...args, '--json']);
    expect(JSON.parse(out)).toMatchObject({ id: 'r1', state: 'done', driven: 6 });
    expect(err.split('\n')).toEqual([
      'run r1 running: 0 of 6 driven, 0 skipped; one of one',
      'run r1 running: 3 of 6 driven, 0 skipped; one of one',
      '',
    ]);
    expect(code).toBe(EXIT.fine);
    expect(operations.bodies).toEqual([
      { reason: REASON, filter: { reason: 'late' }, dryRun: false, perSecond: 5, max: 6 },
    ]);
  });

  test('Ctrl-C ends the following, not the run, and says how to stop that', async () => {
    class Long extends Run {
      override async redriveState(): Promise<RedriveView | undefined> {
        this.looks += 1;
        return this.running;
      }
    }
    const operations = new Long();
    const before = process.listeners('SIGINT');
    const ran = against(operations, ['dlq', 'redrive', '--yes', '--reason', REASON]);
    await eventually('a look', () => operations.looks > 0);
    const [interrupt] = process.listeners('SIGINT').filter((listener) => !before.includes(listener));
    interrupt?.('SIGINT');
    const { code, out, err } = await ran;
    expect({ code, out }).toEqual({ code: EXIT.interrupted, out: '' });
    expect(err).toMatch(/the run goes on\. To stop it: holdfast dlq stop r1 --reason WHY\n$/);
    expect(operations.asked.map(([method]) => method)).toEqual(['redrive']);
  });

  test('a run is stopped by the id that it has, and for a reason', async () => {
    const operations = new FakeOperations();
    const id = 'n1.5c0f6a7be1d29384';
    const bare = await against(operations, ['dlq', 'stop', id]);
    expect({ code: bare.code, asked: operations.asked }).toEqual({ code: EXIT.usage, asked: [] });
    const unknown = await against(operations, ['dlq', 'stop', id, '--reason', REASON]);
    expect(unknown.err).toContain(`there is no redrive ${id}`);
    expect(operations.asked).toMatchObject([['stopRedrive', id, {}, REASON]]);
    const { code, out } = await against(operations, ['dlq', 'stop', 'r1', '--reason', REASON]);
    expect({ code, out: out.split(':')[0] }).toEqual({ code: EXIT.fine, out: 'run r1 stopped' });
  });

  test('a run that was stopped did not succeed', async () => {
    class Stopped extends Run {
      override async redriveState(): Promise<RedriveView | undefined> {
        return this.stopRedrive('r1', { name: 'x', role: 'admin' }, REASON);
      }
    }
    const { code, out } = await against(new Stopped(), ['dlq', 'redrive', '--yes', '--reason', REASON]);
    expect(out).toMatch(/^run r1 stopped: /);
    expect(code).toBe(EXIT.failed);
  });
});
