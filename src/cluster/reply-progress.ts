// Up to when have all replies been read? A reply deadline may fire only after that moment (design §5, Deadlines).

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
