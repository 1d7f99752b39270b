// Jobs as bytes of the gateway's protocol, put together by hand: nearly all of a job is the same as of the one before, so
// only its key and its lock's end are written anew. The double would otherwise spend more on its messages than the bridge.
// A field may stand anywhere in a message and is skipped by its wire type (protobuf's encoding, "Message Structure").
import type { GatewayService, WireJob } from '../../src/gateway/zeebe/protocol.ts';

const KEY_TAG = 0x08; // field 1, varint
const DEADLINE_TAG = 0x60; // field 12, varint
const JOBS_TAG = 0x0a; // field 1 of ActivateJobsResponse, length-delimited
const MAX_VARINT_BYTES = 10;
const VARINT = 0;
const FIXED_64 = 1;
const DELIMITED = 2;
const FIXED_32 = 5;

/** @param key below 2^53 */
export type JobBytes = (key: number, deadlineMs: number) => Buffer;

/** @param alike everything that all these jobs have in common; its key and deadline do not count */
export function jobBytesOf(service: GatewayService, alike: WireJob): JobBytes {
  // As the proto's own code writes it; fields of default value are left out.
  const { responseSerialize } = service.StreamActivatedJobs;
  const rest = responseSerialize({ ...alike, key: '0', deadline: '0' });
  return (key, deadlineMs) => {
    const bytes = Buffer.allocUnsafe(rest.length + 2 * (1 + MAX_VARINT_BYTES));
    let at = rest.copy(bytes);
    // The last value of a field counts, so zeros that stand before do no harm.
    bytes[at++] = KEY_TAG;
    at = writeVarint(bytes, at, key);
    bytes[at++] = DEADLINE_TAG;
    at = writeVarint(bytes, at, deadlineMs);
    return bytes.subarray(0, at);
  };
}

/** One ActivateJobsResponse. */
export function activateResponse(jobs: readonly Buffer[]): Buffer {
  const parts = jobs.flatMap((job) => {
    const head = Buffer.allocUnsafe(1 + MAX_VARINT_BYTES);
    head[0] = JOBS_TAG;
    return [head.subarray(0, writeVarint(head, 1, job.length)), job];
  });
  return Buffer.concat(parts);
}

/** Field 1 of a command, which is its job's key in all of them; 0 when there is none. */
export function jobKeyIn(bytes: Uint8Array): number {
  let key = 0;
  for (let at = 0; at < bytes.length; ) {
    const tag = readVarint(bytes, at);
    at = tag.next;
    if (tag.value === KEY_TAG) ({ value: key, next: at } = readVarint(bytes, at));
    else at = skip(bytes, at, tag.value & 7);
  }
  return key;
}

function skip(bytes: Uint8Array, at: number, wireType: number): number {
  if (wireType === VARINT) return readVarint(bytes, at).next;
  if (wireType === FIXED_64) return at + 8;
  if (wireType === FIXED_32) return at + 4;
  if (wireType !== DELIMITED) throw new RangeError(`wire type ${wireType} is not of proto3`);
  const { value: length, next } = readVarint(bytes, at);
  return next + length;
}

function readVarint(bytes: Uint8Array, at: number): { readonly value: number; readonly next: number } {
  let value = 0;
  for (let shift = 1, next = at; next < bytes.length; shift *= 128) {
    const byte = bytes[next++]!;
    value += (byte & 127) * shift;
    if (byte < 128) return { value, next };
  }
  throw new RangeError('the message ends within a number');
}

function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value;
  let next = at;
  while (rest >= 128) {
    bytes[next++] = (rest % 128) + 128;
    rest = Math.floor(rest / 128);
  }
  bytes[next++] = rest;
  return next;
}
