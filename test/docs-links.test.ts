// The pages lead somewhere: every link of README, the guides and the examples is to a file that is there, and to a heading in it;
// the tests that are named as proof are there; and what the README says in short of the settings is what their page says.
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const PAGES = globSync(['*.md', 'docs/*.md', 'deploy/**/*.md', 'bench/*.md', 'test/**/*.md'], {
  cwd: root,
  exclude: (path) => String(path).includes('node_modules'),
});

test.each(PAGES)('%s: links lead to files and headings', (page) => {
  const links = [...withoutCode(read(page)).matchAll(/\]\((?!https?:)([^)\s#]*)(?:#([^)\s]+))?\)/g)];
  const dead = links.filter(([, path = '', heading]) => {
    const target = path === '' ? page : join(dirname(page), path);
    if (!existsSync(join(root, target))) return true;
    return heading !== undefined && target.endsWith('.md') && !anchorsOf(read(target)).has(heading);
  });
  expect(dead.map(([link]) => link)).toEqual([]);
});

test.each(PAGES)('%s: the tests and commands that it names are there', (page) => {
  const named = [...read(page).matchAll(/`(test\/[\w./-]+)`/g)].map(([, path = '']) => path);
  expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const run = [...read(page).matchAll(/\bnpm run ([\w:-]+)/g)].map(([, name = '']) => name);
  // Example services have scripts of their own.
  if (!page.includes('examples')) expect(run.filter((name) => !(name in scripts))).toEqual([]);
});

test('README.md: settings and variables have the defaults of docs/configuration.md', () => {
  const defaults = new Map<string, Set<string>>();
  for (const [, name = '', value = ''] of read('docs/configuration.md').matchAll(/^\| `(\w+)` \| (.*?) \|/gm))
    defaults.set(name, (defaults.get(name) ?? new Set()).add(value));
  const section =
    read('README.md')
      .split(/^## /m)
      .find((one) => one.startsWith('Configuration')) ?? '';
  const wrong: string[] = [];
  let compared = 0;
  for (const [, cell = '', value = ''] of section.matchAll(/^\| (`[^|]+) \|(.*?)\|/gm)) {
    for (const [, name = ''] of cell.matchAll(/`(?:routes\[\])?\.?(\w+)`/g)) {
      const known = [...(defaults.get(name) ?? [])];
      if (known.length === 0 && !OF_THE_SDK.has(name)) wrong.push(`${name} is no setting`);
      // The others are said in words, and in fewer of them.
      if (!value.includes('`') && !known.some((one) => one.startsWith('`'))) continue;
      compared += 1;
      if (!known.includes(value.trim())) wrong.push(`${name}: ${value.trim()}, and in its page ${known.join(' or ')}`);
    }
  }
  expect(wrong).toEqual([]);
  expect(compared).toBeGreaterThan(15);
});

/** Variables that the page's table leaves to it. */
const OF_THE_SDK: ReadonlySet<string> = new Set(['ZEEBE_GRPC_ADDRESS', 'CAMUNDA_AUTH_STRATEGY']);

/** As GitHub makes them of headings. */
function anchorsOf(page: string): ReadonlySet<string> {
  const headings = [...withoutCode(page).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) =>
    heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(/\s/g, '-'),
  );
  return new Set(headings);
}

function withoutCode(page: string): string {
  return page.replaceAll(/^```[\s\S]*?^```/gm, '');
}
