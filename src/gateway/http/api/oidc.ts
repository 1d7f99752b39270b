// Who an identity provider says that somebody is: a JWT, signed by a key of the issuer's JWKS, for our audience, in time.
//
// Only signatures of key pairs count: with a shared secret (HS256) the public key would do to forge one. The keys are
// fetched when the first token comes, again when a token names one that is not among them, and after an hour. When the
// provider is away and the keys are not known, nobody can be told from anybody, and that is said (503), not guessed.
import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify, type RemoteJWKSet } from 'jose';
import { isSafeUrl, type OidcSettings } from '../../config/api.ts';
import type { Log } from '../../log.ts';
import { ROLES, type Role } from '../../operations/operations.ts';
import type { Authentication, Verdict } from './verdict.ts';

const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];
/** Between our clock and the provider's. */
const CLOCK_TOLERANCE_SECONDS = 30;
const MAX_NAME_CHARS = 200;
/** Anybody can send something that looks like a token, as often as he likes, and each would be a line. */
const TELL_EVERY_MS = 30_000;

export interface OidcTiming {
  readonly timeoutMs: number;
  /** Before the keys are fetched again for one that is not among them. */
  readonly cooldownMs: number;
  readonly maxAgeMs: number;
  /** Before a provider that did not answer is asked again where its keys are. */
  readonly discoverAgainMs: number;
}
const DEFAULT_TIMING: OidcTiming = {
  ...{ timeoutMs: 5_000, cooldownMs: 30_000, maxAgeMs: 3_600_000, discoverAgainMs: 2_000 },
};

/** What is wrong with a token, in our words; anything else that is thrown says nothing of the token. */
const REFUSALS: readonly (readonly [kind: new (...args: never[]) => Error, why: string])[] = [
  [errors.JWTExpired, 'it has expired'],
  [errors.JOSEAlgNotAllowed, 'it is signed by an algorithm that is not taken'],
  [errors.JOSENotSupported, 'it is signed by an algorithm that is not known'],
  [errors.JWKSNoMatchingKey, 'it is signed by a key that is none of the issuer'],
  [errors.JWKSMultipleMatchingKeys, 'it does not name the key that it is signed by'],
  [errors.JWSSignatureVerificationFailed, 'its signature is wrong'],
  [errors.JWSInvalid, 'it is no signed JWT'],
  [errors.JWTInvalid, 'it is no JWT'],
];

export class Oidc implements Authentication {
  readonly #settings: OidcSettings;
  readonly #log: Log;
  readonly #timing: OidcTiming;
  #keys: Promise<RemoteJWKSet> | undefined;
  #toldAtMs = Number.NEGATIVE_INFINITY;

  constructor(settings: OidcSettings, log: Log, timing: Partial<OidcTiming> = {}) {
    this.#settings = settings;
    this.#log = log;
    this.#timing = { ...DEFAULT_TIMING, ...timing };
  }

  async verify(token: string): Promise<Verdict> {
    const { issuer, audience } = this.#settings;
    try {
      const { payload } = await jwtVerify(token, await this.#issuerKeys(), {
        ...{ issuer, audience, algorithms: ALGORITHMS },
        ...{ clockTolerance: CLOCK_TOLERANCE_SECONDS, requiredClaims: ['exp'] },
      });
      return this.#verdictOn(payload);
    } catch (error) {
      return this.#verdictFrom(error);
    }
  }

  close(): void {}

  #verdictOn(payload: JWTPayload): Verdict {
    const name = nameIn(payload);
    if (name === undefined) return { kind: 'refused', why: 'it names nobody (preferred_username or sub)' };
    const { rolesClaim, rolePrefix } = this.#settings;
    const has = valuesOf(claimOf(payload, rolesClaim));
    const role = ROLES.findLast((one: Role) => has.includes(`${rolePrefix}${one}`));
    // No name in the file of tokens has a colon: whoever is read of in the audit came by the one way or by the other.
    if (role !== undefined) return { kind: 'known', operator: { name: `oidc:${name}`, role } };
    const wanted = ROLES.map((one) => `${rolePrefix}${one}`).join(', ');
    return { kind: 'noRole', name, why: `the claim ${rolesClaim} of the token lists none of ${wanted}` };
  }

  #verdictFrom(error: unknown): Verdict {
    const known = REFUSALS.find(([kind]) => error instanceof kind);
    if (known !== undefined) return { kind: 'refused', why: known[1] };
    if (error instanceof errors.JWTClaimValidationFailed) {
      return { kind: 'refused', why: `its claim ${error.claim} is missing or not as it has to be` };
    }
    this.#tellAway(error);
    return {
      kind: 'unavailable',
      why: 'the identity provider gives no keys now, so no token can be verified; ask again',
    };
  }

  #tellAway(error: unknown): void {
    const nowMs = performance.now();
    if (nowMs - this.#toldAtMs < TELL_EVERY_MS) return;
    this.#toldAtMs = nowMs;
    this.#log.warn('the identity provider of the API gave no keys', { issuer: this.#settings.issuer, err: error });
  }

  /** A failure is kept for a while: a provider that is away is not asked for every request. */
  #issuerKeys(): Promise<RemoteJWKSet> {
    if (this.#keys === undefined) {
      const keys = this.#findKeys();
      this.#keys = keys;
      keys.catch(() => {
        setTimeout(() => {
          if (this.#keys === keys) this.#keys = undefined;
        }, this.#timing.discoverAgainMs).unref();
      });
    }
    return this.#keys;
  }

  async #findKeys(): Promise<RemoteJWKSet> {
    const url = this.#settings.jwksUrl ?? (await this.#discover());
    const { timeoutMs, cooldownMs, maxAgeMs } = this.#timing;
    return createRemoteJWKSet(new URL(url), {
      ...{ timeoutDuration: timeoutMs, cooldownDuration: cooldownMs, cacheMaxAge: maxAgeMs },
    });
  }

  /** OpenID Connect Discovery 1.0, §4. */
  async #discover(): Promise<string> {
    const { issuer } = this.#settings;
    const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const answer = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(this.#timing.timeoutMs) });
    if (!answer.ok) throw new Error(`${url} answers ${answer.status}`);
    const document: unknown = await answer.json();
    const found = valueAt(document, 'issuer');
    if (found !== issuer) throw new Error(`${url} is of the issuer ${JSON.stringify(found)}, not ${issuer}`);
    const keys = valueAt(document, 'jwks_uri');
    if (typeof keys !== 'string' || !isSafeUrl(keys)) throw new Error(`${url} names no jwks_uri that is https`);
    return keys;
  }
}

function nameIn({ preferred_username: preferred, sub }: JWTPayload): string | undefined {
  const name = typeof preferred === 'string' && preferred !== '' ? preferred : sub;
  const shown = name?.replaceAll(/\p{Cc}/gu, '').slice(0, MAX_NAME_CHARS);
  return shown === '' ? undefined : shown;
}

/** The claim of that very name, which may have dots; else the path. */
function claimOf(payload: JWTPayload, claim: string): unknown {
  const whole = valueAt(payload, claim);
  return whole !== undefined ? whole : claim.split('.').reduce<unknown>(valueAt, payload);
}

function valueAt(value: unknown, name: string): unknown {
  return value !== null && typeof value === 'object' && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}

/** A list of texts, or one text with spaces between them, as `scope` is. */
function valuesOf(claim: unknown): readonly unknown[] {
  return typeof claim === 'string' ? claim.split(' ') : Array.isArray(claim) ? claim : [];
}
