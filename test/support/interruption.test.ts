// Ctrl-C: once is a request, twice an order, and what comes at the same moment is one.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Interrupted, interruption, unlessAborted } from './interruption.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const before = new Map(SIGNALS.map((name) => [name, process.listeners(name)]));

/** As the process would have it; the listeners of whoever runs the test are left alone. */
function send(name: (typeof SIGNALS)[number]): void {
  const others = before.get(name) ?? [];
  for (const listener of process.listeners(name)) if (!others.includes(listener)) listener(name);
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  for (const name of SIGNALS)
    for (const listener of process.listeners(name))
      if (!before.get(name)?.includes(listener)) process.removeListener(name, listener);
});

test('the first signal aborts, another one much later ends the process, of whichever kind', () => {
  const exit = vi.spyOn(process, 'exit').mockImplementation(() => undefined as never);
  const signal = interruption();
  expect(signal.aborted).toBe(false);
  send('SIGTERM');
  expect(signal.reason).toBeInstanceOf(Interrupted);
  // From npm, which had it from the same terminal.
  vi.advanceTimersByTime(900);
  send('SIGINT');
  expect(exit).not.toHaveBeenCalled();
  vi.advanceTimersByTime(200);
  send('SIGINT');
  expect(exit).toHaveBeenCalledExactlyOnceWith(130);
});

test('what is awaited ends with the signal, and not otherwise', async () => {
  const run = new AbortController();
  expect(await unlessAborted(run.signal, Promise.resolve(7))).toBe(7);
  await expect(unlessAborted(run.signal, Promise.reject(new Error('no')))).rejects.toThrow('no');
  const waiting = unlessAborted(run.signal, new Promise(() => undefined));
  run.abort(new Interrupted());
  await expect(waiting).rejects.toThrow(Interrupted);
  await expect(unlessAborted(run.signal, Promise.resolve(7))).rejects.toThrow(Interrupted);
});
