// A bridge of a later snapshot version, for upgrades: the source of the codec with another version in it, put there by the
// module loader of a node's process (snapshot-hook.ts), for there is no switch in the product. The bytes of such a version
// differ, so that whoever reads one as another cannot but notice. The later code reads and writes all versions up to its own.

export const CODEC = 'src/actors/snapshot-codec.ts';

interface Change {
  readonly from: string;
  readonly to: (version: number) => string;
}

const CHANGES: readonly Change[] = [
  {
    from: 'export const SNAPSHOT_VERSIONS_READ: readonly number[] = [1];',
    to: (version) =>
      `export const SNAPSHOT_VERSIONS_READ: readonly number[] = [${Array.from({ length: version }, (_, i) => i + 1)}];`,
  },
  { from: 'if (version !== 1) throw', to: () => 'if (!SNAPSHOT_VERSIONS_READ.includes(version)) throw' },
  { from: 'bytes.set(packed, 1);', to: () => 'bytes.set(packed.map((byte) => byte ^ (version - 1)), 1);' },
  { from: 'if (bytes[1] !== RECORD_0)', to: () => 'if (((bytes[1] ?? 0) ^ (version - 1)) !== RECORD_0)' },
  {
    from: 'reader1.unpack(bytes.subarray(1))',
    to: () => 'reader1.unpack(Uint8Array.from(bytes.subarray(1), (byte) => byte ^ (version - 1)))',
  },
];

/** @throws when the source is no longer what the changes were made for */
export function patched(source: string, version: number): string {
  return CHANGES.reduce((text, { from, to }) => {
    if (text.split(from).length !== 2)
      throw new Error(`${CODEC} no longer has exactly one "${from}": change the patch`);
    return text.replace(from, () => to(version));
  }, source);
}

/** A snapshot of any such version as one of version 1, which everybody reads. */
export function asVersion1(bytes: Uint8Array): Uint8Array {
  const version = bytes[0] ?? 1;
  return Uint8Array.from(bytes, (byte, i) => (i === 0 ? 1 : byte ^ (version - 1)));
}

/** What a node's process must be started with. */
export function nodeArgsFor(version: number): readonly string[] {
  if (version === 1) return [];
  const hook = new URL('snapshot-hook.ts', import.meta.url);
  hook.searchParams.set('version', String(version));
  return ['--import', hook.href];
}
