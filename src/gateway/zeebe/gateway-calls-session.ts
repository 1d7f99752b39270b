// What both of our own transports ask of a connection: that it comes about, and that somebody is there at its other end.
import type { ClientHttp2Session } from 'node:http2';

const CONNECT_MS = 5_000;
/** The gateway ends connections that ask more often than every 30 s. */
const PING_EVERY_MS = 35_000;
const PING_TIMEOUT_MS = 10_000;

/** Destroys the session with the reason when it does not. @param mayPing false: our side of it is closed already */
export function watchSession(session: ClientHttp2Session, mayPing: () => boolean = () => true): void {
  const connecting = setTimeout(() => session.destroy(new Error('the gateway did not answer')), CONNECT_MS).unref();
  let pinging: NodeJS.Timeout | undefined;
  const ping = () => {
    if (session.destroyed || !mayPing()) return;
    const silent = setTimeout(() => session.destroy(new Error('the gateway is silent')), PING_TIMEOUT_MS).unref();
    session.ping(() => clearTimeout(silent));
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
