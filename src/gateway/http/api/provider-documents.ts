// What the identity provider publishes: where its keys are, and the keys. Anybody can make a node ask for them, with a token that
// names a key which nobody has, before it is known who asks. So what must hold: one that failed, in whatever way, is not asked
// again for a while, and logged once for it; a document is read up to a limit; no redirect leads to somebody else's keys.
import type { Log } from '../../log.ts';

/** Keys of a large provider are some ten KiB. */
const MAX_BYTES = 512 * 1024;

export interface ProviderTiming {
  readonly timeoutMs: number;
  /** Before a document that could not be had is asked for again. */
  readonly askAgainMs: number;
}

/** A document cannot be had, so nothing can be said of any token. Whoever verifies one answers that (verdict.ts). */
export class ProviderAway extends Error {}

export class ProviderDocuments {
  readonly #log: Log;
  readonly #timing: ProviderTiming;
  /** By URL. */
  readonly #failed = new Map<string, { readonly error: ProviderAway; readonly untilMs: number }>();

  constructor(log: Log, timing: ProviderTiming) {
    this.#log = log;
    this.#timing = timing;
  }

  /** @param parse throws what is wrong with it @throws ProviderAway */
  async get<T>(url: string, parse: (document: unknown) => T): Promise<T> {
    const failed = this.#failed.get(url);
    if (failed !== undefined && performance.now() < failed.untilMs) throw failed.error;
    try {
      const parsed = parse(await read(url, this.#timing.timeoutMs));
      this.#failed.delete(url);
      return parsed;
    } catch (cause) {
      const error = new ProviderAway('the identity provider gives no keys', { cause });
      this.#failed.set(url, { error, untilMs: performance.now() + this.#timing.askAgainMs });
      this.#log.warn('the identity provider of the API gave no keys', { url, err: cause });
      throw error;
    }
  }
}

async function read(url: string, timeoutMs: number): Promise<unknown> {
  const headers = { accept: 'application/json, application/jwk-set+json' };
  const answer = await fetch(url, { headers, redirect: 'error', signal: AbortSignal.timeout(timeoutMs) });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop ends the connection.
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BYTES) throw new Error(`${url} answers more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  if (answer.status !== 200) throw new Error(`${url} answers ${answer.status}`);
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw new Error(`${url} answers something that is not JSON`); // a parser would quote it
  }
}
