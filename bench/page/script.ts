// The page's own script, out of the modules that draw. A page that is one file cannot import, so their types are stripped,
// as Node does when it runs them, and they are put one after another into one function; an import between them then names
// what stands above it. Whatever that simple way cannot carry (a name declared twice, another kind of import) is refused.
import { readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';

/** Each after those that it imports. */
const MODULES = [
  'figures.ts',
  'lines.ts',
  'distribution.ts',
  'ticks.ts',
  'labels.ts',
  'browser/theme.ts',
  'browser/marks.ts',
  'browser/legend.ts',
  'browser/chart.ts',
  'browser/draw.ts',
];

export async function browserScript(): Promise<string> {
  const sources = await Promise.all(MODULES.map((name) => readFile(join(import.meta.dirname, name), 'utf8')));
  return joined(sources);
}

/** @throws Error when the modules cannot live in one function */
export function joined(sources: readonly string[]): string {
  const code = sources.map((source) =>
    stripped(source)
      .replace(/^import \{[^}]*\} from '\.{1,2}\/[^']*';$/gm, '')
      .replace(/^export (?=(async )?(function|const|class) )/gm, ''),
  );
  const left = /^(import|export)\b.*/m.exec(code.join('\n'));
  if (left) throw new Error(`the page's script has "${left[0]}"; its modules import only each other, by name`);
  const names = code.flatMap((one) =>
    [...one.matchAll(/^(?:async )?(?:function|const|class) (\w+)/gm)].map((m) => m[1]!),
  );
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new Error(`the page's script declares "${twice}" in two of its modules`);
  return `(() => {\n'use strict';\n${code.join('\n')}\n})();`;
}

/** Without the warning that the function is experimental: what it does is how Node runs all of this project. */
function stripped(source: string): string {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return stripTypeScriptTypes(source);
  } finally {
    process.emitWarning = emitWarning;
  }
}
