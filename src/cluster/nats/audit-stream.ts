// The audit of a cluster: stream `holdfast_<cluster>_audit`, one record per message, `holdfast_audit.<cluster>.<begin|end>.<id>`.
//
// Kept for 90 days, or the newest 64 MiB (some fifty thousand acts), whichever is less; nobody deletes single records or purges.
// It is made where the bucket is made. A node that finds none when it has something to write makes it: a cluster that is
// older than its audit goes on.
import { MsgHdrsImpl } from '@nats-io/transport-node';
import { KvUnavailable } from '../ports.ts';
import { type ApiError, callApi, describe, ErrCode, JsApiError } from './api.ts';
import type { Inbox } from './inbox.ts';

const TIMEOUT_MS = 10_000;
const READ_TIMEOUT_MS = 2_000;
const NS_PER_DAY = 86_400 * 1e9;
const KEPT_DAYS = 90;
const KEPT_BYTES = 64 * 1024 * 1024;
const LARGEST_RECORD_BYTES = 64 * 1024;

interface StoredMessage {
  readonly message: { readonly data?: string };
}

interface StreamInfo {
  readonly state: { readonly first_seq: number; readonly last_seq: number };
}

interface PubAck {
  readonly seq?: number;
  readonly error?: ApiError;
}

export function auditStreamName(cluster: string): string {
  return `holdfast_${cluster}_audit`;
}

/**
 * Makes the stream unless one of that name stands; one that stands is left as it is.
 * @param replicas as the jobs bucket has
 * @throws KvUnavailable; JsApiError when the server refuses
 */
export async function makeAuditStream(
  inbox: Inbox,
  cluster: string,
  replicas: number,
  timeoutMs = TIMEOUT_MS,
): Promise<'made' | 'stands'> {
  const name = auditStreamName(cluster);
  try {
    await callApi(inbox, `STREAM.INFO.${name}`, {}, timeoutMs);
    return 'stands';
  } catch (error) {
    if (!(error instanceof JsApiError && error.errCode === ErrCode.streamNotFound)) throw error;
  }
  await callApi(inbox, `STREAM.CREATE.${name}`, configOf(cluster, replicas), timeoutMs);
  return 'made';
}

/** Reads ask the stream's leader. All methods: @throws KvUnavailable, JsApiError */
export class NatsAuditStream {
  readonly #inbox: Inbox;
  readonly #cluster: string;
  readonly #replicas: () => number;

  /** @param replicas asked when the stream has to be made */
  constructor(inbox: Inbox, cluster: string, replicas: () => number) {
    this.#inbox = inbox;
    this.#cluster = cluster;
    this.#replicas = replicas;
  }

  async append(kind: string, id: string, data: Uint8Array, timeoutMs: number): Promise<void> {
    if ((await this.#publish(kind, id, data, timeoutMs)) === 'stored') return;
    await makeAuditStream(this.#inbox, this.#cluster, this.#replicas(), timeoutMs);
    if ((await this.#publish(kind, id, data, timeoutMs)) === 'stored') return;
    throw new KvUnavailable(`nobody takes ${this.#subject(kind, id)}: is JetStream there?`);
  }

  async bounds(): Promise<{ readonly first: number; readonly last: number }> {
    try {
      const call = `STREAM.INFO.${auditStreamName(this.#cluster)}`;
      const { state } = await callApi<StreamInfo>(this.#inbox, call, {}, READ_TIMEOUT_MS);
      return { first: Math.max(1, state.first_seq), last: state.last_seq };
    } catch (error) {
      if (error instanceof JsApiError && error.errCode === ErrCode.streamNotFound) return { first: 1, last: 0 };
      throw error;
    }
  }

  read(sequences: readonly number[]): Promise<readonly (Uint8Array | undefined)[]> {
    return Promise.all(sequences.map((seq) => this.#get({ seq })));
  }

  find(kind: string, id: string): Promise<Uint8Array | undefined> {
    return this.#get({ last_by_subj: this.#subject(kind, id) });
  }

  /** The same record sent again within two minutes is stored once. */
  async #publish(kind: string, id: string, data: Uint8Array, timeoutMs: number): Promise<'stored' | 'noStream'> {
    const headers = MsgHdrsImpl.fromRecord({ 'Nats-Msg-Id': [`${kind}.${id}`] });
    const subject = this.#subject(kind, id);
    const answer = await this.#inbox.ask(subject, data, timeoutMs, headers);
    if (answer.kind === 'noResponders') return 'noStream';
    if (answer.kind !== 'answer') {
      throw new KvUnavailable(`${subject}: ${answer.kind === 'denied' ? answer.reason : answer.kind}`);
    }
    const { seq, error } = answer.message.json<PubAck>();
    if (error !== undefined) throw new KvUnavailable(`${subject}: ${describe(error)}`);
    if (seq === undefined) throw new KvUnavailable(`${subject}: an acknowledgement without a sequence`);
    return 'stored';
  }

  async #get(which: { seq: number } | { last_by_subj: string }): Promise<Uint8Array | undefined> {
    try {
      const call = `STREAM.MSG.GET.${auditStreamName(this.#cluster)}`;
      const { message } = await callApi<StoredMessage>(this.#inbox, call, which, READ_TIMEOUT_MS);
      return Buffer.from(message.data ?? '', 'base64');
    } catch (error) {
      if (error instanceof JsApiError && error.errCode === ErrCode.noMessageFound) return undefined;
      throw error;
    }
  }

  #subject(kind: string, id: string): string {
    return `holdfast_audit.${this.#cluster}.${kind}.${id}`;
  }
}

function configOf(cluster: string, replicas: number) {
  return {
    name: auditStreamName(cluster),
    description: `holdfast ${cluster}: who did what, and what came of it`,
    metadata: { 'holdfast.cluster': cluster },
    subjects: [`holdfast_audit.${cluster}.>`],
    retention: 'limits',
    storage: 'file',
    num_replicas: replicas,
    max_age: KEPT_DAYS * NS_PER_DAY,
    max_bytes: KEPT_BYTES,
    max_msgs: -1,
    max_msg_size: LARGEST_RECORD_BYTES,
    discard: 'old',
    duplicate_window: 120 * 1e9,
    allow_direct: false,
    deny_delete: true,
    deny_purge: true,
  };
}
