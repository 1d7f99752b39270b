// What is written down of each CompleteJob, and the question it is written down for: was a job completed again although
// its node had been told, and had lived to make use of it? A node that dies with the answer in its hands cannot tell anybody,
// and its successor rightly asks again; so an answer counts only for a node that was still connected a second later.
//
// Every other answer counts, even one that came so close to the call's own deadline that it may have crossed with the giving
// up (no witness between the two can tell: both stand still now and then). Those are named beside the count, for
// whoever looks for the reason.
import { status } from '@grpc/grpc-js';

/** Times are wall clock ms of this machine. */
export interface CompleteCall {
  readonly node: string;
  readonly connection: number;
  readonly jobKey: string;
  readonly sentMs: number;
  /** How long the node waits for the answer; undefined: without end. */
  readonly timeoutMs: number | undefined;
  /** The gRPC code; undefined: no answer. */
  status?: number;
  answeredMs?: number;
}

const HEARD_AFTER_MS = 1_000;
const CROSSING_MS = 500;

/**
 * The jobs that were completed again.
 * @param closedMs when a connection closed; undefined: it is open
 */
export function completedTwice(
  calls: readonly CompleteCall[],
  closedMs: (connection: number) => number | undefined,
): ReadonlySet<string> {
  const heardMs = new Map<string, number>();
  for (const { jobKey, status: code, answeredMs, connection } of calls) {
    if (answeredMs === undefined || (code !== status.OK && code !== status.NOT_FOUND)) continue;
    if ((closedMs(connection) ?? Number.POSITIVE_INFINITY) <= answeredMs + HEARD_AFTER_MS) continue;
    heardMs.set(jobKey, Math.min(answeredMs, heardMs.get(jobKey) ?? Number.POSITIVE_INFINITY));
  }
  const again = calls.filter(({ jobKey, sentMs }) => sentMs > (heardMs.get(jobKey) ?? Number.POSITIVE_INFINITY));
  return new Set(again.map(({ jobKey }) => jobKey));
}

/** Whether the answer came after the call's deadline, or so shortly before it that its node may have given up. */
export function mayHaveCrossed({ sentMs, timeoutMs, answeredMs }: CompleteCall): boolean {
  return answeredMs !== undefined && answeredMs - sentMs >= (timeoutMs ?? Number.POSITIVE_INFINITY) - CROSSING_MS;
}

/** The same call, as if its answer had not been heard. */
export function unanswered({ answeredMs: _, ...call }: CompleteCall): CompleteCall {
  return call;
}

const FRAME_HEADER_BYTES = 5;
const JOB_KEY_TAG = 0x08; // field 1, varint

/**
 * The job of a CompleteJobRequest, from the first bytes of a gRPC body: a flag, a length, then the message, which every
 * known client begins with its first field.
 * @returns undefined when more bytes are needed
 * @throws when the message is compressed or begins otherwise: then nothing can be counted
 */
export function jobKeyOf(body: Uint8Array): string | undefined {
  if (body.length <= FRAME_HEADER_BYTES) return undefined;
  if (body[0] !== 0 || body[FRAME_HEADER_BYTES] !== JOB_KEY_TAG)
    throw new Error('a CompleteJob request that cannot be read: compressed, or without its jobKey first');
  let value = 0n;
  let shift = 0n;
  for (const byte of body.subarray(FRAME_HEADER_BYTES + 1)) {
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt.asIntN(64, value).toString();
    shift += 7n;
  }
  return undefined;
}

const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** The `grpc-timeout` header in ms; undefined: the call has no deadline. */
export function timeoutMsOf(header: string | readonly string[] | undefined): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(String(header)) ?? [];
  return digits === undefined ? undefined : Number(digits) * (UNIT_MS[unit] ?? 1);
}
