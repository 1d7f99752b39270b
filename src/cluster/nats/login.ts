// Who we are to NATS, said anew at every connect from whatever holds the secret, so that a rotated one is used without a
// restart.
// What must hold: it never throws. The client takes an exception in here for the end of the connection, for good; a file that
// is being replaced at that moment would cost the node its life. What was good last is said instead, and the server decides.
import {
  type Auth,
  type Authenticator,
  credsAuthenticator,
  nkeyAuthenticator,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from '@nats-io/transport-node';

/** `read` gives the secret as it is now, and may throw. */
export type NatsLogin =
  | { readonly kind: 'creds' | 'nkey' | 'token'; readonly read: () => string }
  | { readonly kind: 'password'; readonly user: string; readonly read: () => string };

export function authenticatorOf(login: NatsLogin): Authenticator {
  let good: string | undefined;
  return (nonce?: string): Auth => {
    for (const read of [login.read, () => good]) {
      try {
        const secret = read();
        if (secret === undefined) break;
        const auth = authenticator(login, secret)(nonce);
        good = secret;
        return auth;
      } catch {
        // unreadable, or not of its form
      }
    }
    return undefined;
  };
}

function authenticator(login: NatsLogin, secret: string): Authenticator {
  switch (login.kind) {
    case 'creds':
      return credsAuthenticator(Buffer.from(`${secret}\n`));
    case 'nkey':
      return nkeyAuthenticator(Buffer.from(secret));
    case 'token':
      return tokenAuthenticator(secret);
    case 'password':
      return usernamePasswordAuthenticator(login.user, secret);
  }
}
