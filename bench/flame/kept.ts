// The flame graphs that are kept in docs/flames.
import { existsSync, readFileSync } from 'node:fs';
import { type FlameNote, noteIn } from './note.ts';

export const FLAMES = ['full-load', 'full-load-3', 'alone', 'million-idle', 'million-pages', 'million-calls'] as const;
export type FlameName = (typeof FLAMES)[number];
/** undefined: none is kept. */
export type Flames = (name: FlameName) => FlameNote | undefined;

export const flameFile = (name: FlameName): URL => new URL(`../../docs/flames/${name}.svg`, import.meta.url);

export const keptFlames: Flames = (name) => {
  const file = flameFile(name);
  return existsSync(file) ? noteIn(readFileSync(file, 'utf8')) : undefined;
};
