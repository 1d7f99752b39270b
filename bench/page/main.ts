// `node bench/page/main.ts RESULT.json [--earlier OLD.json] --html FILE`: the page of a load run, from the result that
// `npm run load -- --json` wrote, beside an earlier one if it is given.
//
// Exit codes: 0 the page is written, 1 a file cannot be read or written or is not a result, 2 wrong usage.
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { parseResult, ResultError } from '../load/parse-result.ts';
import type { LoadResult } from '../load/result.ts';
import { pageOf } from './page.ts';

const USAGE = 'node bench/page/main.ts RESULT.json [--earlier OLD.json] --html FILE';

interface PageOptions {
  readonly result: string;
  readonly earlier: string | undefined;
  readonly html: string;
}

/** What is wrong with the command line, in one line. */
class UsageError extends Error {
  readonly code = 'USAGE';
}

/** What is wrong with a file. */
class FileError extends Error {
  readonly code = 'FILE';
}

try {
  const options = parseOptions(process.argv.slice(2));
  const result = await read(options.result);
  const earlier = options.earlier === undefined ? undefined : await read(options.earlier);
  const page = await pageOf(result, earlier);
  await writeFile(options.html, page).catch((error: Error) => {
    throw new FileError(`${options.html} cannot be written: ${error.message}`);
  });
  process.stdout.write(`${options.html}: ${Math.ceil(Buffer.byteLength(page) / 1024)} KiB\n`);
} catch (error) {
  if (!(error instanceof UsageError || error instanceof FileError)) throw error;
  process.stderr.write(`page: ${error.message}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}

function parseOptions(args: readonly string[]): PageOptions {
  const { values, positionals } = parse(args);
  const [result, second] = positionals;
  if (result === undefined) throw new UsageError(`the result's file is not named; usage: ${USAGE}`);
  if (second !== undefined) throw new UsageError(`"${second}" is one file too many; usage: ${USAGE}`);
  if (!values.html) throw new UsageError(`--html is not given; usage: ${USAGE}`);
  return { result, earlier: values.earlier, html: values.html };
}

function parse(args: readonly string[]) {
  try {
    const options = { earlier: { type: 'string' }, html: { type: 'string' } } as const;
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    const [line = ''] = (error as Error).message.split(/\.? To specify|\n/, 1);
    throw new UsageError(`${line}; usage: ${USAGE}`);
  }
}

async function read(file: string): Promise<LoadResult> {
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new FileError(`${file} cannot be read: ${error.message}`);
  });
  try {
    return parseResult(text);
  } catch (error) {
    if (!(error instanceof ResultError)) throw error;
    throw new FileError(`${file} is not the result of a load run:\n${error.message}`);
  }
}
