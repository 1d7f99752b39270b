// The audit of a cluster: stream `holdfast_<cluster>_audit`, one record per message, `holdfast_audit.<cluster>.<begin|end>.<id>`.
//
// Kept for 90 days, or the newest 64 MiB (some fifty thousand acts), whichever is less; nobody deletes single records or purges.
// It is made where the bucket is made. A node that finds none when it has something to write makes it: a cluster that is
// older than its audit goes on.
import { MsgHdrsImpl } from '@nats-io/transport-node';
import { KvUnavailable } from '../ports.ts';
import { type ApiError, callApi, describe, ErrCode, JsApiError } from './api.ts';
import { madeBy } from './bucket.ts';
import type { Inbox } from './inbox.ts';

const TIMEOUT_MS = 10_000;
const READ_TIMEOUT_MS = 2_000;
const NS_PER_DAY = 86_400 * 1e9;
const KEPT_DAYS = 90;
/** Each server that keeps a copy reserves so much. */
export const AUDIT_BYTES = 64 * 1024 * 1024;
const LARGEST_RECORD_BYTES = 64 * 1024;

interface StoredMessage {
  readonly message: { readonly data?: string };
}

type StreamConfig = Readonly<Record<string, unknown>>;

interface StreamInfo {
  readonly config: StreamConfig;
  readonly state: {
    readonly first_seq: number;
    readonly last_seq: number;
    readonly messages: number;
    readonly bytes: number;
    readonly first_ts: string;
  };
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
 * @param version of the product; kept in the stream's metadata, as who made it
 * @throws KvUnavailable; JsApiError when the server refuses
 */
export async function makeAuditStream(
  inbox: Inbox,
  cluster: string,
  replicas: number,
  version = '',
  timeoutMs = TIMEOUT_MS,
): Promise<'made' | 'stands'> {
  const name = auditStreamName(cluster);
  try {
    await callApi(inbox, `STREAM.INFO.${name}`, {}, timeoutMs);
    return 'stands';
  } catch (error) {
    if (!(error instanceof JsApiError && error.errCode === ErrCode.streamNotFound)) throw error;
  }
  const metadata = madeBy(cluster, version);
  await callApi(inbox, `STREAM.CREATE.${name}`, { ...configOf(cluster, replicas), metadata }, timeoutMs);
  return 'made';
}

export interface AuditReport {
  readonly stream: string;
  /** What differs from what it should be, one readable sentence each; empty: all is well. */
  readonly faults: readonly AuditFault[];
  /** Wall clock ms of the oldest record; undefined: there is none. */
  readonly oldestMs: number | undefined;
  /** Of the room for records, those that are there take up; 1: each new record drives out the oldest. */
  readonly fullness: number;
}

export interface AuditFault {
  readonly what: string;
  /** The setting of a stream that stands can be edited; the others are those of a stream made anew. */
  readonly editable: boolean;
  /** Records are refused, or can be lost: the act is refused with them, or nobody knows of it. */
  readonly grave: boolean;
}

/** Compares the stream with what it should be; undefined when there is none. @throws KvUnavailable, JsApiError */
export async function inspectAuditStream(
  inbox: Inbox,
  cluster: string,
  replicas: number,
): Promise<AuditReport | undefined> {
  const name = auditStreamName(cluster);
  try {
    const { config, state } = await callApi<StreamInfo>(inbox, `STREAM.INFO.${name}`, {}, TIMEOUT_MS);
    const most = Number(config.max_bytes ?? -1);
    return {
      stream: name,
      faults: faultsOf(config, configOf(cluster, replicas)),
      oldestMs: state.messages > 0 ? Date.parse(state.first_ts) : undefined,
      fullness: most > 0 ? state.bytes / most : 0,
    };
  } catch (error) {
    if (error instanceof JsApiError && error.errCode === ErrCode.streamNotFound) return undefined;
    throw error;
  }
}

/** Reads ask the stream's leader. All methods: @throws KvUnavailable, JsApiError */
export class NatsAuditStream {
  readonly #inbox: Inbox;
  readonly #cluster: string;
  readonly #replicas: () => number;
  readonly #version: string;

  /** @param replicas asked when the stream has to be made; as `version`, for `makeAuditStream` */
  constructor(inbox: Inbox, cluster: string, replicas: () => number, version = '') {
    this.#inbox = inbox;
    this.#cluster = cluster;
    this.#replicas = replicas;
    this.#version = version;
  }

  async append(kind: string, id: string, data: Uint8Array, timeoutMs: number): Promise<void> {
    if ((await this.#publish(kind, id, data, timeoutMs)) === 'stored') return;
    await makeAuditStream(this.#inbox, this.#cluster, this.#replicas(), this.#version, timeoutMs);
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

function configOf(cluster: string, replicas: number): StreamConfig {
  return {
    name: auditStreamName(cluster),
    description: `holdfast ${cluster}: who did what, and what came of it`,
    subjects: [`holdfast_audit.${cluster}.>`],
    retention: 'limits',
    storage: 'file',
    num_replicas: replicas,
    max_age: KEPT_DAYS * NS_PER_DAY,
    max_bytes: AUDIT_BYTES,
    max_msgs: -1,
    max_msg_size: LARGEST_RECORD_BYTES,
    discard: 'old',
    duplicate_window: 120 * 1e9,
    allow_direct: false,
    deny_delete: true,
    deny_purge: true,
  };
}

function faultsOf(is: StreamConfig, should: StreamConfig): AuditFault[] {
  const faults: AuditFault[] = [];
  const differs = (name: string, why: string, editable: boolean, grave: boolean): void => {
    const found = is[name] ?? false;
    if (String(found) === String(should[name])) return;
    faults.push({ what: `${name} is ${String(found)}, should be ${String(should[name])}: ${why}`, editable, grave });
  };
  differs('subjects', 'records are written under this subject', true, true);
  differs('retention', 'records must stay until they are too old', false, true);
  differs('storage', 'records must survive a restart of the server', false, true);
  differs('discard', 'a full audit would refuse records, and every act with them', true, true);
  differs('deny_delete', 'single records could be taken out of it', true, false);
  differs('deny_purge', 'it could be emptied', true, false);
  const less = (name: string, why: string, grave: boolean): void => {
    const [found, wanted] = [Number(is[name] ?? -1), Number(should[name])];
    const isLess = found > 0 && (wanted <= 0 || found < wanted);
    if (isLess)
      faults.push({ what: `${name} is ${found}, should be ${wanted} or more: ${why}`, editable: true, grave });
  };
  less('max_bytes', 'old records are driven out sooner', false);
  less('max_msgs', 'old records are driven out sooner', false);
  less('max_msgs_per_subject', 'old records are driven out sooner', false);
  less('max_msg_size', 'a long reason, or what an act changed, would be refused, and the act with it', true);
  const [age, wantedAge] = [Number(is.max_age ?? 0), KEPT_DAYS * NS_PER_DAY];
  if (age > 0 && age < wantedAge) {
    const days = Math.floor(age / NS_PER_DAY);
    const what = `max_age is ${days} days, should be ${KEPT_DAYS} or more: records are gone sooner`;
    faults.push({ what, editable: true, grave: false });
  }
  if (Number(is.num_replicas) < Number(should.num_replicas)) {
    const what = `num_replicas is ${is.num_replicas}, should be ${should.num_replicas}: records are lost with a server`;
    faults.push({ what, editable: true, grave: true });
  }
  if (is.mirror !== undefined || is.sources !== undefined || is.sealed === true) {
    const what = 'it is a mirror, has sources or is sealed: it must be a plain stream that takes records';
    faults.push({ what, editable: false, grave: true });
  }
  return faults;
}
