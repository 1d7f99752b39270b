// For how long the engine is to lock the jobs that it hands out, out of the request that asks for them (a poll, or a stream).
// A gRPC body is a flag, a length, then the message; the lock is field 3 of an ActivateJobsRequest and of a
// StreamActivatedJobsRequest alike.
import protobuf from 'protobufjs';

const FRAME_HEADER_BYTES = 5;
const TIMEOUT_FIELD = 3;

/** The calls that ask for jobs. */
export const JOB_QUERIES = ['ActivateJobs', 'StreamActivatedJobs'] as const;

/**
 * In ms; 0 is none, which the engine refuses.
 * @returns undefined when more bytes are needed
 * @throws when the message is compressed or damaged: then nobody knows how long a job may be hidden
 */
export function lockMsOf(body: Buffer): number | undefined {
  if (body.length < FRAME_HEADER_BYTES) return undefined;
  const end = FRAME_HEADER_BYTES + body.readUInt32BE(1);
  if (body.length < end) return undefined;
  if (body[0] !== 0) throw new Error('a request for jobs that cannot be read: it is compressed');
  const fields = protobuf.Reader.create(body.subarray(FRAME_HEADER_BYTES, end));
  while (fields.pos < fields.len) {
    const tag = fields.uint32();
    if (tag >>> 3 === TIMEOUT_FIELD) return Number(fields.int64());
    fields.skipType(tag & 7);
  }
  return 0;
}
