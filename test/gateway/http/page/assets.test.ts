// What a node serves as its page: complete, from itself alone, and able to live under the strictest policy.
import { describe, expect, test } from 'vitest';
import { pageAssets } from '../../../../src/gateway/http/page/assets.ts';

const assets = pageAssets();
const textOf = (path: string) => assets.get(path)?.body.toString() ?? '';
const document = textOf('/');
const IMPORT = /^(?:(?:import|export)\b[^;'"]*?\bfrom\s*|import\s*)["']([^"'\n]+)["']/gm;
const importsOf = (path: string) => [...textOf(path).matchAll(IMPORT)].map(([, name]) => name!);

/** Every address that the document names, and from there every module that is imported. */
function reached(): readonly string[] {
  const found = new Set(['/']);
  const queue = [...document.matchAll(/(?:src|href)="(page\/[^"]+)"/g)].map(([, path]) => `/${path}`);
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (found.has(path)) continue;
    found.add(path);
    if (path.endsWith('.js')) queue.push(...importsOf(path).map((name) => new URL(name, `http://x${path}`).pathname));
  }
  return [...found];
}

describe('the page', () => {
  test('is complete: whatever it names or imports is served, as what it is', () => {
    const paths = reached();
    const some = ['/page/main.js', '/page/base.css', '/page/vendor/preact.js', '/page/vendor/preact-hooks.js'];
    expect(paths).toEqual(expect.arrayContaining(some));
    for (const path of paths) {
      const { type, body } = assets.get(path) ?? {};
      expect({ path, served: body !== undefined && body.length > 0 }).toEqual({ path, served: true });
      const kind = path === '/' ? 'html' : path.endsWith('.js') ? 'javascript' : path.endsWith('.css') ? 'css' : 'svg';
      expect(type).toContain(kind);
    }
  });

  test('imports by address only: a browser has nothing to resolve', () => {
    const modules = reached().filter((path) => path.endsWith('.js'));
    const imports = modules.flatMap(importsOf);
    expect(imports.length).toBeGreaterThan(modules.length);
    expect(imports.filter((name) => !/^\.\.?\/.*\.js$/.test(name))).toEqual([]);
  });

  test('has no script or style inside the document, and nothing from elsewhere', () => {
    expect(document).not.toMatch(/<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|https?:\/\//);
    const styles = reached().filter((path) => path.endsWith('.css'));
    for (const path of styles) expect(textOf(path)).not.toMatch(/url\(|@import/);
  });

  test('is named by its content', () => {
    const etags = reached().map((path) => assets.get(path)!.etag);
    expect(new Set(etags).size).toBe(etags.length);
    for (const etag of etags) expect(etag).toMatch(/^"[\w-]{43}"$/);
    expect(pageAssets().get('/page/main.js')?.etag).toBe(assets.get('/page/main.js')?.etag);
  });

  test.each([
    ...['/page/', '/page/index.html', '/page/../assets.ts', '/page/main.ts', '/page/tsconfig.json'],
    ...['/index.html', '', '/page/__proto__'],
  ])('serves nothing else: %j', (path) => expect(assets.get(path)).toBeUndefined());
});
