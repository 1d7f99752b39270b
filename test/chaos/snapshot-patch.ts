// Bridges of other snapshot versions, for upgrades: the source of the codec with fewer or more versions in it, put there by the
// module loader of a node's process (snapshot-hook.ts), for there is no switch in the product. Versions 1 and 2 are the
// product's own, and a node of version 1 is the product that does not know version 2 yet. The bytes of later ones differ,
// so that whoever reads one as another cannot but notice. Each reads and writes all versions up to its own.

export const CODEC = 'src/actors/snapshot-codec.ts';

interface Change {
  readonly from: string;
  readonly to: (version: number) => string;
}

/** Of this product as it is. */
const REAL = 2;

/** Of the nodes that a run begins with: those of the release before, so that the first upgrade is a real one. */
export const FIRST_VERSION = 1;

/** A node of the release before: it knows version 1 alone. */
const EARLIER: readonly Change[] = [
  {
    from: 'SNAPSHOT_VERSIONS_READ: readonly number[] = [1, 2];',
    to: () => 'SNAPSHOT_VERSIONS_READ: readonly number[] = [1];',
  },
];

/** One of a release to come, whose version is like the newest one, in other bytes. */
const LATER: readonly Change[] = [
  {
    from: 'SNAPSHOT_VERSIONS_READ: readonly number[] = [1, 2];',
    to: (version) =>
      `SNAPSHOT_VERSIONS_READ: readonly number[] = [${Array.from({ length: version }, (_, i) => i + 1)}];`,
  },
  { from: 'CODECS[version - 1]', to: () => `CODECS[Math.min(version, ${REAL}) - 1]` },
  {
    from: 'bytes.set(packed, 1);',
    to: () => `bytes.set(packed.map((byte) => byte ^ Math.max(0, version - ${REAL})), 1);`,
  },
  {
    from: 'codec.read(bytes.subarray(1))',
    to: () => `codec.read(Uint8Array.from(bytes.subarray(1), (byte) => byte ^ Math.max(0, version - ${REAL})))`,
  },
  {
    from: 'bytes[1] === RECORD_0 && bytes[2] === ENDED_1',
    to: () => `((at) => bytes[1] === (RECORD_0 ^ at) && bytes[2] === (ENDED_1 ^ at))(Math.max(0, bytes[0] - ${REAL}))`,
  },
];

/** @throws when the source is no longer what the changes were made for */
export function patched(source: string, version: number): string {
  return (version < REAL ? EARLIER : LATER).reduce((text, { from, to }) => {
    if (text.split(from).length !== 2)
      throw new Error(`${CODEC} no longer has exactly one "${from}": change the patch`);
    return text.replace(from, () => to(version));
  }, source);
}

/** A snapshot of any such version as one that this product reads. */
export function asReal(bytes: Uint8Array): Uint8Array {
  const version = bytes[0] ?? REAL;
  return version <= REAL ? bytes : Uint8Array.from(bytes, (byte, i) => (i === 0 ? REAL : byte ^ (version - REAL)));
}

/** What a node's process must be started with. */
export function nodeArgsFor(version: number): readonly string[] {
  if (version === REAL) return [];
  const hook = new URL('snapshot-hook.ts', import.meta.url);
  hook.searchParams.set('version', String(version));
  return ['--import', hook.href];
}
