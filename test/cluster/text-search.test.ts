// A search through packed jobs against a plain look at each: whatever stands in them, in whatever order they are shown, and
// while others come to stand behind them.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ColdStore, type Handle } from '../../src/actors/pending-job/cold-store.ts';
import { TextSearch } from '../../src/cluster/text-search.ts';

const word = fc.constantFrom('order', 'ORD', 'er', 'Größe', 'größ', 'ä', '12', '121', '3', '-', 'filling'.repeat(40));
const content = fc.array(word, { maxLength: 6 }).map((words) => words.join(''));
const step = fc.record({ put: fc.array(content, { maxLength: 8 }), show: fc.array(fc.nat(), { maxLength: 12 }) });
const sought = fc.constantFrom(
  'order',
  'RDE',
  'GRÖSSE',
  'größe',
  'Ä',
  '12',
  '2112',
  '1',
  '-',
  'g',
  '12121212121',
  '121-12112',
  'none',
  '999',
  '',
);

test('is found where it stands, and nowhere else', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), sought, fc.boolean(), (steps, text, inOrder) => {
      const store = new ColdStore();
      const search = new TextSearch(text);
      const jobs: { readonly handle: Handle; readonly text: string }[] = [];
      for (const { put, show } of steps) {
        for (const one of put) jobs.push({ handle: store.put(Buffer.from('--------'), Buffer.from(one)), text: one });
        if (jobs.length === 0) continue;
        const shown = show.map((at) => at % jobs.length);
        if (inOrder) shown.sort((a, b) => a - b);
        for (const at of shown) {
          const job = jobs[at]!;
          const fits = (whole: string) => whole.toLowerCase().includes(text.toLowerCase());
          const [found, may] = [fits(`--------${job.text}`), search.mayBeIn(store.at(job.handle))];
          // Of a long text the end may be there alone: whoever hears that looks closer.
          if (found || text.length <= 6) expect(may).toBe(found);
          expect(search.inText(job.text)).toBe(fits(job.text));
        }
        // Some leave, and what is left may move.
        for (let i = 0; i < jobs.length; i += 3) store.free(jobs.splice(i, 1)[0]!.handle);
      }
    }),
    { numRuns: 500 },
  );
});
