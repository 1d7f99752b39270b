// What the command line makes of a scenario: --rate and --seconds each for itself and together, on every scenario that comes
// along; and what a run is told to be wrong before it has started anything.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { arrivalsBy, plannedOf, secondsOf } from '../../bench/load/arrivals.ts';
import { checkSubject } from '../../bench/load/checks.ts';
import { phaseBegins } from '../../bench/load/course.ts';
import { parseOptions } from '../../bench/load/options.ts';
import { ScenarioError } from '../../bench/load/scenario.ts';

const dir = mkdtempSync(join(tmpdir(), 'holdfast-load-course-'));
afterAll(() => rmSync(dir, { recursive: true }));

const scenarioOf = (...args: string[]) => parseOptions(args).scenario;

describe('--rate alone', () => {
  test('is the rate of a steady load, which takes as long as before', () => {
    expect(scenarioOf('steady', '--rate', '200').phases).toEqual([
      { seconds: 60, fromPerSecond: 200, toPerSecond: 200 },
    ]);
  });

  test('is the highest of several rates, and the others keep their proportion: a spike stays one', () => {
    expect(scenarioOf('spike', '--rate', '120').phases).toEqual([
      { seconds: 20, fromPerSecond: 20, toPerSecond: 20 },
      { seconds: 10, fromPerSecond: 120, toPerSecond: 120 },
      { seconds: 30, fromPerSecond: 20, toPerSecond: 20 },
    ]);
    expect(scenarioOf('slow-service', '--rate', '100').phases[0]).toEqual({
      ...{ seconds: 10, fromPerSecond: 20, toPerSecond: 100 },
    });
  });

  test('leaves faults where they are', () => {
    expect(scenarioOf('node-kill', '--rate', '7').faults).toEqual(scenarioOf('node-kill').faults);
  });
});

describe('--seconds alone', () => {
  test('is the length of the whole, at the rates as they were', () => {
    expect(scenarioOf('spike', '--seconds', '30').phases).toEqual([
      { seconds: 10, fromPerSecond: 40, toPerSecond: 40 },
      { seconds: 5, fromPerSecond: 240, toPerSecond: 240 },
      { seconds: 15, fromPerSecond: 40, toPerSecond: 40 },
    ]);
  });

  test('is no shorter than what leaves a second to each phase, which is what a refusal says', () => {
    expect(scenarioOf('spike', '--seconds', '6').phases.map(({ seconds }) => seconds)).toEqual([2, 1, 3]);
    const uneven = join(dir, 'uneven.yaml');
    writeFileSync(uneven, 'phases: [{ seconds: 3, perSecond: 1 }, { seconds: 7, perSecond: 1 }]');
    expect(() => scenarioOf(uneven, '--seconds', '3.333')).toThrow('allowed: from 3.334, ');
    expect(scenarioOf(uneven, '--seconds', '3.334').phases.every(({ seconds }) => seconds >= 1)).toBe(true);
  });

  test('moves faults to where they were in it, and they last as long as before', () => {
    expect(scenarioOf('engine-outage', '--seconds', '30').faults).toEqual([
      { atS: 10, what: 'engineOutage', node: 1, forS: 20 },
    ]);
    expect(scenarioOf('node-kill', '--seconds', '240').faults).toEqual([
      { atS: 60, what: 'killNode', node: 2, forS: 20 },
    ]);
  });
});

describe.each(['backlog-drain', 'engine-outage', 'million-pending', 'node-kill', 'slow-service', 'spike', 'steady'])(
  'of %s',
  (name) => {
    test('both together are both, and the arrivals have the same shape', () => {
      const [asWritten, changed] = [scenarioOf(name), scenarioOf(name, '--rate', '20', '--seconds', '21')];
      expect(secondsOf(changed.phases)).toBeCloseTo(21, 4);
      const rates = changed.phases.flatMap(({ fromPerSecond, toPerSecond }) => [fromPerSecond, toPerSecond]);
      expect(Math.max(...rates)).toBeCloseTo(20, 4);
      const share = ({ phases }: typeof changed, part: number) =>
        arrivalsBy(phases, part * secondsOf(phases)) / plannedOf(phases);
      for (const part of [0.1, 0.4, 0.8]) expect(share(changed, part)).toBeCloseTo(share(asWritten, part), 4);
    });
  },
);

describe('--delay', () => {
  test.each([
    ['constant:50ms', { kind: 'constant', ms: 50 }],
    ['constant:0ms', { kind: 'constant', ms: 0 }],
    ['exponential:1.5s', { kind: 'exponential', meanMs: 1_500 }],
    ['heavyTail:100ms:1.2:2m', { kind: 'heavyTail', leastMs: 100, alpha: 1.2, mostMs: 120_000 }],
    ['never', { kind: 'never', share: 1, otherwise: { kind: 'constant', ms: 0 } }],
    ['never:0.01:exponential:50ms', { kind: 'never', share: 0.01, otherwise: { kind: 'exponential', meanMs: 50 } }],
  ])('%s takes the place of what the scenario has', (text, delay) => {
    expect(scenarioOf('slow-service', '--delay', text).delay).toEqual(delay);
  });

  test.each([
    ...['', 'constant', 'constant:50', 'constant:-1ms', 'constant:50ms:2', 'constant:1h', 'exponential:fast'],
    ...['heavyTail:100ms', 'heavyTail:100ms:0.01:1s', 'heavyTail:1s:1.2:100ms', 'pareto:50ms'],
    ...['never:2:constant:1ms', 'never:0.5', 'never:0.5:sometimes'],
  ])('%j is refused with what is allowed', (text) => {
    const parsing = () => parseOptions(['steady', '--delay', text]);
    expect(parsing).toThrow(ScenarioError);
    expect(parsing).toThrow(`--delay: found "${text}"; allowed: constant:TIME, exponential:MEAN, heavyTail:`);
  });
});

test('--payload, --answer, --backlog and --patience are the settings that they name', () => {
  const sizes = ['--payload', '512', '--answer', '45000'];
  expect(scenarioOf('steady', ...sizes, '--backlog', '7', '--patience', '1.5')).toMatchObject({
    ...{ payloadBytes: 512, answerBytes: 45_000, backlog: 7, patienceS: 1.5 },
  });
});

describe('a command line is refused', () => {
  test.each([
    [['steady', '--rate', 'fast'], '--rate: found "fast"; allowed: a number above 0'],
    [['steady', '--seconds', '0'], '--seconds: found "0"; allowed: a number above 0'],
    [['steady', '--rate', '-1'], /--rate/],
    // What a file may not say either: phases of no length at all.
    [['spike', '--seconds', '0.000001'], /^spike: --seconds: found 0.000001; allowed: from 6, /],
    [['slow-service', '--seconds', '6.9'], /^slow-service: --seconds: found 6.9; allowed: from 7, /],
    [['steady', '--seconds', '0.9'], /allowed: from 1, /],
    [['steady', '--nodes', '0'], 'steady: nodes: found 0; allowed: a whole number from 1 to 20'],
    [['steady', '--payload', '0.5k'], 'steady: payloadBytes: found "0.5k"; allowed: a whole number from 0'],
    [['steady', '--answer', '-1'], /--answer/],
    [['steady', '--patience', 'long'], 'steady: patienceS: found "long"; allowed: a number from 0'],
    [['steady', '--processes', '1.5'], 'steady: processes: found 1.5; allowed: a whole number from 1 to 64'],
    [['node-kill', '--nodes', '1'], 'node-kill: faults: killNode of node 2; there are 1'],
    [['steadily'], /^steadily: ENOENT.*\nnpm run load -- SCENARIO/],
    [[], /^one scenario is needed\nnpm run load/],
    [['steady', '--speed', '3'], /^Unknown option '--speed'\nnpm run load/],
  ])('%j', (args, message) => {
    expect(() => parseOptions(args)).toThrow(ScenarioError);
    expect(() => parseOptions(args)).toThrow(message);
  });
});

test('phases are told where they begin, when there are several', () => {
  expect(phaseBegins(scenarioOf('slow-service').phases)).toEqual([
    { atS: 0, what: 'phase: from 10 to 50 calls/s' },
    { atS: 10, what: 'phase: 50 calls/s' },
  ]);
  expect(phaseBegins(scenarioOf('steady').phases)).toEqual([]);
});

describe('before anything is started', () => {
  const THEIRS = {
    HOLDFAST_METRICS_URLS: 'http://n1:8090,http://n2:8090/metrics',
    HOLDFAST_JOB_TYPE: 'load-test',
    HOLDFAST_REQUEST_TOPIC: 'load-test.requests',
    ZEEBE_GRPC_ADDRESS: 'grpc://zeebe:26500',
    KAFKA_BOOTSTRAP_SERVERS: 'kafka:9092',
  };

  test('a cluster that is there needs its servers named too', () => {
    expect(() => checkSubject(scenarioOf('steady'), THEIRS)).not.toThrow();
    const { HOLDFAST_JOB_TYPE, KAFKA_BOOTSTRAP_SERVERS, ...less } = THEIRS;
    expect(() => checkSubject(scenarioOf('steady'), less)).toThrow(
      'of these are needed too: HOLDFAST_JOB_TYPE, KAFKA_BOOTSTRAP_SERVERS',
    );
    expect(() => checkSubject(scenarioOf('steady'), { ...THEIRS, HOLDFAST_METRICS_URLS: 'n1:8090' })).toThrow(
      'HOLDFAST_METRICS_URLS: found "n1:8090"',
    );
  });

  test.each([
    ['node-kill', THEIRS, 'killNode at 15 s would hurt what HOLDFAST_METRICS_URLS names'],
    ['rolling-restart', THEIRS, 'rollingRestart at 10 s would hurt what HOLDFAST_METRICS_URLS names'],
    [
      'engine-outage',
      { ZEEBE_GRPC_ADDRESS: 'grpc://z:26500' },
      'engineOutage at 20 s would hurt what ZEEBE_GRPC_ADDRESS',
    ],
  ])('%s is refused where it would hurt what is not its own', (name, env, message) => {
    expect(() => checkSubject(scenarioOf(name), env)).toThrow(message);
    expect(() => checkSubject(scenarioOf(name), {})).not.toThrow();
  });
});

test('the Job of deploy/load says what a run takes, and may run against a cluster that is there', () => {
  const text = readFileSync(new URL('../../deploy/load/job.yaml', import.meta.url), 'utf8');
  const { containers } = (parse(text) as Job).spec.template.spec;
  const { args, env } = containers[0]!;
  const { scenario, json } = parseOptions(args);
  expect(json).toBe('-');
  expect(() => checkSubject(scenario, Object.fromEntries(env.map(({ name, value }) => [name, value])))).not.toThrow();
});

interface Job {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly containers: readonly {
          readonly args: readonly string[];
          readonly env: readonly { readonly name: string; readonly value: string }[];
        }[];
      };
    };
  };
}
