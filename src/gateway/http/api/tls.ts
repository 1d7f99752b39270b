// The certificate of the listener, read again when its files change: whoever renews it does not have to restart a node.
// A pair that does not fit together (one of the two is written already, the other is not) is not taken; the next change is.
import { readFileSync } from 'node:fs';
import { assertKeyPair } from '../../key-pair.ts';
import type { Log } from '../../log.ts';
import { watchFiles } from '../../system-files.ts';

export interface KeyPair {
  /** PEM: the certificate and those between it and the root. */
  readonly cert: string;
  readonly key: string;
}

export interface Certificate {
  current(): KeyPair;
  /** Calls when there is another one. Answers what ends that. */
  onChange(taken: (pair: KeyPair) => void): () => void;
}

/** @throws Error when a file cannot be read, or the two do not fit together */
export function certificateFrom(certFile: string, keyFile: string, log: Log, lookEveryMs?: number): Certificate {
  const read = (): KeyPair => {
    const pair = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
    assertKeyPair(pair.cert, pair.key);
    return pair;
  };
  let pair = read();
  return {
    current: () => pair,
    onChange: (taken) => {
      const readAgain = () => {
        try {
          pair = read();
          taken(pair);
          log.info('the certificate of the API was read again', { file: certFile });
        } catch (error) {
          const reason = error instanceof Error ? error.message : String(error);
          log.error('the certificate of the API was read again and not taken', { file: certFile, keyFile, reason });
        }
      };
      return watchFiles([certFile, keyFile], readAgain, lookEveryMs);
    },
  };
}
