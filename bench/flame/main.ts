// `npm run flame -- NAME…`: measures, profiles and draws what docs/flames keeps, with the commit inside of each drawing; then
// docs/benchmarks.md says the new shares. `npm run flame -- PROFILE.cpuprofile SVG [--title TEXT] [--from S] [--to S]` draws a profile
// that a bench wrote with `--profile DIR`. Both print whose code took how much. Profiling costs: no figure comes out of it.
//
// Exit codes: 0 drawn, 1 something broke, 2 wrong usage or no profile.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { commit } from '../../test/support/commit.ts';
import { reportOf } from '../report.ts';
import type { BenchResult } from '../result.ts';
import { draw } from './draw.ts';
import { flameFile, keptFlames } from './kept.ts';
import { RECORDINGS, type RecordingName } from './recordings.ts';

const NAMES = Object.keys(RECORDINGS) as RecordingName[];
const USAGE = `npm run flame -- ${NAMES.join('|')} …
npm run flame -- PROFILE.cpuprofile SVG [--title TEXT] [--from SECONDS] [--to SECONDS]`;
const DOCS = new URL('../../docs/', import.meta.url);

process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]): Promise<number> {
  try {
    const text = { type: 'string' } as const;
    const options = { title: text, from: text, to: text };
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    const names = positionals.filter((name) => NAMES.includes(name as RecordingName)) as RecordingName[];
    if (positionals.length > 0 && names.length === positionals.length) return await record(names);
    const [profile, svg] = positionals;
    if (profile === undefined || svg === undefined || positionals.length > 2) throw new Error(`usage: ${USAGE}`);
    const [fromS, toS] = [seconds('--from', values.from, 0), seconds('--to', values.to, Number.POSITIVE_INFINITY)];
    const title = values.title ?? profile;
    const lines = await draw({
      profile,
      svg,
      title,
      commit: commit(),
      command: `npm run flame -- ${profile}`,
      fromS,
      toS,
    });
    process.stdout.write(`${lines.join('\n')}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`flame: ${(error as Error).message}\n`);
    return 2;
  }
}

async function record(names: readonly RecordingName[]): Promise<number> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-flame-'));
  try {
    for (const name of names) {
      const { run, flames } = RECORDINGS[name];
      await run(dir);
      for (const { flame, title, profile } of flames) {
        const command = `npm run flame -- ${name}`;
        const drawing = { profile: join(dir, `${profile}.cpuprofile`), svg: flameFile(flame), title, command };
        const lines = await draw({ ...drawing, commit: commit() });
        process.stdout.write(`\ndocs/flames/${flame}.svg\n${lines.join('\n')}\n`);
      }
    }
    const result = JSON.parse(await readFile(new URL('benchmarks.json', DOCS), 'utf8')) as BenchResult;
    await writeFile(new URL('benchmarks.md', DOCS), reportOf(result, keptFlames));
    return 0;
  } catch (error) {
    process.stderr.write(`flame: ${(error as Error).stack}\n`);
    return 1;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function seconds(flag: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  throw new Error(`${flag} is "${text}"; allowed: seconds, such as 12.5`);
}
