// The closer look of `holdfast doctor` at NATS: what the configured user may do, the server's clock, and the bucket's copies.
//
// Rights are tried for real, and nothing is changed by it. The server checks the subject before anybody reads the message, so
// each try is a message that cannot do anything: to a node that does not exist, a write that expects a revision which no key
// has, a call to the JetStream API whose body is not JSON. A refusal for want of permission comes as such; any other answer,
// or that nobody listens, shows that it was let through.
import { MsgHdrsImpl, nuid } from '@nats-io/transport-node';
import { bucketName } from '../../cluster/nats/bucket.ts';
import type { NatsLink } from '../../cluster/nats/connection.ts';
import { Inbox } from '../../cluster/nats/inbox.ts';
import { skewOf } from '../../cluster/skew.ts';
import type { Config } from '../config.ts';
import { reachNats } from './look.ts';

const DEADLINE_MS = 2_000;
const NOT_JSON = Buffer.from('{');
const NOTHING = Buffer.alloc(0);
const NO_REVISION = String(Number.MAX_SAFE_INTEGER);

export interface NatsExamination {
  /** Subjects that this user may not publish to, with what a node needs each for. */
  readonly denied: readonly Denied[];
  /** There is no bucket, and this user may not make it. */
  readonly cannotMakeBucket: boolean;
  /** ms that the server's clock is surely ahead (positive) or behind; undefined: it did not say. */
  readonly skewMs: number | undefined;
  /** undefined: there is no bucket, or one server only. */
  readonly copies: Copies | undefined;
  /** Of the account; undefined: it has no limit. */
  readonly storage: { readonly usedBytes: number; readonly mostBytes: number } | undefined;
}

export interface Denied {
  readonly right: 'publish' | 'subscribe';
  readonly subject: string;
  readonly need: string;
}

export interface Copies {
  readonly leader: string | undefined;
  readonly followers: readonly Follower[];
}

interface Follower {
  readonly name: string;
  readonly current: boolean;
  readonly offline?: boolean;
  /** Entries of the log behind the leader. */
  readonly lag?: number;
}

interface StreamInfo {
  readonly ts?: string;
  readonly error?: unknown;
  readonly cluster?: { readonly leader?: string; readonly replicas?: readonly Follower[] };
}

interface AccountInfo {
  readonly storage?: number;
  readonly limits?: { readonly max_storage?: number };
}

/** @throws when NATS is away */
export async function examineNats(config: Config): Promise<NatsExamination> {
  await using link = await reachNats(config, 'holdfast doctor');
  const inbox = new Inbox(link);
  const sentMs = Date.now();
  const stream = await ask<StreamInfo>(inbox, `STREAM.INFO.KV_${bucketName(config.cluster)}`);
  const receivedMs = Date.now();
  const writtenMs = Date.parse(stream?.ts ?? '');
  const account = await ask<AccountInfo>(inbox, 'INFO');
  const mostBytes = account?.limits?.max_storage ?? -1;
  const isThere = stream !== undefined && stream.error === undefined;
  return {
    denied: [...(await deniedPublishing(inbox, config.cluster)), ...(await deniedListening(link, config.cluster))],
    cannotMakeBucket: !isThere && !(await mayMakeBucket(inbox, config.cluster)),
    skewMs: Number.isNaN(writtenMs) ? undefined : skewOf(writtenMs, sentMs, receivedMs),
    copies: stream?.cluster && { leader: stream.cluster.leader, followers: stream.cluster.replicas ?? [] },
    storage: mostBytes > 0 ? { usedBytes: account?.storage ?? 0, mostBytes } : undefined,
  };
}

async function ask<T>(inbox: Inbox, call: string): Promise<T | undefined> {
  const answer = await inbox.ask(`$JS.API.${call}`, NOTHING, DEADLINE_MS);
  return answer.kind === 'answer' ? answer.message.json<T>() : undefined;
}

async function deniedPublishing(inbox: Inbox, cluster: string): Promise<readonly Denied[]> {
  const bucket = bucketName(cluster);
  const stream = `KV_${bucket}`;
  const nobody = `doctor_${nuid.next()}`;
  const tries: readonly [subject: string, body: Uint8Array, need: string][] = [
    [`holdfast.${cluster}.node.${nobody}.commands`, NOTHING, 'to reach the other nodes'],
    [`$KV.${bucket}._doctor`, NOTHING, 'to store pending jobs'],
    [`$JS.API.STREAM.INFO.${stream}`, NOTHING, 'to know the bucket'],
    [`$JS.API.STREAM.MSG.GET.${stream}`, NOT_JSON, 'to read a key'],
    [`$JS.API.CONSUMER.CREATE.${stream}.${nobody}`, NOT_JSON, 'to load the jobs of a shard'],
    [`$JS.API.CONSUMER.DELETE.${stream}.${nobody}`, NOTHING, 'to clear up behind that'],
    [`$JS.API.CONSUMER.INFO.${stream}.${nobody}`, NOTHING, 'to know when a shard is loaded'],
    [`holdfast_audit.${cluster}.doctor`, NOTHING, 'to write down what was done by hand'],
    [`$JS.API.STREAM.INFO.holdfast_${cluster}_audit`, NOTHING, 'to know how much of that there is'],
    [`$JS.API.STREAM.MSG.GET.holdfast_${cluster}_audit`, NOT_JSON, 'to read it'],
  ];
  const headers = MsgHdrsImpl.fromRecord({ 'Nats-Expected-Last-Subject-Sequence': [NO_REVISION] });
  const denied = await Promise.all(
    tries.map(async ([subject, body, need]): Promise<Denied[]> => {
      const isWrite = /^(\$KV|holdfast_audit)\./.test(subject);
      const answer = await inbox.ask(subject, body, DEADLINE_MS, isWrite ? headers : undefined);
      return answer.kind === 'denied' ? [{ right: 'publish', subject, need }] : [];
    }),
  );
  return denied.flat();
}

/** Nodes of a cluster that is set up need not be able to; then `holdfast init` is run by somebody who is. */
async function mayMakeBucket(inbox: Inbox, cluster: string): Promise<boolean> {
  const subject = `$JS.API.STREAM.CREATE.KV_${bucketName(cluster)}`;
  return (await inbox.ask(subject, NOT_JSON, DEADLINE_MS)).kind !== 'denied';
}

/** A refused subscription is told to its callback, before the answer to a ping that is sent after it. */
async function deniedListening(link: NatsLink, cluster: string): Promise<readonly Denied[]> {
  const subject = `holdfast.${cluster}.node.doctor_${nuid.next()}.>`;
  let isDenied = false;
  const subscription = link.nc.subscribe(subject, {
    callback: (error) => {
      if (error !== null) isDenied = true;
    },
  });
  await link.nc.flush();
  if (!isDenied) subscription.unsubscribe();
  return isDenied ? [{ right: 'subscribe', subject, need: 'to be reached by the other nodes' }] : [];
}
