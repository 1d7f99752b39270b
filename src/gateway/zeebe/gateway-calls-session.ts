// What both of our own transports ask of a connection: that it comes about, and that somebody is there at its other end.
import { type ClientHttp2Session, connect } from 'node:http2';
import type { TlsSettings } from './certificates.ts';

const CONNECT_MS = 5_000;
/** The gateway ends connections that ask more often than every 30 s. */
const PING_EVERY_MS = 35_000;
const PING_TIMEOUT_MS = 10_000;

/**
 * Destroys the session with the reason when it does not.
 * @param mayPing false: our side of it is closed already
 * @param onPong somebody is there, and took so long to say so
 */
export function watchSession(
  session: ClientHttp2Session,
  mayPing: () => boolean = () => true,
  onPong?: (tookMs: number) => void,
): void {
  const connecting = setTimeout(() => session.destroy(new Error('the gateway did not answer')), CONNECT_MS).unref();
  let pinging: NodeJS.Timeout | undefined;
  const ping = () => {
    if (session.destroyed || !mayPing()) return;
    const silent = setTimeout(() => session.destroy(new Error('the gateway is silent')), PING_TIMEOUT_MS).unref();
    session.ping((error, tookMs) => {
      clearTimeout(silent);
      if (error === null) onPong?.(tookMs);
    });
  };
  session.once('connect', () => {
    clearTimeout(connecting);
    pinging = setInterval(ping, PING_EVERY_MS).unref();
  });
  session.once('close', () => {
    clearTimeout(connecting);
    clearInterval(pinging);
  });
}

/**
 * Makes a connection and leaves it again. That TLS is there says nothing of our own certificate, which the other side looks at
 * afterwards; but only a gateway that has taken it sends its settings.
 * @param address `host:port` @throws Error why not
 */
export async function tryConnection(address: string, tls: TlsSettings): Promise<void> {
  const session = connect(`https://${address}`, { ...tls });
  watchSession(session);
  const silent = setTimeout(() => session.destroy(new Error('the gateway did not answer')), CONNECT_MS).unref();
  try {
    await new Promise<void>((resolve, reject) => {
      session.once('remoteSettings', () => resolve());
      session.on('error', reject);
      session.once('close', () => reject(new Error('the gateway closed the connection')));
    });
  } finally {
    clearTimeout(silent);
    session.destroy();
  }
}
