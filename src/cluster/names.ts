// Keys of the bucket and subjects of the bus, in one place (design §6): everything about a cluster is below
// `holdfast_<cluster>_jobs` and `holdfast.<cluster>.>`, so two clusters on the same servers cannot see each other.
import { createHash } from 'node:crypto';
import type { Incarnation, JobKey, NodeName, ShardId } from '../actors/ids.ts';

export const META_KEY = '_meta';
/**
 * What every node follows, as filters of a watch each: who is there and what the bucket is, and who owns what. Claims have one
 * of their own: with a second filter beside it a server goes through every key of the bucket for `*._owner`, twice, and with
 * four million of them takes no write for seconds meanwhile; by itself it finds them at once.
 */
export const SYSTEM_WATCHES: readonly { readonly filters: readonly string[]; readonly afresh: boolean }[] = [
  { filters: ['_member.*', META_KEY], afresh: false },
  { filters: ['*._owner'], afresh: true },
];
/** All of the bucket. As the only filter of a watch it costs the server no search. */
export const EVERYTHING = '>';

export const jobKeyName = (shard: ShardId, jobKey: JobKey): string => `${shard}.${jobKey}`;
export const claimKey = (shard: ShardId): string => `${shard}._owner`;
export const memberKey = (node: NodeName): string => `_member.${node}`;
export const sentKey = (incarnation: Incarnation): string => `_sent.${incarnation}`;
/** Business keys are whatever a model makes them: any length, any characters. 128 bits of a hash are a name for them. */
export const aliasKey = (businessKey: string): string =>
  `_alias.${createHash('sha256').update(businessKey, 'utf8').digest('hex').slice(0, 32)}`;
export const shardFilter = (shard: ShardId): string => `${shard}.*`;

export type KeyName =
  | { readonly kind: 'job'; readonly shard: ShardId; readonly jobKey: JobKey }
  | { readonly kind: 'claim'; readonly shard: ShardId }
  | { readonly kind: 'member'; readonly node: NodeName }
  | { readonly kind: 'other' };

export function parseKey(key: string): KeyName {
  const dot = key.indexOf('.');
  const head = dot < 0 ? key : key.slice(0, dot);
  const tail = dot < 0 ? '' : key.slice(dot + 1);
  if (head === '_member') return { kind: 'member', node: tail as NodeName };
  if (!isDigits(head)) return { kind: 'other' };
  const shard = Number(head) as ShardId;
  if (tail === '_owner') return { kind: 'claim', shard };
  return isDigits(tail) ? { kind: 'job', shard, jobKey: tail as JobKey } : { kind: 'other' };
}

/** As /^\d+$/ would have it, for every key that a watch delivers. */
function isDigits(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x30 || code > 0x39) return false;
  }
  return text.length > 0;
}

export const nodeSubject = (
  cluster: string,
  incarnation: Incarnation,
  what: 'ping' | 'release' | 'commands' | 'answers' | 'questions',
): string => `holdfast.${cluster}.node.${incarnation}.${what}`;

const decoder = new TextDecoder();

export const toJson = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value), 'utf8');

/** undefined when the bytes are not JSON: foreign data under our keys is ignored, not believed. */
export function fromJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch {
    return undefined;
  }
}
