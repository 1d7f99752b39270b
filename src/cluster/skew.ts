// How far this node's wall clock is from the NATS server's. Our own record comes back with the server's time of writing,
// which lies between sending and receiving if the two clocks agree. Beyond a second a node is not ready: deadlines, locks
// and reply progress compare times of different machines.

export const MAX_SKEW_MS = 1000;

/** @returns ms that the server's clock is surely ahead (positive) or behind (negative); 0: nothing can be said against it */
export function skewOf(writtenMs: number, sentMs: number, receivedMs: number): number {
  if (writtenMs < sentMs) return writtenMs - sentMs;
  return Math.max(0, writtenMs - receivedMs);
}
