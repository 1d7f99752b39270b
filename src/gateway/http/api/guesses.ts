// Guessing tokens is limited: of one address only so many failed authentications within a minute are looked at.
//
// What must hold
//  - Beyond the limit a token is not looked at, right or wrong: whoever goes on guessing does not learn that a guess was a hit.
//  - A token that was taken from that very address within the last hour is still looked at: who fails beside somebody, behind the
//    same gateway, locks nobody out who is at work. One that is good and new has to wait until the minute is over.
//  - Each failure within the limit is logged, and those beyond it by number, a line for each minute and address.
// Addresses of IPv6 count by /64, which is what one customer has. Tokens are remembered as digests, and not many of them.
import { createHash } from 'node:crypto';
import { normalizeIP } from '@fastify/rate-limit';
import type { FastifyRequest } from 'fastify';
import type { Log } from '../../log.ts';
import { ApiProblem } from './problem.ts';
import type { Api } from './serving.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const MOST_PROVEN = 1_000;
const MOST_UNSEEN_ADDRESSES = 1_000;

export interface GuessesOptions {
  /** Of one address within a minute. */
  readonly maxFailures: number;
  readonly log: Log;
}

export class Guesses {
  readonly #failures: ReturnType<Api['createRateLimit']>;
  readonly #log: Log;
  /** By address and digest; when it was taken last, the oldest first. */
  readonly #proven = new Map<string, number>();
  /** Attempts that were not looked at, by address. */
  readonly #unseen = new Map<string, number>();

  constructor(api: Api, { maxFailures, log }: GuessesOptions) {
    this.#failures = api.createRateLimit({ max: maxFailures, timeWindow: MINUTE_MS });
    this.#log = log;
    const timer = setInterval(() => this.#tell(), MINUTE_MS).unref();
    api.addHook('onClose', async () => {
      clearInterval(timer);
      this.#tell();
    });
  }

  /** Before it is looked at. @throws ApiProblem: it is not */
  async check(request: FastifyRequest, token: string): Promise<void> {
    const name = nameOf(request, token);
    const takenMs = this.#proven.get(name);
    if (takenMs !== undefined && performance.now() - takenMs < HOUR_MS) return;
    this.#proven.delete(name);
    await this.#refuseBeyondLimit(request);
  }

  /** It was good. @throws ApiProblem: others, looked at in the same moment, have reached the limit meanwhile */
  async taken(request: FastifyRequest, token: string): Promise<void> {
    const name = nameOf(request, token);
    if (!this.#proven.has(name)) await this.#refuseBeyondLimit(request);
    this.#proven.delete(name);
    this.#proven.set(name, performance.now());
    for (const oldest of this.#proven.keys()) {
      if (this.#proven.size <= MOST_PROVEN) return;
      this.#proven.delete(oldest);
    }
  }

  /** It failed, and is counted. @param token undefined: there was none. Answers why nothing is said of it: too many have failed */
  async failed(request: FastifyRequest, token: string | undefined): Promise<ApiProblem | undefined> {
    if (token !== undefined) this.#proven.delete(nameOf(request, token));
    const sofar = await this.#failures(request);
    if (sofar.isAllowed || !sofar.isExceeded) return undefined;
    return this.#tooMany(request, sofar.ttlInSeconds);
  }

  async #refuseBeyondLimit(request: FastifyRequest): Promise<void> {
    const sofar = await this.#failures(request, { increment: false });
    if (!sofar.isAllowed && sofar.remaining === 0) throw this.#tooMany(request, sofar.ttlInSeconds);
  }

  #tooMany(request: FastifyRequest, ttlSeconds: number): ApiProblem {
    const address = addressOf(request);
    const counted = this.#unseen.size < MOST_UNSEEN_ADDRESSES || this.#unseen.has(address) ? address : 'others';
    this.#unseen.set(counted, (this.#unseen.get(counted) ?? 0) + 1);
    const seconds = Math.max(1, ttlSeconds);
    return new ApiProblem(
      'RATE_LIMITED',
      `too many authentications from this address have failed, and no token that is new to it is looked at; ask again in ${seconds} s`,
      { headers: { 'retry-after': String(seconds) } },
    );
  }

  #tell(): void {
    for (const [address, attempts] of this.#unseen) {
      this.#log.warn('authentications were refused unseen: too many had failed', { address, attempts });
    }
    this.#unseen.clear();
  }
}

/** What limits count by. */
export function addressOf({ ip }: FastifyRequest): string {
  return normalizeIP(ip);
}

function nameOf(request: FastifyRequest, token: string): string {
  return `${addressOf(request)} ${createHash('sha256').update(token).digest('base64')}`;
}
