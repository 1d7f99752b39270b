// Which topics a process model may name as its request topic. An allow-list of patterns, in which `*` stands for any
// characters, dots too; without a list `*` is the only pattern.
//
// What must hold. A model never writes on a topic of the cluster itself, whatever the list says: a record there would be
// a forged reply or a false dead letter. And no `*` at a pattern's beginning reaches into `__*` (Kafka's own) or `holdfast.*`
// (this product's, of any cluster): who means those has to write so.
import { type Rule, text } from './rules.ts';

export interface TopicRules {
  /** Never empty. */
  readonly patterns: readonly string[];
  /** What the cluster reads or writes itself. */
  readonly ownTopics: readonly string[];
}

export const ANY_TOPIC: readonly string[] = ['*'];

export const TOPIC_PATTERN: Rule<string> = text(
  /^[A-Za-z0-9._*-]{1,249}$/,
  'topic names of letters, digits, ".", "_" and "-", in which "*" stands for any of them',
);

const RESERVED = ['__', 'holdfast.'];

/** @param topic a legal topic name */
export function mayAsk(topic: string, { patterns, ownTopics }: TopicRules): boolean {
  if (ownTopics.includes(topic)) return false;
  const reserved = RESERVED.find((prefix) => topic.startsWith(prefix));
  return patterns.some(
    (pattern) => (reserved === undefined || pattern.startsWith(reserved)) && matches(topic, pattern),
  );
}

/** What `mayAsk` allows, for people. */
export function allowedTopics({ patterns }: TopicRules): string {
  const named = patterns.filter((pattern) => pattern !== '*');
  if (named.length < patterns.length) {
    const also = named.filter((pattern) => RESERVED.some((prefix) => pattern.startsWith(prefix)));
    return ['any topic but __* and holdfast.*', ...also].join(', and ');
  }
  return named.join(', ');
}

/** Piece by piece from the left: linear, whatever the pattern is. */
function matches(topic: string, pattern: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return topic === pattern;
  if (!topic.startsWith(first)) return false;
  let at = first.length;
  for (const piece of rest) {
    const found = topic.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return topic.length - last.length >= at && topic.endsWith(last);
}
