// Waiting in tests: for a condition, with a deadline, and with a diagnosis when it does not come true. Never a bare sleep.
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';

export interface Patience {
  /** Default 10,000. */
  readonly deadlineMs?: number;
  /** Pause between two checks; default 50. */
  readonly everyMs?: number;
  /** What to print when time is up: the state that explains why. */
  readonly diagnose?: () => unknown;
}

/**
 * Waits until `check` returns something truthy, and returns that. A check that throws counts as "not yet".
 *
 * @param what is waited for, as the end of "waited 10 s for …".
 * @throws Error when the deadline has passed, with what the last check threw or returned and the diagnosis.
 */
export async function eventually<T>(
  what: string,
  check: () => T | Promise<T>,
  { deadlineMs = 10_000, everyMs = 50, diagnose }: Patience = {},
): Promise<NonNullable<T>> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const { value, error } = await attempt(check);
    if (value) return value;
    if (performance.now() >= end) {
      const lines = [`waited ${deadlineMs / 1_000} s for ${what}`];
      lines.push(error === undefined ? `last check: ${show(value)}` : `last check threw: ${show(error)}`);
      if (diagnose) lines.push(`diagnosis: ${show(await attempt(diagnose).then((d) => d.error ?? d.value))}`);
      throw new Error(lines.join('\n'), { cause: error });
    }
    await sleep(everyMs);
  }
}

async function attempt<T>(check: () => T | Promise<T>): Promise<{ value?: T; error?: unknown }> {
  try {
    return { value: await check() };
  } catch (error) {
    return { error: error ?? 'nothing' };
  }
}

function show(value: unknown): string {
  return typeof value === 'string' ? value : inspect(value, { depth: 6 });
}
