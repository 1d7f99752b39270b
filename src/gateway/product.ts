// Which version of the product this is, as its package says.
import { readFileSync } from 'node:fs';

let version: string | undefined;

/** `0.1.0`; read once. */
export function productVersion(): string {
  version ??= read();
  return version;
}

function read(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const found =
    manifest !== null && typeof manifest === 'object' && 'version' in manifest ? manifest.version : undefined;
  return typeof found === 'string' ? found : '0.0.0';
}
