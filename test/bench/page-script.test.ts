// The script of a load run's page, run as it stands in the page, on as little of a browser as it needs: which plots it makes
// with which lines, that the legend switches them, that the cursor's values are told, and that texts are set as text. The
// drawing itself is the library's, of which a stand-in notes what it is asked for.
import { createContext, runInContext } from 'node:vm';
import { beforeAll, describe, expect, test } from 'vitest';
import type { LoadResult } from '../../bench/load/result.ts';
import { browserScript, joined } from '../../bench/page/script.ts';
import { leg, NASTY, SAMPLE } from './results.ts';

const EARLIER: LoadResult = { ...SAMPLE, latencies: [leg('hold', [[3, 4]])], series: SAMPLE.series.slice(0, 1) };

let script: string;
beforeAll(async () => {
  script = await browserScript();
});

describe('the script', () => {
  test('draws the distribution by two plots, and the course by one for each group and unit', () => {
    const { plots, section } = run(SAMPLE, null);
    expect(plots).toHaveLength(5);
    expect(section('distribution').headings()).toEqual(['Percentiles', 'Histogram']);
    expect(section('course').headings()).toEqual(['Latency', 'Takeovers', 'Shards by node']);
    expect(plots.map(({ data }) => data.length - 1)).toEqual([2, 2, 1, 1, 1]);
    expect(plots.map(({ options }) => options.cursor?.sync?.key)).toEqual([
      ...['distribution', 'distribution'],
      ...['course', 'course', 'course'],
    ]);
  });

  test('draws the earlier run dashed, in the colour of this one', () => {
    const { plots } = run(SAMPLE, EARLIER);
    const lines = plots[0]!.options.series.slice(1);
    expect(lines.map(({ dash }) => dash !== undefined)).toEqual([false, true, false]);
    const colours = lines.map(({ stroke }) => (stroke as () => string)());
    expect(colours).toEqual(['colour of --line-0', 'colour of --line-0', 'colour of --line-1']);
  });

  test('shows and hides lines by the legend, the earlier run by a box of its own', () => {
    const { plots, section } = run(SAMPLE, EARLIER);
    const [hold, , earlier] = section('distribution').all('input');
    hold!.checked = false;
    section('distribution').all('div')[0]!.fire('change');
    for (const plot of plots.slice(0, 2)) expect(plot.shown()).toEqual([false, false, true]);
    hold!.checked = true;
    earlier!.checked = false;
    section('distribution').all('div')[0]!.fire('change');
    for (const plot of plots.slice(0, 2)) expect(plot.shown()).toEqual([true, false, true]);
  });

  test('tells the values under the cursor, and the events there', () => {
    const { plots, section } = run(SAMPLE, EARLIER);
    const latency = plots[2]!;
    const values = () => section('course').texts('value');
    expect(values()[0]).toBe('mean 11, max 12');
    latency.point(2);
    expect(values()[0]).toBe('12 (12)');
    expect(section('course').texts('at')[0]).toBe('at 0:02 · kill of node-2');
    latency.point(1);
    expect(values()[0]).toBe('– (–)');
    latency.point(null);
    expect(values()[0]).toBe('mean 11, max 12');
    expect(section('course').texts('at')[0]).toBe('');
  });

  test('sets names as text', () => {
    for (const nasty of NASTY) {
      const { section } = run({ ...SAMPLE, latencies: [leg(nasty, [[1, 1]])] }, null);
      expect(section('distribution').texts('name')).toEqual([nasty]);
    }
  });

  test('says so when nothing was measured', () => {
    const { plots, section } = run({ ...SAMPLE, latencies: [], series: [] }, null);
    expect(plots).toEqual([]);
    expect(section('distribution').texts('note')).toEqual(['No call was measured.']);
    expect(section('course').texts('note')).toEqual(['No series was recorded.']);
  });
});

describe('modules put into one function', () => {
  test('find each other', () => {
    const code = joined([
      'export const two: number = 2;\nexport function twice(n: number): number { return two * n; }',
      "import { twice } from './a.ts';\nimport type { Never } from './never.ts';\nout.push(twice(4));",
    ]);
    const out: number[] = [];
    runInContext(code, createContext({ out }));
    expect(out).toEqual([8]);
  });

  test.each([
    ["import fs from 'node:fs';", 'import fs'],
    ['export default 7;', 'export default'],
    ["export * from './a.ts';", 'export *'],
  ])('must not have %s', (source, named) => {
    expect(() => joined([source])).toThrow(named);
  });

  test('must not declare a name twice', () => {
    expect(() => joined(['function same() {}', 'const same = 1;'])).toThrow('"same"');
  });
});

/** What the script needs of an element, and no way to make markup of a text. */
class FakeElement {
  readonly children: FakeElement[] = [];
  readonly style = {};
  readonly clientWidth = 800;
  className = '';
  textContent = '';
  title = '';
  type = '';
  checked = false;
  readonly tag: string;
  readonly #listeners = new Map<string, () => void>();

  constructor(tag: string) {
    this.tag = tag;
  }

  append(...children: FakeElement[]): void {
    this.children.push(...children);
  }

  setAttribute(): void {}

  addEventListener(name: string, listener: () => void): void {
    this.#listeners.set(name, listener);
  }

  fire(name: string): void {
    this.#listeners.get(name)!();
  }

  all(tag: string): FakeElement[] {
    return this.children.flatMap((child) => [...(child.tag === tag ? [child] : []), ...child.all(tag)]);
  }

  headings(): string[] {
    return this.all('h3').map(({ textContent }) => textContent);
  }

  texts(className: string): string[] {
    const here = this.children.filter((child) => child.className === className).map(({ textContent }) => textContent);
    return [...here, ...this.children.flatMap((child) => child.texts(className))];
  }
}

interface PlotOptions {
  readonly series: readonly { readonly dash?: readonly number[]; readonly stroke?: unknown }[];
  readonly cursor?: { readonly sync?: { readonly key: string } };
  readonly hooks: { readonly setCursor: readonly ((plot: unknown) => void)[] };
}

class FakePlot {
  static readonly made: FakePlot[] = [];
  static readonly paths = { stepped: () => () => null };
  readonly options: PlotOptions;
  readonly data: readonly unknown[];
  readonly #shown: boolean[];

  constructor(options: PlotOptions, data: readonly unknown[]) {
    this.options = options;
    this.data = data;
    this.#shown = options.series.map(() => true);
    FakePlot.made.push(this);
  }

  batch(work: () => void): void {
    work();
  }

  setSeries(index: number, { show }: { readonly show: boolean }): void {
    this.#shown[index] = show;
  }

  shown(): boolean[] {
    return this.#shown.slice(1);
  }

  point(idx: number | null): void {
    for (const hook of this.options.hooks.setCursor) hook({ cursor: { idx } });
  }
}

function run(result: LoadResult, earlier: LoadResult | null) {
  const sections = new Map(['distribution', 'course'].map((id) => [id, new FakeElement('section')]));
  FakePlot.made.length = 0;
  const context = createContext({
    document: {
      querySelector: () => ({ textContent: JSON.stringify({ result, earlier }) }),
      getElementById: (id: string) => sections.get(id),
      createElement: (tag: string) => new FakeElement(tag),
      documentElement: {},
    },
    getComputedStyle: () => ({ getPropertyValue: (name: string) => ` colour of ${name}` }),
    matchMedia: () => ({ addEventListener: () => {} }),
    ResizeObserver: class {
      observe() {}
    },
    uPlot: FakePlot,
  });
  runInContext(script, context);
  return { plots: [...FakePlot.made], section: (id: string) => sections.get(id)! };
}
