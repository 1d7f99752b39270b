// When the page asks again. A second apart while somebody looks and the node answers at once; slower where nobody looks,
// where answering takes long, and where it fails: then twice as long each time up to a limit, and never two pages in step.

export interface Pace {
  readonly hidden: boolean;
  /** In a row, up to now. */
  readonly failures: number;
  /** What the last round took. */
  readonly tookMs: number;
  /** Which the node itself has asked for. */
  readonly retryAfterMs: number;
  /** In [0, 1). */
  readonly random: number;
}

const EVERY_MS = 1_000;
const HIDDEN_MS = 15_000;
const MOST_MS = 15_000;
/** Of the time no more than this part is spent with asking. */
const BUSY = 1 / 4;

export function nextDelayMs({ hidden, failures, tookMs, retryAfterMs, random }: Pace): number {
  const calm = hidden ? HIDDEN_MS : Math.max(EVERY_MS, tookMs / BUSY);
  const after = failures === 0 ? calm : Math.max(hidden ? HIDDEN_MS : 0, EVERY_MS * 2 ** Math.min(failures - 1, 10));
  const limited = Math.max(Math.min(after, MOST_MS), retryAfterMs);
  // A page that keeps time ticks evenly; one that waits for a node comes somewhere in the upper half of its turn, so that
  // the pages of a whole team do not come all at once.
  return failures === 0 ? limited : Math.max(limited * (0.5 + random / 2), retryAfterMs);
}
