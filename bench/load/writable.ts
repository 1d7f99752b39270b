// Whether a result can be written where the command line wants it. Told before a run, for after it the result would be lost;
// and found out by opening the file, because only that says all of it: no such directory, a directory itself, no right to it, a
// file system that takes nothing.
import { lstat, open, rm } from 'node:fs/promises';
import { ScenarioError } from './scenario.ts';

/** Leaves everything as it was. @param file undefined: nothing is to be written @throws ScenarioError that names the flag */
export async function checkWritable(flag: string, file: string | undefined): Promise<void> {
  if (file === undefined) return;
  const isThere = await lstat(file).then(
    () => true,
    () => false,
  );
  try {
    await (await open(file, 'a')).close();
    if (!isThere) await rm(file);
  } catch (error) {
    throw new ScenarioError(
      `${flag}: found "${file}"; allowed: a file that can be written (${(error as Error).message})`,
    );
  }
}
