// What a running node cannot change: every setting but the routes and the template. A configuration that differs in any of
// these needs a restart, and is refused as a whole.
import { isDeepStrictEqual } from 'node:util';
import type { Config } from './config/config.ts';

export class ConfigChanged extends Error {
  readonly code = 'CONFIG_CHANGED';
  readonly retryable = false;
  constructor(settings: readonly string[]) {
    super(`only routes and template can be changed while a node runs; these need a restart: ${settings.join(', ')}`);
  }
}

/** Names of settings that differ and that a running node cannot change. */
export function fixedSettings(before: Config, after: Config): string[] {
  const free: readonly string[] = ['routes', 'template'] satisfies (keyof Config)[];
  // Secrets show nothing of themselves when they are compared.
  const of = (config: Config, name: keyof Config) => (name === 'secrets' ? secretsGiven(config) : config[name]);
  return (Object.keys(before) as (keyof Config)[]).filter(
    (name) => !free.includes(name) && !isDeepStrictEqual(of(before, name), of(after, name)),
  );
}

/** Keys in files are read again by themselves. */
function secretsGiven({ secrets }: Config) {
  return [
    ...new Map(secrets.map(({ id, key, file }) => [id, file === undefined ? { id, key } : { id, file }])).values(),
  ];
}
