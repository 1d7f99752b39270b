// W3C trace context of calls. All calls of one process instance are of one trace: that of the process, where it brings one (the
// variable `traceparent`), else one computed from the instance's key. The span of a request is computed too, so that a request
// that is published again, by whatever node, has the same; nothing of it needs to be stored.
import { hash } from 'node:crypto';
import type { JobKey } from '../actors/ids.ts';
import { members } from './json-slices.ts';

/** The variable of a process that names the trace it belongs to. */
export const TRACE_VARIABLE = 'traceparent';

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

function sha256(text: string): string {
  return hash('sha256', text, 'hex');
}
