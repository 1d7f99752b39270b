// `node bench/flame/main.ts PROFILE.cpuprofile SVG [--title TEXT] [--from S] [--to S]`: draws a CPU profile that a bench wrote with
// `--profile DIR`, and prints whose code took how much. Exit codes: 0 drawn, 2 wrong usage or no profile.
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { svgOf } from './svg.ts';
import { type CpuProfile, sharesOf, treeOf } from './tree.ts';

const USAGE = 'node bench/flame/main.ts PROFILE.cpuprofile SVG [--title TEXT] [--from SECONDS] [--to SECONDS]';
/** Of the shares that are printed. */
const LEAST_SHARE = 0.005;

process.exit(await main(process.argv.slice(2)));

async function main(args: readonly string[]): Promise<number> {
  try {
    const text = { type: 'string' } as const;
    const options = { title: text, from: text, to: text };
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    const [from, to] = positionals;
    if (from === undefined || to === undefined || positionals.length > 2) throw new Error(`usage: ${USAGE}`);
    const [fromS, toS] = [seconds('--from', values.from, 0), seconds('--to', values.to, Number.POSITIVE_INFINITY)];
    const tree = treeOf(JSON.parse(await readFile(from, 'utf8')) as CpuProfile, fromS, toS);
    if (tree.totalMs === 0) throw new Error(`${from} has no sample between ${fromS} s and ${toS} s`);
    await writeFile(to, svgOf(tree, values.title ?? from));
    process.stdout.write(`${(tree.totalMs / 1_000).toFixed(1)} s on the CPU\n`);
    for (const { name, share } of sharesOf(tree)) {
      if (share >= LEAST_SHARE) process.stdout.write(`${(100 * share).toFixed(1).padStart(5)} %  ${name}\n`);
    }
    return 0;
  } catch (error) {
    process.stderr.write(`flame: ${(error as Error).message}\n`);
    return 2;
  }
}

function seconds(flag: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  throw new Error(`${flag} is "${text}"; allowed: seconds, such as 12.5`);
}
