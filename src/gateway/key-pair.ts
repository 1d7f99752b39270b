// Does a private key belong to its certificate? Asked of files that may change under a running process.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';

/**
 * Of a file that is being written there may be nothing yet, and a context without a key is one that Node makes.
 * @throws Error in the words of OpenSSL, which name routines and reasons, never content
 */
export function assertKeyPair(cert: string, key: string): void {
  if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) throw new Error('key values mismatch');
  createSecureContext({ cert, key });
}
