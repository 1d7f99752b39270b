// Activated jobs out of their bytes, read by hand: one arrives for every call, and the proto library makes an object of its own
// of each, and a Long of each key, before there is a job (what that takes of a node: docs/flames/full-load.svg).
//
// The encoding is protobuf's ("Message Structure" in its documentation), the field numbers are those of ActivatedJob in the
// SDK's zeebe.proto. What must hold: whatever the library reads is read here too, to the last digit; a field that is not known
// is skipped (but for groups, which proto3 has none of); bytes that are none of such a message are refused, and never half read.
import type { ActivatedJob } from '../ports.ts';

const VARINT = 0;
const FIXED_64 = 1;
const DELIMITED = 2;
const FIXED_32 = 5;
const UNKNOWN = -1;

/** @throws RangeError when the bytes are no ActivatedJob */
export function decodeJob(bytes: Buffer): ActivatedJob {
  return jobOf(new Fields(bytes, 0, bytes.length));
}

/** Of an ActivateJobsResponse. @throws RangeError */
export function decodeJobs(bytes: Buffer): ActivatedJob[] {
  const jobs: ActivatedJob[] = [];
  const fields = new Fields(bytes, 0, bytes.length);
  while (fields.next()) {
    if (fields.number === 1) jobs.push(jobOf(fields.message()));
    else fields.skip();
  }
  return jobs;
}

function jobOf(fields: Fields): ActivatedJob {
  let [key, processInstanceKey, processDefinitionKey, elementInstanceKey] = ['0', '0', '0', '0'];
  let [type, bpmnProcessId, elementId, customHeaders, worker, variables, tenantId] = ['', '', '', '', '', '', ''];
  let [processDefinitionVersion, retries, deadlineMs] = [0, 0, 0];
  while (fields.next()) {
    switch (fields.number) {
      case 1:
        key = fields.int64();
        break;
      case 2:
        type = fields.string();
        break;
      case 3:
        processInstanceKey = fields.int64();
        break;
      case 4:
        bpmnProcessId = fields.string();
        break;
      case 5:
        processDefinitionVersion = fields.int32();
        break;
      case 6:
        processDefinitionKey = fields.int64();
        break;
      case 7:
        elementId = fields.string();
        break;
      case 8:
        elementInstanceKey = fields.int64();
        break;
      case 9:
        customHeaders = fields.string();
        break;
      case 10:
        worker = fields.string();
        break;
      case 11:
        retries = fields.int32();
        break;
      case 12:
        deadlineMs = Number(fields.int64());
        break;
      case 13:
        variables = fields.string();
        break;
      case 14:
        tenantId = fields.string();
        break;
      default:
        fields.skip();
    }
  }
  return {
    key,
    type,
    processInstanceKey,
    bpmnProcessId,
    processDefinitionVersion,
    processDefinitionKey,
    elementId,
    elementInstanceKey,
    customHeaders,
    worker,
    retries,
    deadlineMs,
    variables,
    tenantId,
  };
}

/** The fields of one message, one after another: after `next` its number is known, and its value is to be taken or skipped. */
class Fields {
  number = 0;
  #wireType = 0;
  readonly #bytes: Buffer;
  #at: number;
  readonly #end: number;
  /** The last varint: 28 bits, 28 bits, and what is above. */
  #low = 0;
  #middle = 0;
  #high = 0;

  constructor(bytes: Buffer, at: number, end: number) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
  }

  next(): boolean {
    if (this.#at === this.#end) return false;
    this.#varint();
    // No field of a job has a number that needs more bits than these.
    this.number = this.#middle === 0 && this.#high === 0 ? this.#low >>> 3 : UNKNOWN;
    this.#wireType = this.#low & 7;
    return true;
  }

  /** As decimal text: a key may be beyond what a number holds. */
  int64(): string {
    this.#must(VARINT);
    this.#varint();
    if (this.#high === 0 && this.#middle < 2 ** 25) return String(this.#middle * 2 ** 28 + this.#low);
    const bits = (BigInt(this.#high) << 56n) | (BigInt(this.#middle) << 28n) | BigInt(this.#low);
    return BigInt.asIntN(64, bits).toString();
  }

  int32(): number {
    this.#must(VARINT);
    this.#varint();
    return (this.#middle << 28) | this.#low;
  }

  string(): string {
    const end = this.#delimited();
    const text = this.#bytes.toString('utf8', this.#at, end);
    this.#at = end;
    return text;
  }

  message(): Fields {
    const end = this.#delimited();
    const inner = new Fields(this.#bytes, this.#at, end);
    this.#at = end;
    return inner;
  }

  skip(): void {
    if (this.#wireType === VARINT) this.#varint();
    else if (this.#wireType === DELIMITED) this.#at = this.#delimited();
    else if (this.#wireType === FIXED_64) this.#forward(8);
    else if (this.#wireType === FIXED_32) this.#forward(4);
    else throw new RangeError(`field ${this.number} of a job has the wire type ${this.#wireType}, which is none`);
  }

  #must(wireType: number): void {
    if (this.#wireType === wireType) return;
    throw new RangeError(`field ${this.number} of a job has the wire type ${this.#wireType}, not ${wireType}`);
  }

  /** Where it ends; it begins at `#at`. */
  #delimited(): number {
    this.#must(DELIMITED);
    this.#varint();
    const end = this.#at + this.#middle * 2 ** 28 + this.#low;
    if (this.#high !== 0 || end > this.#end)
      throw new RangeError(`field ${this.number} of a job ends beyond its message`);
    return end;
  }

  #forward(bytes: number): void {
    this.#at += bytes;
    if (this.#at > this.#end) throw new RangeError(`field ${this.number} of a job ends beyond its message`);
  }

  #varint(): void {
    this.#low = this.#septets(4);
    this.#middle = this.#more ? this.#septets(4) : 0;
    this.#high = this.#more ? this.#septets(2) : 0;
    if (this.#more) throw new RangeError('a number in a job is longer than ten bytes');
  }

  /** Whether the septet before said that another one follows. */
  #more = false;

  #septets(most: number): number {
    let value = 0;
    for (let shift = 0; shift < 7 * most; shift += 7) {
      if (this.#at >= this.#end) throw new RangeError('a job ends within a number');
      const byte = this.#bytes[this.#at++] as number;
      value |= (byte & 0x7f) << shift;
      this.#more = byte >= 0x80;
      if (!this.#more) break;
    }
    return value;
  }
}
