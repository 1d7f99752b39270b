// Up to when have all replies been read? A reply deadline may fire only after that moment (design §5, Deadlines).
import type { Skew } from './skew.ts';

/**
 * What this node may say of its own progress: others compare it with deadlines of theirs, so from a clock that is ahead it
 * is set back, and nothing is said while that is not known.
 */
export function progressByServer(
  progress: Readonly<Record<string, number>>,
  skew: Pick<Skew, 'byServer'>,
): Record<string, number> {
  const known: Record<string, number> = {};
  for (const [partition, wallMs] of Object.entries(progress)) {
    const atMs = skew.byServer(wallMs);
    if (atMs !== undefined) known[partition] = Math.floor(atMs);
  }
  return known;
}

/**
 * @param partitions of the reply topic; 0 while unknown
 * @param reports per member: partition → wall ms up to which it has been read to its end
 * @returns the least over all partitions of the best that any member says, wall ms; 0: not known
 */
export function replyProgressMs(partitions: number, reports: readonly Readonly<Record<string, number>>[]): number {
  if (partitions === 0) return 0;
  let progressMs = Number.POSITIVE_INFINITY;
  for (let partition = 0; partition < partitions; partition++) {
    progressMs = Math.min(progressMs, Math.max(0, ...reports.map((report) => report[partition] ?? 0)));
  }
  return progressMs;
}
