// The SDK asks an identity provider through a client (got 11) that tries again by itself, and of which a try that is cut off
// after an earlier one throws where nobody can catch it: "ECONNRESET: socket hang up" or "The `onCancel` handler was attached
// after the promise settled" would end the node. Without tries of its own it only rejects. Trying again is our business anyway: a
// command that found no token is tried again with backoff, and the SDK waits longer after each failure before it asks again.
//
// It keeps what it was given: a token until that expires, a cookie for ever. Neither hears that the gateway has refused it, so
// after new keys, a restored realm or a session that is over it would be sent on, by OAuth from a file even after a restart.

/** What we know of the SDK's providers; those that ask nobody have no client. */
interface Asking {
  rest?: Promise<{ extend(options: { readonly retry: { readonly limit: 0 } }): never }>;
}

/** @returns the same provider, which asks once each time it is asked */
export function askingOnce<Provider extends object>(provider: Provider): Provider {
  const asking = provider as Asking;
  if (asking.rest === undefined) return provider;
  asking.rest = asking.rest.then((client) => client.extend({ retry: { limit: 0 } }));
  return provider;
}

interface Keeping {
  flushMemoryCache?(): void;
  flushFileCache?(): void;
  /** There once it has been given one. */
  cookie?: string | undefined;
}

/** @returns whether the next question goes to the identity provider: what was configured (BASIC, BEARER) is all that there is */
export function forgetLogin(provider: object): boolean {
  const keeping = provider as Keeping;
  if ('cookie' in keeping) keeping.cookie = undefined;
  keeping.flushMemoryCache?.();
  keeping.flushFileCache?.();
  return 'cookie' in keeping || keeping.flushMemoryCache !== undefined;
}
