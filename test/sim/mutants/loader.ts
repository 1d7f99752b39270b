// Loads one mutant instead of the sources: the text of the files that it patches is changed on its way into Node.
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Mutant } from './list.ts';

const SRC = new URL('../../../src/', import.meta.url);

/** The text with all patches of this file in it. @throws where one does not apply, exactly once */
export function sabotage(text: string, mutant: Mutant, file: string): string {
  return mutant.patches
    .filter((patch) => patch.file === file)
    .reduce((before, { find, replace }) => {
      const times = before.split(find).length - 1;
      if (times !== 1)
        throw new Error(`mutant "${mutant.name}": its text stands ${times} times in src/${file}, not once:\n${find}`);
      return before.replace(find, () => replace);
    }, text);
}

/** From now on; before the sources are imported. Answers which of its files were loaded so far. */
export function load(mutant: Mutant): ReadonlySet<string> {
  const loaded = new Set<string>();
  const files = new Map(mutant.patches.map(({ file }) => [fileURLToPath(new URL(file, SRC)), file]));
  registerHooks({
    load(url, context, nextLoad) {
      const result = nextLoad(url, context);
      const file = url.startsWith('file:') ? files.get(fileURLToPath(url)) : undefined;
      if (file === undefined || result.source == null) return result;
      loaded.add(file);
      const text =
        typeof result.source === 'string' ? result.source : Buffer.from(result.source as Uint8Array).toString();
      return { ...result, source: sabotage(text, mutant, file) };
    },
  });
  return loaded;
}
