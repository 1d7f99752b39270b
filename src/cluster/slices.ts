// A long look at many things, in slices: between two of them whatever else waits has its turn, the lease's renewal above all.
import type { Clock } from '../actors/ports.ts';

/** How long one slice may take. */
const SLICE_MS = 3;
/** How often the clock is looked at. */
const ITEMS_PER_LOOK = 64;

/**
 * Shows all of them to `visit`, one after another. Resolves with false when `isOver` said so before the end: somebody has
 * waited too long, or nobody waits any more.
 */
export async function inSlices<T>(
  clock: Clock,
  items: Iterable<T>,
  visit: (item: T) => void,
  isOver: () => boolean,
): Promise<boolean> {
  let seen = 0;
  let endMs = clock.monotonicMs() + SLICE_MS;
  for (const item of items) {
    visit(item);
    seen += 1;
    if (seen % ITEMS_PER_LOOK !== 0 || clock.monotonicMs() < endMs) continue;
    await new Promise<void>((resolve) => clock.setTimer(0, resolve));
    if (isOver()) return false;
    endMs = clock.monotonicMs() + SLICE_MS;
  }
  return true;
}
