// How much an LZ4 frame decompresses to, found without decompressing it: the decoder at hand takes no limit, and the format
// lets each byte stand for 255. The blocks' sequences are walked from length to length, at the cost of the compressed size.
//
// Formats: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md and lz4_Block_format.md
const MAGIC = 0x184d2204;
/** Of the block's size: it is stored as it is. */
const STORED = 0x8000_0000;
const MIN_MATCH_BYTES = 4;

/** Of all frames that follow one another. Not less than the decoder makes of it; data that is damaged is the decoder's to refuse. */
export function plainBytesOfLz4(data: Buffer): number {
  let [plain, at] = [0, 0];
  do {
    // Others are legacy frames, with blocks of 8 MB, and frames to be skipped: no producer of Kafka writes them.
    if (data.length < 7 || data.readUInt32LE(at) !== MAGIC) throw new Error('no LZ4 frame');
    const flags = data[at + 4] as number;
    const [blockSums, contentSize, contentSum, dictionary] = [flags & 0x10, flags & 0x08, flags & 0x04, flags & 0x01];
    at += 7 + (contentSize ? 8 : 0) + (dictionary ? 4 : 0);
    for (;;) {
      if (at + 4 > data.length) return plain;
      const size = data.readUInt32LE(at);
      at += 4;
      if (size === 0) break;
      const bytes = size % STORED;
      plain += size >= STORED ? bytes : plainBytesOfBlock(data.subarray(at, at + bytes));
      at += bytes + (blockSums ? 4 : 0);
    }
    at += contentSum ? 4 : 0;
  } while (at + 7 <= data.length);
  return plain;
}

/** Sequences of a token, literals, and a match with the distance to it; the last one has no match. */
function plainBytesOfBlock(block: Buffer): number {
  let [plain, at] = [0, 0];
  const length = (nibble: number): number => {
    let sum = nibble;
    if (nibble < 15) return sum;
    for (;;) {
      const more = block[at++] ?? 0;
      sum += more;
      if (more < 255) return sum;
    }
  };
  while (at < block.length) {
    const token = block[at++] as number;
    const literals = length(token >> 4);
    plain += literals;
    at += literals;
    if (at >= block.length) break;
    at += 2;
    plain += length(token & 15) + MIN_MATCH_BYTES;
  }
  return plain;
}
