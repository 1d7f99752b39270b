// Kafka's hash of a key, by which every client takes a record to its partition: murmur2, as the Java client has it
// (org.apache.kafka.common.utils.Utils), made positive. kafkajs has it too, in big integers, which cost twenty times as much.
const SEED = 0x9747b28c;
const FACTOR = 0x5bd1e995;

/** To be taken modulo the number of partitions. */
export function hashOfKey(key: Uint8Array): number {
  const { length } = key;
  const wholeBytes = length & ~3;
  const byte = (at: number) => key[at] ?? 0;
  let hash = SEED ^ length;
  for (let at = 0; at < wholeBytes; at += 4) {
    let word = byte(at) | (byte(at + 1) << 8) | (byte(at + 2) << 16) | (byte(at + 3) << 24);
    word = Math.imul(word, FACTOR);
    word = Math.imul(word ^ (word >>> 24), FACTOR);
    hash = Math.imul(hash, FACTOR) ^ word;
  }
  if (wholeBytes < length) {
    hash ^= byte(wholeBytes) | (byte(wholeBytes + 1) << 8) | (byte(wholeBytes + 2) << 16);
    hash = Math.imul(hash, FACTOR);
  }
  hash = Math.imul(hash ^ (hash >>> 13), FACTOR);
  return (hash ^ (hash >>> 15)) & 0x7fffffff;
}
