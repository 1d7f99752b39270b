// Single calls, followed: what they are told as traces. Nobody but the adapter (telemetry/) knows of OpenTelemetry.
import type { OutgoingRequest, RequestOutcome } from '../actors/messages.ts';
import type { CallStep } from '../cluster/call-steps.ts';

export interface Tracing {
  /** Of the request's own span, for its header. The same on every node, whenever it is asked. */
  traceparent(request: OutgoingRequest): string;
  /** `fromMs`: when it was handed to the publisher, wall clock. */
  sent(request: OutgoingRequest, outcome: RequestOutcome, fromMs: number): void;
  step(step: CallStep): void;
  /** What is not exported yet is, if that does not take long. */
  stop(): Promise<void>;
}
