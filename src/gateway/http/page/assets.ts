// What the page is made of, read once at start and kept: there is no build at run time and nothing comes from elsewhere.
//
// In the package the browser's modules are compiled; from a clone their types are stripped here, as Node does with its own.
// Browsers resolve no names of packages, and a map for them would have to stand in the document as a script of its own, which
// the page's content security policy forbids; so the two modules of preact are given addresses here. All addresses are
// relative: the page may lie below any path.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire, stripTypeScriptTypes } from 'node:module';
import { extname, join } from 'node:path';
import type { Asset, Assets } from '../api/assets.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};
const PACKAGES: Readonly<Record<string, string>> = {
  preact: 'vendor/preact.js',
  'preact/hooks': 'vendor/preact-hooks.js',
};
const DOCUMENT = 'index.html';
const MODULES_HERE = '<!-- modules -->';

/** @throws when a file of the page is not where it should be */
export function pageAssets(): Assets {
  const files = new Map([...modules('browser'), ...vendored(), ...others('static')]);
  const scripts = [...files.keys()].filter((name) => name.endsWith('.js') && name !== 'theme.js');
  const document = files.get(DOCUMENT);
  if (!document?.includes(MODULES_HERE)) throw new Error(`the page's ${DOCUMENT} has no place for its modules`);
  files.delete(DOCUMENT);
  // Asked for at once, not one after another as each import is met.
  const preloads = scripts.map((name) => `<link rel="modulepreload" href="page/${name}" />`).join('\n    ');
  const assets = new Map([...files].map(([name, text]) => [`/page/${name}`, assetOf(name, text)]));
  assets.set('/', assetOf(DOCUMENT, document.replace(MODULES_HERE, preloads)));
  return { get: (path) => assets.get(path) };
}

function modules(folder: string): readonly (readonly [string, string])[] {
  const dir = join(import.meta.dirname, folder);
  const sources = readdirSync(dir).filter((name) => /\.(ts|js)$/.test(name) && !name.endsWith('.d.ts'));
  return sources.map((name) => {
    const text = readFileSync(join(dir, name), 'utf8');
    return [name.replace(/\.ts$/, '.js'), addressed(name.endsWith('.ts') ? stripped(text) : text, '.')] as const;
  });
}

function vendored(): readonly (readonly [string, string])[] {
  const { resolve } = createRequire(import.meta.url);
  return Object.entries(PACKAGES).map(([name, address]) => {
    const text = readFileSync(resolve(name), 'utf8').replace(/^\/\/# sourceMappingURL=.*$/m, '');
    return [address, addressed(text, '..')] as const;
  });
}

function others(folder: string): readonly (readonly [string, string])[] {
  const dir = join(import.meta.dirname, folder);
  return readdirSync(dir).map((name) => [name, readFileSync(join(dir, name), 'utf8')] as const);
}

/**
 * Imports by address.
 * @param up from the module to /page
 */
function addressed(code: string, up: string): string {
  return code.replace(
    /^((?:import|export)\b[^;'"]*?\bfrom\s*|import\s*)(['"])([^'"\n]+)\2/gm,
    (whole, before: string, quote: string, name: string) => {
      const address = PACKAGES[name];
      if (address !== undefined) return `${before}${quote}${up}/${address}${quote}`;
      return name.startsWith('./') ? `${before}${quote}${name.replace(/\.ts$/, '.js')}${quote}` : whole;
    },
  );
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

function assetOf(name: string, text: string): Asset {
  const type = TYPES[extname(name)];
  if (type === undefined) throw new Error(`the page has a file of a kind that is not known: ${name}`);
  const body = Buffer.from(text);
  return { type, body, etag: `"${createHash('sha256').update(body).digest('base64url')}"` };
}
