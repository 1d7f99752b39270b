// Tokens for Kafka from an identity provider, by the client credentials grant (RFC 6749, section 4.4): asked for once for all
// who want one at the same time, kept until shortly before they expire, and after a failure not asked for again at once, for
// every connection of every client comes here.
import type { KafkaOAuth } from '../config/kafka.ts';
import { textOf, whyNoAnswer } from '../fetch-answers.ts';

const DEADLINE_MS = 3_000;
const MAX_ANSWER_BYTES = 64 * 1024;
/** Cut from the end of a token's life, but no more than a fifth of it. */
const MARGIN_MS = 30_000;
/** For a token of which the provider does not say how long it lives. */
const UNKNOWN_LIFE_MS = 60_000;
const REST_MIN_MS = 500;
const REST_MAX_MS = 10_000;

export class TokenUnavailable extends Error {
  readonly code = 'TOKEN_UNAVAILABLE';
  readonly retryable = true;

  constructor(reason: string, cause?: unknown) {
    super(`no token for Kafka: ${reason}`, { cause });
    this.name = 'TokenUnavailable';
  }
}

export class TokenSource {
  readonly #settings: KafkaOAuth;
  #token = '';
  #freshUntilMs = 0;
  #asking: Promise<string> | undefined;
  #failures = 0;
  #failure: TokenUnavailable | undefined;
  #restUntilMs = 0;

  constructor(settings: KafkaOAuth) {
    this.#settings = settings;
  }

  /** @throws TokenUnavailable; SecretUnreadable */
  async token(): Promise<string> {
    if (performance.now() < this.#freshUntilMs) return this.#token;
    if (this.#failure !== undefined && performance.now() < this.#restUntilMs) throw this.#failure;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** Kafka did not take it. */
  forget(): void {
    this.#freshUntilMs = 0;
  }

  async #ask(): Promise<string> {
    try {
      const { token, lifeMs } = await fetchToken(this.#settings);
      this.#token = token;
      this.#freshUntilMs = performance.now() + lifeMs - Math.min(MARGIN_MS, lifeMs / 5);
      this.#failures = 0;
      this.#failure = undefined;
      return token;
    } catch (error) {
      if (error instanceof TokenUnavailable) this.#failure = error;
      const restMs = Math.min(REST_MAX_MS, REST_MIN_MS * 2 ** this.#failures) * (0.5 + Math.random() / 2);
      this.#restUntilMs = performance.now() + restMs;
      this.#failures = Math.min(this.#failures + 1, 10);
      throw error;
    }
  }
}

async function fetchToken({ tokenUrl, clientId, clientSecret, scope }: KafkaOAuth) {
  const body = new URLSearchParams({ grant_type: 'client_credentials', ...(scope !== '' && { scope }) });
  const authorization = `Basic ${Buffer.from(`${formEncoded(clientId)}:${formEncoded(clientSecret.read())}`).toString('base64')}`;
  let status: number;
  let text: string;
  try {
    const headers = { authorization, accept: 'application/json' };
    const signal = AbortSignal.timeout(DEADLINE_MS);
    const response = await fetch(tokenUrl, { method: 'POST', headers, body, signal, redirect: 'error' });
    status = response.status;
    text = await textOf(response, MAX_ANSWER_BYTES);
  } catch (error) {
    throw new TokenUnavailable(
      `${tokenUrl} ${whyNoAnswer(error)}; check KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL`,
      error,
    );
  }
  const answer = parse(text);
  if (status === 200 && typeof answer.access_token === 'string' && answer.access_token !== '') {
    const lifeMs = Number(answer.expires_in) * 1_000;
    return { token: answer.access_token, lifeMs: lifeMs > 0 ? lifeMs : UNKNOWN_LIFE_MS };
  }
  throw new TokenUnavailable(`${tokenUrl} answered ${status}${errorIn(answer)}; ${remedyOf(status, answer)}`);
}

/** As RFC 6749, section 2.3.1 has it. */
function formEncoded(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1);
}

/** The provider's code, which is one of a few words; its description may say anything. */
function errorIn({ error }: Answer): string {
  return typeof error === 'string' && /^[a-z_]{1,40}$/.test(error) ? ` (${error})` : '';
}

function remedyOf(status: number, { error }: Answer): string {
  if (error === 'invalid_scope') return 'check KAFKA_SASL_OAUTHBEARER_SCOPE';
  if (status === 401 || error === 'invalid_client' || error === 'unauthorized_client') {
    return 'check KAFKA_SASL_OAUTHBEARER_CLIENT_ID and KAFKA_SASL_OAUTHBEARER_CLIENT_SECRET';
  }
  return 'check KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL';
}

type Answer = Readonly<Record<string, unknown>>;

function parse(text: string): Answer {
  try {
    const answer: unknown = JSON.parse(text);
    return typeof answer === 'object' && answer !== null ? (answer as Answer) : {};
  } catch {
    return {};
  }
}
