// How far V8's old generation may grow before all of it is looked through. By itself V8 lets it grow to three or four times what
// lives in it: little for a node of few jobs, for which looking more often would only cost; and half a gigabyte of what calls
// leave behind for a node of a million. So it is bounded where many jobs wait, at twice what lives in it.
//
// V8 asks for this flag each time it decides when to look next, so it may be set while it runs; nothing else depends on it.
import { setFlagsFromString } from 'node:v8';

const MANY_JOBS = 200_000;
/** Beyond what lives: large enough that looking through it does not show in the cost of a call. */
const GROWS_BY_PERCENT = 100;
const AS_V8_LIKES = 0;
const DEFAULT = { set: setFlagsFromString, lookEveryMs: 5_000 };

/** Answers how to stop it, which takes the bound away. @param pending how many jobs wait here */
export function boundHeap(
  pending: () => number,
  { set, lookEveryMs }: { readonly set: (flag: string) => void; readonly lookEveryMs: number } = DEFAULT,
): () => void {
  let percent = AS_V8_LIKES;
  const grow = (wanted: number): void => {
    if (wanted === percent) return;
    percent = wanted;
    set(`--heap-growing-percent=${percent}`);
  };
  const timer = setInterval(() => grow(pending() < MANY_JOBS ? AS_V8_LIKES : GROWS_BY_PERCENT), lookEveryMs).unref();
  return () => {
    clearInterval(timer);
    grow(AS_V8_LIKES); // the flag is the process's, in which something else may run on
  };
}
