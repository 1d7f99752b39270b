// The correlation id: what a service echoes, and all that a reply needs to find its job.
//
//   hf1-<secret id>-<jobKey in base36>-<attempt>-<MAC>
//
// The MAC is the first 128 bits of HMAC-SHA-256(secret, "<cluster>\n<jobKey decimal>\n<attempt>"), in lower-case RFC 4648
// base32 without padding. It is checked before anything is looked up, so nobody who cannot sign makes the cluster work.
// Every part has exactly one spelling; one character changed is another id, never the same job. A cluster's name has no
// line break ([a-z0-9-]), so the text under the MAC has one reading too. At most 60 bytes.
import { timingSafeEqual } from 'node:crypto';
import { HmacSha256 } from './hmac.ts';
import type { CorrelationId, JobKey } from './ids.ts';

export interface Secret {
  /** `[a-z0-9]{1,8}`, see SECRET_ID. */
  readonly id: string;
  readonly key: Uint8Array;
}

/**
 *  - `ok`: signed by one of the secrets, for this cluster.
 *  - `forged`: of our form, but not signed by a secret that we know.
 *  - `unknown`: not of our form; it may still be an alias.
 */
export type Verdict =
  | { readonly kind: 'ok'; readonly jobKey: JobKey; readonly attempt: number; readonly secretId: string }
  | { readonly kind: 'forged'; readonly reason: 'wrongMac' | 'unknownSecret' }
  | { readonly kind: 'unknown' };

export const SECRET_ID = /^[a-z0-9]{1,8}$/;
export const MAX_ATTEMPT = 999_999;
export const MAX_CORRELATION_ID_BYTES = 64;

/** How an id of ours begins, whoever signed it; what begins otherwise may be a business key. */
export const OURS = /^hf1-/;

const FORM = /^hf1-([a-z0-9]{1,8})-([1-9a-z][0-9a-z]{0,12})-([1-9][0-9]{0,5})-([a-z2-7]{26})$/;
const DECIMAL = /^[1-9][0-9]{0,18}$/;
const MAX_JOB_KEY = 2n ** 63n - 1n;
const MAC_BYTES = 16;
const UNKNOWN: Verdict = { kind: 'unknown' };

/**
 * @param attempt 1 to MAX_ATTEMPT
 * @throws RangeError when a part is out of its range
 */
export function makeCorrelationId(secret: Secret, cluster: string, jobKey: JobKey, attempt: number): CorrelationId {
  if (!SECRET_ID.test(secret.id)) throw new RangeError('the id of a secret is 1 to 8 of a-z and 0-9');
  if (!Number.isInteger(attempt) || attempt < 1 || attempt > MAX_ATTEMPT) {
    throw new RangeError(`attempt ${attempt} is not a whole number from 1 to ${MAX_ATTEMPT}`);
  }
  const key = DECIMAL.test(jobKey) ? BigInt(jobKey) : 0n;
  if (key < 1n || key > MAX_JOB_KEY) throw new RangeError(`jobKey "${jobKey}" is not a decimal from 1 to 2^63-1`);
  const mac = macOf(secret, cluster, jobKey, attempt);
  return `hf1-${secret.id}-${key.toString(36)}-${attempt}-${mac}` as CorrelationId;
}

/**
 * Never throws, whatever the bytes are.
 * @param id the text, or its bytes as they came in a Kafka header or key
 * @param secrets all that verify at present; several may be of one id
 */
export function verifyCorrelationId(id: string | Uint8Array, secrets: readonly Secret[], cluster: string): Verdict {
  if (id.length > MAX_CORRELATION_ID_BYTES) return UNKNOWN;
  const text = typeof id === 'string' ? id : Buffer.from(id.buffer, id.byteOffset, id.length).toString('latin1');
  const [, secretId, base36, decimal, mac] = FORM.exec(text) ?? [];
  if (secretId === undefined || base36 === undefined || decimal === undefined || mac === undefined) return UNKNOWN;
  const key = fromBase36(base36);
  if (key > MAX_JOB_KEY) return UNKNOWN;
  const jobKey = key.toString() as JobKey;
  const attempt = Number(decimal);
  let reason: 'wrongMac' | 'unknownSecret' = 'unknownSecret';
  for (const secret of secrets) {
    if (secret.id !== secretId) continue;
    if (isSame(mac, macOf(secret, cluster, jobKey, attempt))) return { kind: 'ok', jobKey, attempt, secretId };
    reason = 'wrongMac';
  }
  return { kind: 'forged', reason };
}

/** The texts are compared, not what they decode to: the last character carries two bits that decoding would ignore. */
function isSame(mac: string, expected: string): boolean {
  return timingSafeEqual(Buffer.from(mac, 'latin1'), Buffer.from(expected, 'latin1'));
}

/** The job that an id of our form names, whoever signed it: for people who look for it, never to act on. */
export function namedJob(id: string): JobKey | undefined {
  const base36 = id.length > MAX_CORRELATION_ID_BYTES ? undefined : FORM.exec(id)?.[2];
  const key = base36 === undefined ? undefined : fromBase36(base36);
  return key === undefined || key > MAX_JOB_KEY ? undefined : (key.toString() as JobKey);
}

function macOf(secret: Secret, cluster: string, jobKey: JobKey, attempt: number): string {
  const mac = keyed(secret).hex(`${cluster}\n${jobKey}\n${attempt}`);
  return base32(mac.slice(0, 2 * MAC_BYTES));
}

const keyedBy = new WeakMap<Uint8Array, HmacSha256>();

function keyed({ key }: Secret): HmacSha256 {
  let hmac = keyedBy.get(key);
  if (!hmac) {
    hmac = new HmacSha256(key);
    keyedBy.set(key, hmac);
  }
  return hmac;
}

const LOW_DIGITS = 7;

/** Two numbers that are exact (36^7 < 2^53), joined. */
function fromBase36(digits: string): bigint {
  const low = BigInt(Number.parseInt(digits.slice(-LOW_DIGITS), 36));
  if (digits.length <= LOW_DIGITS) return low;
  return BigInt(Number.parseInt(digits.slice(0, -LOW_DIGITS), 36)) * 36n ** BigInt(LOW_DIGITS) + low;
}

const HEX = '0123456789abcdef';
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

/** RFC 4648 base32 in lower case, without padding, of bytes in hex. */
function base32(hex: string): string {
  let text = '';
  let bits = 0;
  let held = 0;
  for (let i = 0; i < hex.length; i++) {
    held = (held << 4) | HEX.indexOf(hex.charAt(i));
    bits += 4;
    if (bits < 5) continue;
    bits -= 5;
    text += ALPHABET[held >>> bits];
    held &= (1 << bits) - 1;
  }
  return bits > 0 ? text + ALPHABET[(held << (5 - bits)) & 31] : text;
}
