// The flame graphs that are kept in docs/flames.
import { readFileSync } from 'node:fs';
import { type FlameNote, noteIn } from './note.ts';

export const FLAMES = ['full-load', 'alone', 'million-idle', 'million-pages', 'million-calls'] as const;
export type FlameName = (typeof FLAMES)[number];
/** @throws when there is none of this name */
export type Flames = (name: FlameName) => FlameNote;

export const flameFile = (name: FlameName): URL => new URL(`../../docs/flames/${name}.svg`, import.meta.url);

export const keptFlames: Flames = (name) => noteIn(readFileSync(flameFile(name), 'utf8'));
