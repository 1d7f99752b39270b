// The page of a load run in a real Chromium, from a result that was recorded: that its plots are drawn, that nothing is asked
// of anybody and nothing complained about, that it fits on a telephone as on a desk, and that its legend switches lines.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseResult } from '../../bench/load/parse-result.ts';
import type { LoadResult } from '../../bench/load/result.ts';
import { pageOf } from '../../bench/page/page.ts';
import { complaintsOf, openBrowser } from '../support/browser.ts';
import { SAMPLE } from './results.ts';

let browser: Browser;
let dir: string;
let recorded: LoadResult;
beforeAll(async () => {
  browser = await openBrowser();
  dir = await mkdtemp(join(tmpdir(), 'holdfast-load-page-'));
  recorded = parseResult(await readFile(new URL('fixtures/recorded.json', import.meta.url), 'utf8'));
});
afterAll(async () => {
  await browser.close();
  await rm(dir, { recursive: true });
});

const TITLES = [
  ...['Percentiles', 'Histogram', 'Latency', 'Throughput', 'Pending'],
  ...['Takeovers', 'Shards by node', 'CPU', 'Memory'],
];

interface Opened {
  readonly page: Page;
  readonly complaints: readonly string[];
}

async function open(result: LoadResult, earlier: LoadResult | undefined, width: number): Promise<Opened> {
  const file = join(dir, `${width}.html`);
  await writeFile(file, await pageOf(result, earlier));
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme: width < 600 ? 'dark' : 'light' });
  const url = pathToFileURL(file).href;
  const complaints = complaintsOf(page, url);
  await page.goto(url, { waitUntil: 'load' });
  await expect.poll(() => page.locator('figure canvas').count()).toBe(TITLES.length);
  return { page, complaints };
}

/** Of each plot: how many of its pixels have the colour of a line, or one near it. A text, for the tests know no DOM. */
const DRAWN = `(() => {
  const probe = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const colours = Array.from({ length: 10 }, (_, i) => {
    probe.fillStyle = getComputedStyle(document.documentElement).getPropertyValue('--line-' + i).trim();
    probe.fillRect(0, 0, 1, 1);
    return probe.getImageData(0, 0, 1, 1).data;
  });
  return [...document.querySelectorAll('figure canvas')].map((canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let found = 0;
    for (let i = 0; i < data.length; i += 4) {
      if (data[i + 3] < 200) continue;
      if (colours.some((colour) => [0, 1, 2].every((part) => Math.abs(data[i + part] - colour[part]) < 12))) found += 1;
    }
    return found;
  });
})()`;
const OVERHANG_PX = 'document.documentElement.scrollWidth - innerWidth';

function drawn(page: Page): Promise<number[]> {
  return page.evaluate<number[]>(DRAWN);
}

describe.each([
  ['alone', undefined],
  ['beside an earlier run', SAMPLE],
] as const)('%s', (_, earlier) => {
  test.each([1280, 390])('it draws all plots, and complains of nothing, %i pixels wide', async (width) => {
    const { page, complaints } = await open(recorded, earlier, width);
    expect(await page.locator('figure h3').allTextContents()).toEqual(TITLES);
    for (const [i, pixels] of (await drawn(page)).entries()) expect(pixels, TITLES[i]).toBeGreaterThan(30);
    expect(await page.evaluate(OVERHANG_PX)).toBe(0);
    const names = await page.locator('.legend .name').allTextContents();
    expect(names).toEqual(expect.arrayContaining(['instance due → ended', 'p99', 'completed', 'taken over', 'engine']));
    expect(names.includes('earlier run')).toBe(earlier !== undefined);
    expect(complaints).toEqual([]);
    await page.close();
  });
});

test('the legend takes a line away and brings it back', async () => {
  const { page } = await open(recorded, undefined, 1280);
  const before = (await drawn(page))[0]!;
  const box = page.locator('#distribution .legend input').first();
  await box.uncheck();
  await expect.poll(async () => (await drawn(page))[0]!).toBeLessThan(before * 0.95);
  await box.check();
  await expect.poll(async () => (await drawn(page))[0]!).toBe(before);
  await page.close();
});
