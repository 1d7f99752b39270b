// The names of things, as branded types: a job key cannot be passed where a shard or a revision is meant.
// All of them are plain strings and numbers at run time; `as` appears only here and where bytes are parsed.

declare const brand: unique symbol;
type Brand<T, B extends string> = T & { readonly [brand]: B };

/** Zeebe's job key, as decimal text (an int64 does not fit a number). */
export type JobKey = Brand<string, 'JobKey'>;
/** One of the fixed number of slices, 0-based. */
export type ShardId = Brand<number, 'ShardId'>;
/** A revision of the bucket: the stream sequence of the write. 0 means: nothing stands under the key. */
export type Revision = Brand<number, 'Revision'>;
/** Name of a node, `[A-Za-z0-9_-]{1,64}`. */
export type NodeName = Brand<string, 'NodeName'>;
/** One life of a node: new at every start and after every `lost`, `[A-Za-z0-9_-]{1,64}`. */
export type Incarnation = Brand<string, 'Incarnation'>;
/** What a service echoes: `hf1-<secret id>-<jobKey>-<attempt>-<MAC>`. */
export type CorrelationId = Brand<string, 'CorrelationId'>;
/** What limits, credits and room are kept by. */
export type Lane = Brand<string, 'Lane'>;

export const ABSENT = 0 as Revision;

/** FNV-1a, 32 bit, over the UTF-8 bytes of `text`. Job keys are ASCII digits, so char codes are the bytes. */
export function fnv1a32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text, 'utf8')) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

/** The shard of a job; this mapping can never change once a bucket holds data (design §2). */
export function shardOf(jobKey: JobKey, shards: number): ShardId {
  return (fnv1a32(jobKey) % shards) as ShardId;
}
