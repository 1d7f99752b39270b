// The request publisher as the cluster sees it; it lives at the Kafka edge (gateway/requests.ts).
import type { JobKey } from '../actors/ids.ts';
import type { CancelRecord, OutgoingRequest, RequestOutcome } from '../actors/messages.ts';

export interface Requests {
  /** `settled` is called once, unless the request is withdrawn or everything is discarded. */
  publish(request: OutgoingRequest, settled: (outcome: RequestOutcome) => void): void;
  /** `inFlight`: its outcome is still to come. `unknown`: not here (settled already). */
  withdraw(jobKey: JobKey, attempt: number): 'withdrawn' | 'inFlight' | 'unknown';
  /** Sent if it can be; nobody waits for it. */
  cancel(record: CancelRecord): void;
  /** The incarnation is over: nothing of it is sent any more, nothing is called back. */
  discardAll(): void;
}
