// Connections to Kafka that rest while nothing waits on them.
//
// Each connection of kafkajs 2.2.4 has a queue for requests that must wait: for a broker that throttles us, or for others under
// way. After every answer, and after every look at the queue, it sets a timer for the next look, also when nothing waits; and
// that timer is set in the past, so it fires a millisecond later (Node 24 warns of it: TimeoutNegativeWarning). A node that does
// nothing is woken a thousand times a second by each of its connections. A look is only needed while a request waits: what is
// queued later asks for one itself, and so does each answer.
import { createRequire } from 'node:module';

interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
}

const { prototype: queue } = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as {
  prototype: RequestQueue;
};
const schedule = queue.scheduleCheckPendingRequests;

/** Can be called more than once. */
export function restWhileNothingWaits(): void {
  queue.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0) schedule.call(this);
  };
}
