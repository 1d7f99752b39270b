// The closer look of `holdfast doctor` at NATS: what the configured user may do, the server's clock, the bucket's
// copies, the audit's stream, and how full the stores are.
//
// Rights are tried for real, and nothing is changed by it. The server checks the subject before anybody reads the message, so
// each try is a message that cannot do anything: to a node that does not exist, a write that expects a revision which no key
// has, a call to the JetStream API whose body is not JSON. A refusal for want of permission comes as such; any other answer,
// or that nobody listens, shows that it was let through.
import { MsgHdrsImpl, nuid } from '@nats-io/transport-node';
import { type AuditReport, auditStreamName, inspectAuditStream } from '../../cluster/nats/audit-stream.ts';
import { bucketName } from '../../cluster/nats/bucket.ts';
import type { NatsLink } from '../../cluster/nats/connection.ts';
import { Inbox } from '../../cluster/nats/inbox.ts';
import type { Monitoring, StoreUse } from '../../cluster/nats/monitoring.ts';
import { skewOf } from '../../cluster/skew.ts';
import type { Config } from '../config/config.ts';
import { wantedReplicas } from '../provision.ts';
import { lookAtServers, reachNats } from './look.ts';

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
  /** Stores that have a limit. */
  readonly stores: readonly Store[];
  readonly audit: Audit;
}

export interface Store extends StoreUse {
  /** Of the account, of its streams with so many copies, or of one whole server. */
  readonly of: 'account' | 'tier' | 'server';
  /** Of a tier, such as `R3`, or of a server. */
  readonly name: string;
}

export type Audit =
  | { readonly kind: 'seen'; readonly report: AuditReport }
  | { readonly kind: 'absent'; readonly mayMake: boolean; readonly copies: number }
  | { readonly kind: 'unseen'; readonly reason: string };

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

interface Account {
  readonly storage?: number;
  readonly reserved_storage?: number;
  readonly limits?: { readonly max_storage?: number };
}

/** An account may have a limit for each number of copies instead of one for all. */
interface AccountInfo extends Account {
  readonly tiers?: Readonly<Record<string, Account>>;
}

/** @throws when NATS is away */
export async function examineNats(config: Config): Promise<NatsExamination> {
  await using link = await reachNats(config, 'holdfast doctor');
  const inbox = new Inbox(link);
  const sentMs = Date.now();
  const stream = await ask<StreamInfo>(inbox, `STREAM.INFO.KV_${bucketName(config.cluster)}`);
  const receivedMs = Date.now();
  const writtenMs = Date.parse(stream?.ts ?? '');
  const isThere = stream !== undefined && stream.error === undefined;
  const { servers, monitoring } = await lookAtServers(config, link);
  return {
    denied: [...(await deniedPublishing(inbox, config.cluster)), ...(await deniedListening(link, config.cluster))],
    cannotMakeBucket: !isThere && !(await mayMake(inbox, `KV_${bucketName(config.cluster)}`)),
    skewMs: Number.isNaN(writtenMs) ? undefined : skewOf(writtenMs, sentMs, receivedMs),
    copies: stream?.cluster && { leader: stream.cluster.leader, followers: stream.cluster.replicas ?? [] },
    stores: [...storesOf(await ask<AccountInfo>(inbox, 'INFO')), ...storesOfServers(monitoring)],
    audit: await examineAudit(inbox, config, servers),
  };
}

function storesOf(info: AccountInfo | undefined): readonly Store[] {
  const limited = (of: Store['of'], name: string, account: Account): Store[] => {
    const { storage: usedBytes = 0, reserved_storage: reservedBytes = 0, limits } = account;
    const mostBytes = limits?.max_storage ?? -1;
    return mostBytes > 0 ? [{ of, name, usedBytes, reservedBytes, mostBytes }] : [];
  };
  const tiers = Object.entries(info?.tiers ?? {}).flatMap(([name, tier]) => limited('tier', name, tier));
  return [...limited('account', '', info ?? {}), ...tiers];
}

/** Of those that were seen; findings-nats.ts names the others. */
function storesOfServers({ servers }: Monitoring): readonly Store[] {
  return servers.flatMap(({ at, store }) => (store === undefined ? [] : [{ of: 'server', name: at, ...store }]));
}

async function examineAudit(inbox: Inbox, config: Config, servers: number): Promise<Audit> {
  const { cluster } = config;
  const copies = wantedReplicas(config, servers);
  try {
    const report = await inspectAuditStream(inbox, cluster, copies);
    if (report !== undefined) return { kind: 'seen', report };
    return { kind: 'absent', mayMake: await mayMake(inbox, auditStreamName(cluster)), copies };
  } catch (error) {
    return { kind: 'unseen', reason: error instanceof Error ? error.message : String(error) };
  }
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
async function mayMake(inbox: Inbox, stream: string): Promise<boolean> {
  return (await inbox.ask(`$JS.API.STREAM.CREATE.${stream}`, NOT_JSON, DEADLINE_MS)).kind !== 'denied';
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
