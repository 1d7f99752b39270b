// Bearer tokens by the file of their digests, which is read again when it changes: a token that was taken out of it opens
// nothing a second later. A file with a fault changes nothing, and the log says so.
//
// A token is compared by digest, with every entry and in constant time: how long it takes tells nothing of any.
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type TokenEntry, tokensIn } from '../../config/api-tokens.ts';
import type { Log } from '../../log.ts';
import { watchFiles } from '../../system-files.ts';
import type { Authentication, Verdict } from './verdict.ts';

export class TokenFile implements Authentication {
  readonly #file: string;
  readonly #log: Log;
  readonly #stopWatching: () => void;
  #entries: readonly TokenEntry[];

  /** @throws ConfigError, or what reading a file throws */
  constructor(file: string, log: Log, lookEveryMs?: number) {
    this.#file = file;
    this.#log = log;
    this.#stopWatching = watchFiles([file], () => this.#readAgain(), lookEveryMs);
    this.#entries = this.#read();
  }

  async verify(token: string): Promise<Verdict> {
    const digest = createHash('sha256').update(token).digest();
    let found: TokenEntry | undefined;
    for (const entry of this.#entries) if (timingSafeEqual(digest, entry.digest)) found = entry;
    if (found === undefined) return { kind: 'refused', why: 'it is not known here' };
    return { kind: 'known', operator: { name: found.name, role: found.role } };
  }

  close(): void {
    this.#stopWatching();
  }

  #read(): readonly TokenEntry[] {
    return tokensIn(this.#file, readFileSync(this.#file, 'utf8'));
  }

  #readAgain(): void {
    try {
      this.#entries = this.#read();
      this.#log.info('the file of API tokens was read again', { file: this.#file, entries: this.#entries.length });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#log.error('the file of API tokens was read again and not taken: those before go on', {
        file: this.#file,
        reason,
      });
    }
  }
}
