// W3C trace context of calls. All calls of one process instance are of one trace: that of the process, where it brings one (the
// variable `traceparent`), else one computed from the instance's key. The span of a request is computed too, so that a request
// that is published again, by whatever node, has the same; nothing of it needs to be stored. What travels beside it, W3C's
// `tracestate` and `baggage`, is handed on as it is, as headers of the request: kept only until Kafka has that.
import { hash } from 'node:crypto';
import type { JobKey } from '../actors/ids.ts';
import { members } from './json/slices.ts';

/** The variable of a process that names the trace it belongs to. */
export const TRACE_VARIABLE = 'traceparent';

/**
 * What may come with it, under these names as variables and as headers: how much of it the standards have everybody carry, and
 * what a member of its list looks like (blanks around it apart).
 */
const COMPANIONS = {
  tracestate: {
    most: { chars: 512, members: 32 },
    isMember: (member: string) =>
      /^(?:[a-z][\w*/-]{0,255}|[a-z0-9][\w*/-]{0,240}@[a-z][\w*/-]{0,13})=[ -+\--<>-~]{0,255}[!-+\--<>-~]$/.test(
        member,
      ),
  },
  baggage: {
    most: { chars: 8192, members: 64 },
    // Part by part: one pattern for all of it would have a blank belong to what is before it or behind, and try both, again and again.
    isMember: (member: string) => {
      const [pair = '', ...properties] = member.split(';').map(trimmed);
      return PAIR.test(pair) && properties.every((property) => TOKEN.test(property) || PAIR.test(property));
    },
  },
} as const;

const TOKEN = /^[!#$%&'*+.^`|~\w-]+$/;
const PAIR = /^[!#$%&'*+.^`|~\w-]+[ \t]*=[ \t]*[!#-+\--:<-[\]-~]*$/;

export const TRACE_VARIABLES: readonly string[] = [TRACE_VARIABLE, ...Object.keys(COMPANIONS)];

/** W3C ids in hex: 32 digits and 16. */
export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
}

/** What a call's ids are computed from. */
export interface TracedCall {
  readonly jobKey: JobKey;
  readonly attempt: number;
  readonly origin: { readonly instanceKey: string };
  /** `traceparent` of the process; '' when it has none. */
  readonly trace: string;
}

/** undefined: it is no trace context, of a version that is read here. */
export function parseTraceparent(text: string): TraceContext | undefined {
  const [, traceId = '', spanId = '', flags = ''] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(text) ?? [];
  if (/^0*$/.test(traceId) || /^0*$/.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

export function formatTraceparent({ traceId, spanId, sampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
}

export function traceIdOf(cluster: string, { origin, trace }: Omit<TracedCall, 'jobKey' | 'attempt'>): string {
  return parseTraceparent(trace)?.traceId ?? sha256(`${cluster}\n${origin.instanceKey}`).slice(0, 32);
}

/** The span of a call's request: the parent of whatever the service does for it. */
export function requestSpanOf(cluster: string, { jobKey, attempt }: Pick<TracedCall, 'jobKey' | 'attempt'>): string {
  return spanIdOf(attempt === 1 ? `${cluster}\n${jobKey}` : `${cluster}\n${jobKey}\n${attempt}`);
}

export function spanIdOf(name: string): string {
  return sha256(name).slice(0, 16);
}

/**
 * Where nobody here writes spans, the service's parent is the process's own, or a span that only services know. "Sampled", for
 * an unsampled parent would switch the traces of services off.
 */
export function traceparentOf(cluster: string, call: TracedCall): string {
  if (parseTraceparent(call.trace) !== undefined) return call.trace;
  return formatTraceparent({ traceId: traceIdOf(cluster, call), spanId: requestSpanOf(cluster, call), sampled: true });
}

/** What a job's variables say; '' when there is no valid one. `variables`: JSON text of an object. */
export function traceIn(variables: string): string {
  if (!variables.includes(`"${TRACE_VARIABLE}"`)) return '';
  const value = members(variables).get(TRACE_VARIABLE) ?? '';
  const text = value.startsWith('"') ? String(JSON.parse(value)) : '';
  return parseTraceparent(text) === undefined ? '' : text;
}

/**
 * Beside a valid trace context only: without one they mean nothing, and may be words of the business. What is malformed or too
 * long is not handed on, and never a fault.
 * @param variables JSON text of an object
 * @param trace what `traceIn` found in them, which has gone through all of them
 */
export function companionsIn(variables: string, trace: string): readonly (readonly [name: string, value: string])[] {
  if (trace === '') return [];
  const all = members(variables);
  return Object.entries(COMPANIONS).flatMap(([name, { most, isMember }]) => {
    const value = all.get(name) ?? '';
    const text = value.startsWith('"') ? String(JSON.parse(value)) : '';
    if (text.length > most.chars) return [];
    const list = text.split(',').map(trimmed);
    const some = list.filter((one) => one !== '');
    const well = some.length > 0 && list.length <= most.members && some.every(isMember);
    return well ? [[name, text] as const] : [];
  });
}

/** Without blanks around it, and those are no line breaks: what is handed on is the whole text. */
function trimmed(text: string): string {
  let [from, to] = [0, text.length];
  while (from < to && isBlank(text, from)) from++;
  while (from < to && isBlank(text, to - 1)) to--;
  return text.slice(from, to);
}

function isBlank(text: string, at: number): boolean {
  return text[at] === ' ' || text[at] === '\t';
}

function sha256(text: string): string {
  return hash('sha256', text, 'hex');
}
