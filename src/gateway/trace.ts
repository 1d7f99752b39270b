// W3C trace context for requests of processes that bring none: all calls of one process instance share a trace, and a request
// that is published again has the same parent. Nothing needs to be stored for that: both ids are computed from the keys.
import { createHash } from 'node:crypto';
import type { JobKey } from '../actors/ids.ts';

/** `traceparent`: version, trace id, the call as parent span; "sampled", for an unsampled parent would switch the traces of services off. */
export function traceOf(cluster: string, instanceKey: string, jobKey: JobKey): string {
  const trace = createHash('sha256').update(`${cluster}\n${instanceKey}`).digest('hex').slice(0, 32);
  const span = createHash('sha256').update(`${cluster}\n${jobKey}`).digest('hex').slice(0, 16);
  return `00-${trace}-${span}-01`;
}
