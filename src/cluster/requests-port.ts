// The request publisher as the cluster sees it; it lives at the Kafka edge (gateway/requests/requests.ts).
import type { JobKey } from '../actors/ids.ts';
import type { CancelRecord, OutgoingRequest, RequestOutcome } from '../actors/messages.ts';

export interface Requests {
  /** `settled` is called once, unless the request is withdrawn, given up unsent, or everything is discarded. */
  publish(request: OutgoingRequest, settled: (outcome: RequestOutcome) => void): void;
  /** `inFlight`: its outcome is still to come. `unknown`: not here (settled already). */
  withdraw(jobKey: JobKey, attempt: number): 'withdrawn' | 'inFlight' | 'unknown';
  /** Sent if it can be; nobody waits for it. */
  cancel(record: CancelRecord): void;
  /**
   * Nobody here waits for a reply to it any more: not sent, and if it is in flight, not sent again. Should Kafka have an
   * answer then, it is told all the same.
   */
  giveUp(jobKey: JobKey, attempt: number): void;
  /** The incarnation is over: nothing of it is sent any more, nothing is called back. */
  discardAll(): void;
}
