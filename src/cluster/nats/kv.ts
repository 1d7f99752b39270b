// The jobs bucket on JetStream: stream `KV_<bucket>`, one subject `$KV.<bucket>.<key>` per key, as every KV client has it.
// What must hold: a write is one try of a compare-and-set, and the answer says no more than the server did. Whatever is
// not plainly "stored", "another revision stands" or "can never be" is in doubt, because it may have landed or land later.
// Reads ask the stream's leader (the bucket has direct gets off, which followers may answer with old data).
import { type MsgHdrs, MsgHdrsImpl } from '@nats-io/transport-node';
import { ABSENT, type Revision } from '../../actors/ids.ts';
import {
  type KvEntry,
  type KvPort,
  type KvPutAnswer,
  type KvPutOptions,
  KvUnavailable,
  type KvWatch,
  type KvWatchHandler,
  type KvWatchOptions,
} from '../ports.ts';
import { type ApiError, callApi, describe, ErrCode, JsApiError } from './api.ts';
import type { NatsLink } from './connection.ts';
import type { Inbox } from './inbox.ts';
import { openWatch, readBucketId, type StreamInfo } from './watch.ts';

/** A write without an answer for this long is in doubt; also what "cut off from JetStream" is measured by. */
const WRITE_TIMEOUT_MS = 1_000;
const READ_TIMEOUT_MS = 2_000;

/** What can never succeed for this record, however often it is sent. */
const NEVER = new Set<number>([
  ErrCode.messageTooLarge,
  ErrCode.headerTooLarge,
  ErrCode.streamSealed,
  ErrCode.ttlInvalid,
  ErrCode.ttlDisabled,
]);

interface StoredMessage {
  readonly message: {
    readonly subject: string;
    readonly seq: number;
    readonly time: string;
    readonly data?: string;
    readonly hdrs?: string;
  };
}

interface PubAck {
  readonly seq?: number;
  readonly error?: ApiError;
}

export class NatsKv implements KvPort {
  readonly #link: NatsLink;
  readonly #inbox: Inbox;
  readonly #stream: string;
  readonly #subjects: string;

  constructor(link: NatsLink, inbox: Inbox, bucket: string) {
    this.#link = link;
    this.#inbox = inbox;
    this.#stream = `KV_${bucket}`;
    this.#subjects = `$KV.${bucket}.`;
  }

  async put(key: string, value: Uint8Array, expected: Revision, options?: KvPutOptions): Promise<KvPutAnswer> {
    const answer = await this.#try(key, value, expected, options);
    if (answer.kind !== 'refused' || answer.revision === ABSENT) return answer;
    // Somebody may have deleted the key by hand (`nats kv del`). The marker that stands then counts as absent.
    const standing = await this.#read({ seq: answer.revision }).catch(() => undefined);
    if (standing === undefined || standing.key !== key || !standing.deleted) return answer;
    return expected === ABSENT
      ? this.#try(key, value, answer.revision, options)
      : { kind: 'refused', revision: ABSENT };
  }

  async get(key: string): Promise<KvEntry | undefined> {
    return present(await this.#read({ last_by_subj: this.#subjects + key }));
  }

  async getRevision(revision: Revision): Promise<KvEntry | undefined> {
    return present(await this.#read({ seq: revision }));
  }

  async bucketId(): Promise<string> {
    const call = `STREAM.INFO.${this.#stream}`;
    return readBucketId(await unavailable(callApi<StreamInfo>(this.#inbox, call, {}, READ_TIMEOUT_MS)));
  }

  watch(
    filters: readonly string[],
    handler: KvWatchHandler,
    { afresh = false }: KvWatchOptions = {},
  ): Promise<KvWatch> {
    const source = { link: this.#link, inbox: this.#inbox, stream: this.#stream, subjects: this.#subjects };
    return unavailable(openWatch(source, filters, handler, afresh));
  }

  async #try(key: string, value: Uint8Array, expected: Revision, options?: KvPutOptions): Promise<KvPutAnswer> {
    const headers = writeHeaders(expected, options?.ttlMs);
    const answer = await this.#inbox.ask(this.#subjects + key, value, WRITE_TIMEOUT_MS, headers);
    if (answer.kind === 'denied') return { kind: 'never', reason: `${key}: ${answer.reason}` };
    if (answer.kind === 'disconnected' && !answer.asked) return { kind: 'notSent', reason: answer.kind };
    if (answer.kind !== 'answer') return { kind: 'inDoubt', reason: answer.kind };
    try {
      return readAck(answer.message.json<PubAck>());
    } catch (error) {
      return { kind: 'inDoubt', reason: `an answer that is no acknowledgement: ${(error as Error).message}` };
    }
  }

  async #read(which: { seq: number } | { last_by_subj: string }): Promise<ReadEntry | undefined> {
    try {
      const call = `STREAM.MSG.GET.${this.#stream}`;
      const { message } = await callApi<StoredMessage>(this.#inbox, call, which, READ_TIMEOUT_MS);
      return {
        key: message.subject.slice(this.#subjects.length),
        value: new Uint8Array(Buffer.from(message.data ?? '', 'base64')),
        revision: message.seq as Revision,
        writtenMs: Date.parse(message.time),
        deleted: isMarker(message.hdrs === undefined ? '' : Buffer.from(message.hdrs, 'base64').toString()),
      };
    } catch (error) {
      if (error instanceof JsApiError && error.errCode === ErrCode.noMessageFound) return undefined;
      return unavailable(Promise.reject(error));
    }
  }
}

interface ReadEntry extends KvEntry {
  readonly deleted: boolean;
}

function present(entry: ReadEntry | undefined): KvEntry | undefined {
  if (entry === undefined || entry.deleted) return undefined;
  const { deleted, ...rest } = entry;
  return rest;
}

/** A record that says "deleted" instead of holding a value (ADR-8 and ADR-43 of NATS). */
function isMarker(headers: string): boolean {
  return /^(KV-Operation: *(DEL|PURGE)|Nats-Marker-Reason:)/m.test(headers);
}

function writeHeaders(expected: Revision, ttlMs: number | undefined): MsgHdrs {
  const record: Record<string, string[]> = { 'Nats-Expected-Last-Subject-Sequence': [String(expected)] };
  if (ttlMs !== undefined) record['Nats-TTL'] = [`${Math.max(1, Math.ceil(ttlMs / 1_000))}s`];
  return MsgHdrsImpl.fromRecord(record);
}

function readAck({ seq, error }: PubAck): KvPutAnswer {
  if (error === undefined && seq !== undefined && seq > 0) return { kind: 'stored', revision: seq as Revision };
  if (error === undefined) return { kind: 'inDoubt', reason: 'an acknowledgement without a sequence' };
  const errCode = error.err_code ?? error.code;
  const standing = /wrong last sequence: (\d+)$/.exec(error.description ?? '')?.[1];
  if (errCode === ErrCode.wrongLastSequence && standing !== undefined)
    return { kind: 'refused', revision: Number(standing) as Revision };
  // Everything else, 10164 (another write to the key is in flight) above all, may be over at the next try.
  return { kind: NEVER.has(errCode) ? 'never' : 'inDoubt', reason: describe(error) };
}

/** A refusal by the API (bucket missing, no leader yet) is for readers the same as no answer: ask again. */
async function unavailable<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw error instanceof KvUnavailable ? error : new KvUnavailable((error as Error).message, { cause: error });
  }
}
