// A log line about one job, with the trace of its call.
import type { TraceSource } from '../actors/ports.ts';
import type { LogFields } from './log.ts';
import { traceIdOf } from './trace.ts';

/** The trace is computed only where the line is written, for there are several for each call. What is not known has none. */
export function traced(cluster: string, call: TraceSource | undefined, fields: LogFields): LogFields {
  if (call === undefined) return fields;
  return {
    ...fields,
    get traceId() {
      // A reply that is parked before its job was ever activated says nothing of a process.
      return call.trace === '' && call.origin.instanceKey === '' ? undefined : traceIdOf(cluster, call);
    },
  };
}
