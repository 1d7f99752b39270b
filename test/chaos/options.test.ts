// The command line says what a run will be, so that nobody waits half an hour for another one than he asked for.
import { expect, test } from 'vitest';
import { parseOptions, UsageError } from './options.ts';
import { TRACKS } from './schedule.ts';

test('by default everything is broken, for five minutes, with a fresh seed, and the run is recorded', () => {
  const { seed, ...rest } = parseOptions([]);
  expect(rest).toEqual({
    ...{ minutes: 5, perSecond: 40, leaseTtlMs: 15_000, without: [], json: undefined, keep: undefined, record: true },
  });
  expect(seed).not.toBe(parseOptions([]).seed);
});

test('what is asked for is what is done', () => {
  const args =
    '--minutes 30 --seed 7 --rate 40 --lease-ttl 8 --json a.json --keep dir --scratch --without scale,upgrade';
  expect(parseOptions(args.split(' '))).toEqual({
    ...{ minutes: 30, seed: 7, perSecond: 40, leaseTtlMs: 8_000, json: 'a.json', keep: 'dir', record: false },
    without: ['scale', 'upgrade'],
  });
  const { without } = parseOptions(['--only', 'kill,cut-nats']);
  expect([...TRACKS.nodes, ...TRACKS.servers].filter((kind) => !without.includes(kind))).toEqual(['kill', 'cut-nats']);
});

test.each([
  [['--minutes', 'ten'], /--minutes is "ten"; allowed: a number from 0.1/],
  [['--seed', '-1'], /argument|--seed/],
  [['--lease-ttl', '1'], /--lease-ttl is "1"; allowed: a number from 3/],
  [['--only', 'flood'], /--only names "flood"; allowed: kill, term/],
  [['--hours', '1'], /usage: npm run chaos/],
])('what it does not understand it names: %j', (args, said) => {
  expect(() => parseOptions(args)).toThrow(UsageError);
  expect(() => parseOptions(args)).toThrow(said);
});
