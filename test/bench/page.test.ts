// The page of a load run, as its readers' browsers get it: whole, self-contained, with every text as text, the data in it
// exactly as they were, and a comparison that says what it should. Whether its script draws is the business of
// page-script.test.ts.
import { Script } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LoadResult } from '../../bench/load/result.ts';
import { inlineScript, inlineStyle } from '../../bench/page/markup.ts';
import { DATA_ID, pageOf } from '../../bench/page/page.ts';
import { attribute, type Element, named, type Page, parsed, tableOf, textOf } from './markup-tree.ts';
import { anyResult, leg, NASTY, SAMPLE } from './results.ts';

const EARLIER: LoadResult = {
  ...SAMPLE,
  startedAt: '2026-11-21T14:00:00.000Z',
  versions: { ...SAMPLE.versions, holdfast: '0.0.9' },
  settings: { ...SAMPLE.settings, service: { delay: 'exponential', meanMs: 25 } },
  totals: { ...SAMPLE.totals, refusals: 0, completed: 980, failed: 8, open: 6, completedPerSecond: 49 },
  latencies: [{ ...SAMPLE.latencies[0]!, mean: 16, p50: 10, p90: 21, p99: 0 }, leg('publish', [[1, 1]])],
};

describe('the page', () => {
  test('is HTML without an error, with a policy that comes before whatever it forbids', async () => {
    for (const page of [parsed(await pageOf(SAMPLE)), parsed(await pageOf(SAMPLE, EARLIER))]) {
      expect(page.errors).toEqual([]);
      const policy = page.elements.findIndex((one) => attribute(one, 'http-equiv') === 'Content-Security-Policy');
      expect(attribute(page.elements[policy]!, 'content')).toBe(
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:",
      );
      const loading = ['script', 'style', 'link', 'img'];
      expect(page.elements.slice(0, policy).filter(({ tagName }) => loading.includes(tagName))).toEqual([]);
    }
  });

  test('has tables with captions, and headings that say what they head', async () => {
    const page = parsed(await pageOf(SAMPLE, EARLIER));
    expect(named(page, 'caption').map((one) => textOf(one))).toEqual([
      'Totals',
      'The run',
      'Latencies by leg, ms',
      'Events',
    ]);
    const scopes = named(page, 'th').map((one) => attribute(one, 'scope'));
    expect(scopes.filter((scope) => !['row', 'col', 'rowgroup'].includes(scope ?? ''))).toEqual([]);
    expect(attribute(named(page, 'html')[0]!, 'lang')).toBe('en');
  });

  test('loads nothing: no address outside itself, no code that could ask for one', async () => {
    const page = parsed(await pageOf(SAMPLE, EARLIER));
    const loading = [
      'src',
      'href',
      'srcset',
      'action',
      'data',
      'poster',
      'background',
      'ping',
      'formaction',
      'xlink:href',
    ];
    const addresses = page.elements.flatMap(({ attrs }) => attrs.filter(({ name }) => loading.includes(name)));
    expect(addresses.map(({ value }) => value)).toEqual(['data:,']);
    for (const style of named(page, 'style')) expect(textOf(style)).not.toMatch(/url\(|@import/i);
    for (const script of runs(page)) {
      expect(textOf(script)).not.toMatch(
        /\bfetch\b|XMLHttpRequest|WebSocket|EventSource|sendBeacon|\bimport\b|\bnew Image\b/,
      );
    }
  });

  test('has scripts that are programs, and the licence of the library among them', async () => {
    const scripts = runs(parsed(await pageOf(SAMPLE)));
    expect(scripts).toHaveLength(2);
    for (const script of scripts) new Script(textOf(script));
    expect(textOf(scripts[0]!)).toContain('Permission is hereby granted');
  });
});

test('of a run that was interrupted says so, and a comparison too', async () => {
  const interrupted = { ...SAMPLE, interruptedAtS: 12.34 };
  const [alone, beside] = [parsed(await pageOf(interrupted)), parsed(await pageOf(SAMPLE, interrupted))];
  const notes = (page: Page) => named(page, 'p').map((one) => textOf(one));
  expect(notes(alone)).toContain('This run was interrupted after 12.3 s: what was open then was not waited for.');
  expect(notes(beside)).toContain('The runs themselves differ, in interrupted.');
  expect(notes(parsed(await pageOf(SAMPLE))).join()).not.toContain('interrupted');
});

describe('text that is markup', () => {
  test('stays text, wherever it stands', async () => {
    const plain = skeletonOf(parsed(await pageOf(spoken('plain'), spoken('plain'))));
    for (const nasty of NASTY) {
      const page = parsed(await pageOf(spoken(nasty), spoken(nasty)));
      expect(skeletonOf(page), nasty).toEqual(plain);
      expect(textOf(named(page, 'h1')[0]!).replaceAll('\n', ' ').trim()).toBe(`Load run: ${readable(nasty)}`.trim());
    }
  });

  test('and all data come out of the page as they went in', async () => {
    await fc.assert(
      fc.asyncProperty(anyResult, fc.option(anyResult), async (result, earlier) => {
        const page = parsed(await pageOf(result, earlier ?? undefined));
        const data = named(page, 'script').filter((one) => attribute(one, 'id') === DATA_ID);
        expect(data).toHaveLength(1);
        expect(attribute(data[0]!, 'type')).toBe('application/json');
        expect(JSON.parse(textOf(data[0]!))).toEqual(JSON.parse(JSON.stringify({ result, earlier })));
      }),
      { numRuns: 40 },
    );
  });

  test.each(['a </script> b', '<!-- a', '<SCRIPT>'])('code with %s in it is refused', (code) => {
    expect(() => inlineScript(code)).toThrow('could end its element');
  });

  test('and a style sheet that would end its element', () => {
    expect(() => inlineStyle('a::before { content: "</STYLE" }')).toThrow('could end its element');
  });
});

describe('the comparison', () => {
  test('of totals', async () => {
    expect(tableOf(parsed(await pageOf(SAMPLE, EARLIER)), 'Totals')).toEqual([
      ['', 'this run', 'earlier run', 'change'],
      ['Planned', '1,000', '1,000', '±0 %'],
      ['Started', '1,000', '1,000', '±0 %'],
      ['Refused, and asked again', '20', '0', 'new'],
      ['Completed', '990', '980', '+1 %'],
      ['Failed', '4', '8', '−50 %'],
      ['Open at the end', '6', '6', '±0 %'],
      ['Seconds', '20', '20', '±0 %'],
      ['Completed per second', '49.5', '49', '+1 %'],
    ]);
  });

  test('of latencies, for legs that both runs have', async () => {
    expect(tableOf(parsed(await pageOf(SAMPLE, EARLIER)), 'Latencies by leg, ms')).toEqual([
      ['leg', '', 'calls', 'mean', 'p50', 'p90', 'p99', 'p99.9', 'max'],
      ['hold', 'this run', '10', '20', '10', '20', '40', '40', '40'],
      ['earlier run', '10', '16', '10', '21', '0', '40', '40'],
      ['change', '', '+25 %', '±0 %', '−4.8 %', 'new', '±0 %', '±0 %'],
      ['in all', 'this run', '10', '50', '25', '50', '100', '100', '100'],
      ['earlier run', '–', '–', '–', '–', '–', '–', '–'],
      ['change', '', '–', '–', '–', '–', '–', '–'],
      ['publish', 'this run', '–', '–', '–', '–', '–', '–', '–'],
      ['earlier run', '1', '0.5', '0.25', '0.5', '1', '1', '1'],
      ['change', '', '–', '–', '–', '–', '–', '–'],
    ]);
  });

  test('says in words what its colours say', async () => {
    const page = parsed(await pageOf(SAMPLE, EARLIER));
    const said = (verdict: string) =>
      named(page, 'td')
        .filter((one) => attribute(one, 'class') === verdict)
        .map((one) => textOf(one, true));
    expect(said('better')).toEqual(['−50 % (better)']);
    expect(said('worse')).toEqual(['new (worse)', '+25 % (worse)', 'new (worse)']);
  });

  test('names what was different about the runs, and marks it', async () => {
    const page = parsed(await pageOf(SAMPLE, EARLIER));
    const warnings = page.elements.filter((one) => attribute(one, 'class') === 'note warning');
    expect(warnings.map((one) => textOf(one))).toEqual([
      'The runs themselves differ, in version: holdfast; setting: service.meanMs.',
    ]);
    const marked = named(page, 'tr').filter((one) => attribute(one, 'class') === 'differs');
    expect(marked.map((one) => textOf(one))).toEqual(['version: holdfast0.1.00.0.9', 'setting: service.meanMs2025']);
  });

  test('has settings within settings by their path, and lists of values as they are', async () => {
    const rows = tableOf(parsed(await pageOf(SAMPLE)), 'The run');
    expect(rows).toContainEqual(['setting: service.delay', 'exponential']);
    expect(rows).toContainEqual(['setting: payloadBytes', '[134,512]']);
    expect(rows).toContainEqual(['setting: faults[0]', 'atS 2']);
    expect(rows).toContainEqual(['started at', '2026-11-28 14:00:00Z']);
  });

  test('is not made without an earlier run', async () => {
    const page = parsed(await pageOf(SAMPLE));
    expect(tableOf(page, 'Totals')[1]).toEqual(['Planned', '1,000']);
    expect(tableOf(page, 'Latencies by leg, ms')[1]).toEqual(['hold', '10', '20', '10', '20', '40', '40', '40']);
    expect(named(page, 'th').map((one) => textOf(one))).not.toContain('earlier run');
  });
});

function runs(page: Page): Element[] {
  return named(page, 'script').filter((one) => attribute(one, 'type') === undefined);
}

/** The sample, with one text for all its texts. */
function spoken(text: string): LoadResult {
  return {
    ...SAMPLE,
    ...{ scenario: text, startedAt: text, settings: { [text]: text }, versions: { [text]: text } },
    machine: { ...SAMPLE.machine, cpu: text },
    latencies: [leg(text, [[1, 1]])],
    series: [{ group: 'cpu', name: text, unit: text, values: [1] }],
    events: [{ atS: 1, what: text }],
  };
}

/** All elements in order, with their attributes' names. */
function skeletonOf({ elements }: Page): string[] {
  return elements.map(({ tagName, attrs }) => [tagName, ...attrs.map(({ name }) => name)].join(' '));
}

/** What a page can show of a text: no control character, no half of a pair; line ends are one kind, here a blank. */
function readable(text: string): string {
  return text
    .toWellFormed()
    .replace(/\r\n?/g, '\n')
    .replace(/[^\P{Cc}\t\n]/gu, '\ufffd')
    .replaceAll('\n', ' ');
}
