// Which release of Kafka stands behind a level of `metadata.version`. A broker tells no version of itself, but how far it could go, and
// how far its cluster has gone.

type Release = readonly [firstLevel: number, release: string];

/** The newest that the tests run with. It has one level only: one above that is of a later release. */
const NEWEST: Release = [30, '4.3'];
export const KAFKA_TESTED = NEWEST[1];

/** In order (MetadataVersion.java of Kafka 4.3.1). */
const RELEASES: readonly Release[] = [
  [1, '3.0'],
  [2, '3.1'],
  [3, '3.2'],
  [4, '3.3'],
  [8, '3.4'],
  [9, '3.5'],
  [12, '3.6'],
  [15, '3.7'],
  [20, '3.8'],
  [21, '3.9'],
  [22, '4.0'],
  [26, '4.1'],
  [28, '4.2'],
  NEWEST,
];

/** `4.3`; of a level that is not known here: `newer than 4.3`. */
export function releaseOf(level: number): string {
  if (level > NEWEST[0]) return `newer than ${KAFKA_TESTED}`;
  return RELEASES.findLast(([firstLevel]) => firstLevel <= level)?.[1] ?? 'older than 3.0';
}
