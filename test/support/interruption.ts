// Ctrl-C of a program that has something to put in order first: the first signal says so, a later one ends it without more ado,
// and with it the servers and programs that it started. Signals right after the first are the same one: Ctrl-C under npm
// arrives from the terminal and from npm.

/** The exit code, as a shell has it of Ctrl-C. */
export const INTERRUPTED = 130;
const SAME_SIGNAL_MS = 1_000;

/** Aborted, with an Interrupted, at the first signal. To be called once, before anything is started. */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  let firstMs: number | undefined;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (firstMs !== undefined && performance.now() - firstMs > SAME_SIGNAL_MS) process.exit(INTERRUPTED);
      firstMs ??= performance.now();
      controller.abort(new Interrupted());
    });
  }
  return controller.signal;
}

export class Interrupted extends Error {
  constructor() {
    super('interrupted');
  }
}

/** What comes first of the two; what is under way goes on unheard. @throws what the signal was aborted with */
export async function unlessAborted<T>(signal: AbortSignal, awaited: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort);
  if (signal.aborted) onAbort();
  promise.catch(() => undefined);
  awaited.catch(() => undefined);
  try {
    return await Promise.race([promise, awaited]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
