// Who an identity provider says that somebody is: a JWT, signed by a key of the issuer's JWKS, for our audience, in time.
//
// Only signatures of key pairs count: with a shared secret (HS256) the public key would do to forge one. The keys are
// fetched when the first token comes, again when a token names one that is not among them, and after an hour. When the
// provider is away and the keys are not known, nobody can be told from anybody, and that is said (503), not guessed.
import { createRemoteJWKSet, customFetch, errors, type JWTPayload, jwtVerify, type RemoteJWKSet } from 'jose';
import { isSafeUrl, type OidcSettings } from '../../config/api.ts';
import type { Log } from '../../log.ts';
import { ROLES, type Role } from '../../operations/operations.ts';
import { ProviderAway, ProviderDocuments, type ProviderTiming } from './provider-documents.ts';
import type { Authentication, Verdict } from './verdict.ts';

const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];
/** Between our clock and the provider's. */
const CLOCK_TOLERANCE_SECONDS = 30;
const MAX_NAME_CHARS = 200;

export interface OidcTiming extends ProviderTiming {
  /** Before the keys are fetched again for one that is not among them. */
  readonly cooldownMs: number;
  readonly maxAgeMs: number;
}
const DEFAULT_TIMING: OidcTiming = {
  ...{ timeoutMs: 5_000, askAgainMs: 2_000, cooldownMs: 30_000, maxAgeMs: 3_600_000 },
};

/** What is wrong with a token, in our words. */
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
  readonly #documents: ProviderDocuments;
  #keys: Promise<RemoteJWKSet> | undefined;

  constructor(settings: OidcSettings, log: Log, timing: Partial<OidcTiming> = {}) {
    this.#settings = settings;
    this.#log = log;
    this.#timing = { ...DEFAULT_TIMING, ...timing };
    this.#documents = new ProviderDocuments(log, this.#timing);
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
    if (error instanceof ProviderAway) {
      return {
        kind: 'unavailable',
        why: 'the identity provider gives no keys now, so no token can be verified; ask again',
      };
    }
    // Such as a key that is too weak. It counts as a failure: whoever sends such tokens is not to fill the log.
    this.#log.warn('a token could not be verified', { issuer: this.#settings.issuer, err: error });
    return { kind: 'refused', why: 'it cannot be verified' };
  }

  #issuerKeys(): Promise<RemoteJWKSet> {
    if (this.#keys === undefined) {
      const keys = this.#findKeys();
      this.#keys = keys;
      keys.catch(() => {
        this.#keys = undefined;
      });
    }
    return this.#keys;
  }

  async #findKeys(): Promise<RemoteJWKSet> {
    const url = this.#settings.jwksUrl ?? (await this.#discover());
    const { cooldownMs, maxAgeMs } = this.#timing;
    return createRemoteJWKSet(new URL(url), {
      ...{ cooldownDuration: cooldownMs, cacheMaxAge: maxAgeMs },
      [customFetch]: async () => Response.json(await this.#documents.get(url, keySetIn)),
    });
  }

  /** OpenID Connect Discovery 1.0, §4. */
  #discover(): Promise<string> {
    const { issuer } = this.#settings;
    return this.#documents.get(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, (document) => {
      const found = valueAt(document, 'issuer');
      if (found !== issuer) {
        throw new Error(
          `its discovery document is of the issuer ${JSON.stringify(found)?.slice(0, 200)}, not ${issuer}`,
        );
      }
      const keys = valueAt(document, 'jwks_uri');
      if (typeof keys !== 'string' || !isSafeUrl(keys)) {
        throw new Error('its discovery document names no jwks_uri that is https');
      }
      return keys;
    });
  }
}

/** RFC 7517, §5. */
function keySetIn(document: unknown): unknown {
  const keys = valueAt(document, 'keys');
  const isSet =
    Array.isArray(keys) && keys.every((key) => key !== null && typeof key === 'object' && !Array.isArray(key));
  if (!isSet) throw new Error('what should be its keys is no JSON Web Key Set');
  return document;
}

/** As it is or not at all: a name that was cut or cleaned could be somebody else's in the audit. */
function nameIn({ preferred_username: preferred, sub }: JWTPayload): string | undefined {
  return [preferred, sub].find(isName);
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_NAME_CHARS && NAME.test(value);
}

/** Something, without what one does not see: controls, marks of direction, halves of characters, spaces around it. */
const NAME = /^(?! )[^\p{C}\p{Zl}\p{Zp}]+(?<! )$/u;

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
