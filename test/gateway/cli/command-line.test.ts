// What the command line takes and what it refuses, and that help, page and model say the same.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CommandSpec, parseCommand, UsageFault } from '../../../src/gateway/cli/command-line.ts';
import { COMMANDS } from '../../../src/gateway/cli/command-table.ts';
import { duration, engineKey, integer, moment, position } from '../../../src/gateway/cli/values.ts';
import { JOB_ACTS } from '../../../src/gateway/operations/model/acts.ts';
import { JOB_STATES, OUTCOMES } from '../../../src/gateway/operations/model/jobs.ts';
import { anyText } from './any-text.ts';
import { holdfast } from './running.ts';

const SPEC: CommandSpec = {
  name: 'sample',
  takes: 'KEY [ACT]',
  count: [1, 2],
  summary: 'for this test',
  options: {
    json: { kind: 'flag', help: '' },
    reason: { kind: 'value', value: 'TEXT', help: '' },
    at: { kind: 'list', value: 'P/O', help: '' },
    watch: { kind: 'seconds', help: '' },
  },
  examples: [],
};

describe('arguments', () => {
  test.each<[args: string[], positionals: string[], options: Record<string, string[]>]>([
    [['7'], ['7'], {}],
    [['--json', '7', 'drop', '--reason', 'why not'], ['7', 'drop'], { json: [''], reason: ['why not'] }],
    [['7', '--reason=--watch'], ['7'], { reason: ['--watch'] }],
    [['7', '--reason', '-'], ['7'], { reason: ['-'] }],
    [['7', '--at', '0/1', '--at=0/2'], ['7'], { at: ['0/1', '0/2'] }],
    [['7', '--watch'], ['7'], { watch: [''] }],
    [['--watch', '5', '7'], ['7'], { watch: ['5'] }],
    [['--watch=5', '7'], ['7'], { watch: ['5'] }],
    [['--watch', '2251799813685249'], ['2251799813685249'], { watch: [''] }],
    [['7', '--', '--json'], ['7', '--json'], {}],
  ])('%j', (args, positionals, options) => {
    const parsed = parseCommand(SPEC, args);
    expect(parsed.positionals).toEqual(positionals);
    expect(Object.fromEntries(parsed.given.map((name) => [name, parsed.list(name)]))).toEqual(options);
  });

  test.each<[args: string[], message: RegExp]>([
    [['7', '--resaon', 'x'], /no option --resaon; allowed are --json, --reason TEXT, --at P\/O, --watch \[SECONDS\]$/],
    [['7', '-x'], /no option -x; allowed/],
    [['7', '--toString'], /no option --toString/],
    [['7', '--__proto__=1'], /no option --__proto__/],
    [['7', '--no-json'], /no option --no-json/],
    [['7', '--reason'], /--reason needs a value: --reason TEXT/],
    [['7', '--reason', '--json'], /--reason needs a value/],
    [['7', '--json=yes'], /--json takes no value, and got "yes"/],
    [['7', '--reason', 'a', '--reason', 'b'], /--reason is given twice/],
    [['7', '--watch=soon'], /--watch takes whole seconds, and got "soon"/],
    [[], /KEY \[ACT\] is missing/],
    [['7', 'drop', 'it'], /"it" is too much; it takes KEY \[ACT\]/],
  ])('%j is refused', (args, message) => {
    expect(() => parseCommand(SPEC, args)).toThrow(UsageFault);
    expect(() => parseCommand(SPEC, args)).toThrow(message);
  });

  test('garbage is parsed or refused as wrong usage, and nothing of it is lost', () => {
    const word = fc.oneof(
      fc.string(),
      anyText(),
      fc.constantFrom('--json', '--reason', '--at', '--watch', '--', '-', '-h', '--=', '--__proto__', '5'),
      fc.string().map((text) => `--${text}`),
      fc.string().map((text) => `--reason=${text}`),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), fc.constantFrom(SPEC, ...COMMANDS), (args, spec) => {
        let parsed: ReturnType<typeof parseCommand>;
        try {
          parsed = parseCommand(spec, args);
        } catch (error) {
          if (!(error instanceof UsageFault)) throw error;
          return;
        }
        if (parsed.helpWanted) return;
        // Each word is a positional, the name of an option or its value.
        const values = parsed.given.flatMap((name) => parsed.list(name));
        for (const arg of args) {
          if (arg === '--' || /^--?[a-z-]+(=|$)/.test(arg)) continue;
          expect([...parsed.positionals, ...values]).toContain(arg);
        }
        expect(parsed.given.filter((name) => !Object.hasOwn(spec.options, name))).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  test('garbage on the whole command line ends as wrong usage, and asks nobody', async () => {
    const env = { HOLDFAST_API_URL: 'http://127.0.0.1:1', HOLDFAST_CONFIG: '/nowhere' };
    const name = fc.constantFrom(...COMMANDS.map(({ name }) => name.split(' ')), ['dlq'], ['']);
    const garbage = fc.array(anyText(), { minLength: 3, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(name, garbage, async (words, rest) => {
        const { code, out } = await holdfast([...words, ...rest.map((text) => `\u0001${text}`)], { env });
        expect({ code, out }).toEqual({ code: 2, out: '' });
      }),
      { numRuns: 100 },
    );
  });
});

describe('values', () => {
  test.each([
    ['300s', 300_000],
    ['5m', 300_000],
    ['PT5M', 300_000],
    ['250ms', 250],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['P1DT2H', 93_600_000],
  ])('the duration %s', (text, ms) => {
    expect(duration('--for', text)).toBe(ms);
  });

  test.each(['5', '5 m', 'm', '-5m', '5M', '1.5h', 'PT', '', 'P1Y', '999999d'])('no duration: "%s"', (text) => {
    expect(() => duration('--for', text)).toThrow(/^--for is .*; allowed is a duration/);
  });

  test('a moment is a time or how long ago; a time without a zone is local', () => {
    const nowMs = Date.parse('2026-01-31T08:00:00Z');
    expect(moment('--since', '2h', nowMs)).toBe(nowMs - 7_200_000);
    expect(moment('--since', '2026-01-31T08:00:00+02:00', nowMs)).toBe(nowMs - 7_200_000);
    expect(moment('--since', '2026-01-31T08:00', nowMs)).toBe(new Date(2026, 0, 31, 8).getTime());
    expect(moment('--since', '2026-01-31', nowMs)).toBe(new Date(2026, 0, 31).getTime());
    for (const text of ['yesterday', '31.1.2026', '2026-13-01', '2026-01-31 08:00', '1769846400000'])
      expect(() => moment('--since', text, nowMs)).toThrow(/allowed is a time such as/);
  });

  test('keys and offsets stay text, for they do not fit a number', () => {
    expect(engineKey('KEY', '9223372036854775807')).toBe('9223372036854775807');
    expect(position('--at', '3/9223372036854775807')).toEqual({ partition: 3, offset: '9223372036854775807' });
    expect(() => engineKey('KEY', '12a')).toThrow(/KEY is "12a"; allowed is a key of the engine/);
    expect(() => position('--at', '3')).toThrow(/PARTITION\/OFFSET/);
    expect(() => integer('--limit', '201', 1, 200)).toThrow(
      '--limit is "201"; allowed is a whole number from 1 to 200',
    );
  });
});

describe('the same everywhere', () => {
  test('the words of the model', () => {
    const of = (command: string) => COMMANDS.find(({ name }) => name === command);
    expect(of('jobs')?.options.state?.help).toBe(JOB_STATES.join(', '));
    expect(of('outcomes')?.options.outcome?.help).toBe(OUTCOMES.join(', '));
    expect(of('job')?.more?.[0]).toContain(`one of ${JOB_ACTS.join(', ')};`);
  });

  test.each(COMMANDS.map(({ name }) => name))(
    'help of %s shows each of its options, and its examples parse',
    async (name) => {
      const spec = COMMANDS.find((command) => command.name === name);
      const { out, code } = await holdfast(['help', ...name.split(' ')]);
      expect(code).toBe(0);
      expect(await holdfast([...name.split(' '), '--help'])).toEqual({ code: 0, out, err: '' });
      for (const option of Object.keys(spec?.options ?? {})) expect(out).toContain(`  --${option}`);
      for (const example of spec?.examples ?? []) {
        const words = [...(example.split(' | ')[0] ?? '').matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)];
        const args = words.map(([, a, b, c]) => a ?? b ?? c ?? '').slice(1 + name.split(' ').length);
        if (spec !== undefined) expect(() => parseCommand(spec, args), example).not.toThrow();
      }
    },
  );

  test('docs/cli.md has a section for each command, with each of its options', () => {
    const page = readFileSync(new URL('../../../docs/cli.md', import.meta.url), 'utf8');
    const sections = new Map(
      page.split(/^### /m).map((text) => [/^`holdfast ([a-z ]+?)( [A-Z[].*)?`/.exec(text)?.[1], text]),
    );
    sections.delete(undefined);
    expect([...sections.keys()].toSorted()).toEqual(COMMANDS.map(({ name }) => name).toSorted());
    for (const { name, options } of COMMANDS) {
      const rows = [...(sections.get(name) ?? '').matchAll(/^\| `--([a-z-]+)/gm)].map(([, option]) => option);
      const own = Object.keys(options).filter((option) => !['url', 'timeout', 'json'].includes(option));
      expect(rows.toSorted(), name).toEqual(own.toSorted());
    }
  });
});
