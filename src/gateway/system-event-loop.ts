// How long the event loop of this process has been at work. Its rate is the share of one core that the node uses and cannot
// exceed: it rises long before the delay does. (The delay itself is in prom-client's nodejs_eventloop_lag_*.)
import { performance } from 'node:perf_hooks';

/** ms since the process started. */
export function eventLoopBusyMs(): number {
  return performance.eventLoopUtilization().active;
}
