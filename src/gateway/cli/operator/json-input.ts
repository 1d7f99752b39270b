// A JSON object given on the command line: literally, in a file, or on standard input (`-`). It is checked here, so that a typing
// error is found before anything is sent, and passed on as the text that it is.
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { show, UsageFault } from '../command-line.ts';

/** What the API takes is less; this only keeps a wrong file from filling the memory. */
const MAX_BYTES = 8 * 1024 * 1024;

/** @throws UsageFault */
export async function jsonObject(name: string, source: string, stdin: Readable): Promise<string> {
  const isLiteral = source.trimStart().startsWith('{');
  const text = isLiteral ? source : source === '-' ? await textOf(name, stdin) : await fileText(name, source);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UsageFault(`${name} is not JSON: ${(error as Error).message}; allowed is a JSON object`);
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    const found = value === null ? 'null' : Array.isArray(value) ? 'a list' : `a ${typeof value}`;
    throw new UsageFault(`${name} is ${found}; allowed is a JSON object`);
  }
  return text.trim();
}

async function fileText(name: string, path: string): Promise<string> {
  try {
    await using file = await open(path);
    const { size } = await file.stat();
    if (size > MAX_BYTES) throw tooLarge(name);
    return await file.readFile('utf8');
  } catch (error) {
    if (error instanceof UsageFault) throw error;
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new UsageFault(
      `${name}: the file ${show(path)} cannot be read (${why}); allowed is a file, "-" for standard input, or the object itself`,
    );
  }
}

async function textOf(name: string, stdin: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stdin) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes > MAX_BYTES) throw tooLarge(name);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function tooLarge(name: string): UsageFault {
  return new UsageFault(`${name} is larger than ${MAX_BYTES / 1024 / 1024} MiB`);
}
