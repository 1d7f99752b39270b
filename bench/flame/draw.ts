// From a CPU profile to a drawing that says of itself what it is.
import { readFile, writeFile } from 'node:fs/promises';
import type { FlameNote } from './note.ts';
import { svgOf } from './svg.ts';
import { type CpuProfile, idleShareOf, sharesOf, treeOf } from './tree.ts';

/** Of the shares that are told. */
const LEAST_SHARE = 0.005;

export interface Drawing {
  readonly profile: string;
  readonly svg: string | URL;
  readonly title: string;
  readonly commit: string;
  readonly command: string;
  /** Seconds of the profile to keep; default: all. */
  readonly fromS?: number;
  readonly toS?: number;
}

/** Answers what it has drawn, in lines. @throws when the profile has no sample in between */
export async function draw({ profile, svg, title, commit, command, fromS, toS }: Drawing): Promise<readonly string[]> {
  const samples = JSON.parse(await readFile(profile, 'utf8')) as CpuProfile;
  const tree = treeOf(samples, fromS, toS);
  if (tree.totalMs === 0) throw new Error(`${profile} has no sample between ${fromS ?? 0} s and ${toS ?? 'its end'}`);
  const shares = sharesOf(tree)
    .filter(({ share }) => share >= LEAST_SHARE)
    .map(({ name, share }) => ({ name, share: Number(share.toFixed(4)) }));
  const note: FlameNote = { commit, command, idle: Number(idleShareOf(samples, fromS, toS).toFixed(4)), shares };
  await writeFile(svg, svgOf(tree, `${title} (commit ${commit})`, note));
  const percent = (share: number) => `${(100 * share).toFixed(1).padStart(5)} %`;
  return [
    `${(tree.totalMs / 1_000).toFixed(1)} s on the CPU, idle for ${percent(note.idle).trim()} of the time`,
    ...shares.map(({ name, share }) => `${percent(share)}  ${name}`),
  ];
}
