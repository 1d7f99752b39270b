// The one connection of a node to NATS. What must hold: it never gives up, neither at the first connect nor later; it
// notices a dead server in seconds; and from the moment it is cut off nothing is buffered for later.
// The client's own defaults defeat all three: it gives up after 10 attempts 2 s apart, pings every 2 minutes, and sends
// what was published during the last attempt to dial once that attempt succeeds. So whoever publishes asks `connected()`
// first, and that is false as soon as the client dials, not only when its status event has made its way here.
import { connect, type NatsConnection, type NodeConnectionOptions } from '@nats-io/transport-node';
import { isRefusal, reasonOf } from './refusal.ts';

/** Oldest server that is known to keep what this project relies on (message TTL, CAS fixes, CVE fixes). */
export const MIN_SERVER_VERSION = '2.14.6';

export interface LinkOptions {
  /** `NATS_URL`: one address or several, separated by commas, such as `nats://user:secret@host:4222`. */
  readonly url: string;
  /** Shown in the server's own monitoring. */
  readonly name: string;
  /** Authentication, TLS, inbox prefix; what is set here wins over the defaults below. */
  readonly options?: Partial<NodeConnectionOptions>;
  /** The settings that say who this client is, for the message when the server does not let it in. */
  readonly credentials?: string | undefined;
  /** Ends the wait for the first connection. */
  readonly signal?: AbortSignal;
  onStatus?(status: LinkStatus): void;
}

export type LinkStatus =
  | { readonly kind: 'waiting'; readonly reason: string }
  | { readonly kind: 'connected'; readonly server: string }
  | { readonly kind: 'disconnected' }
  | { readonly kind: 'error'; readonly reason: string };

export class NatsTooOld extends Error {
  readonly code = 'NATS_TOO_OLD';
  readonly retryable = false;
}

export class NatsLink implements AsyncDisposable {
  readonly nc: NatsConnection;
  /** What subjects for answers must begin with; undefined: the client's own. Permissions may ask for one. */
  readonly inboxPrefix: string | undefined;
  /** As the server's own monitoring shows it. */
  readonly name: string;
  #connected = true;
  #maxPayload = 1_048_576;
  readonly #onConnection = new Set<(connected: boolean) => void>();
  readonly #onDenied = new Set<(subject: string) => void>();
  readonly #onStatus: (status: LinkStatus) => void;
  readonly #credentials: string | undefined;
  readonly #pace: Pace;

  constructor(
    nc: NatsConnection,
    { name, options, credentials }: LinkOptions,
    onStatus: (status: LinkStatus) => void,
    pace: Pace,
  ) {
    this.nc = nc;
    this.name = name;
    this.inboxPrefix = options?.inboxPrefix;
    this.#credentials = credentials;
    this.#onStatus = onStatus;
    this.#pace = pace;
    void this.#follow();
    void nc.closed().then(() => this.#set(false));
  }

  /** The second half is undefined from the start of an attempt to dial, before any event says so. */
  connected(): boolean {
    return this.#connected && this.nc.info !== undefined;
  }

  /** Called on every change; returns a function that ends it. */
  onConnection(listener: (connected: boolean) => void): () => void {
    this.#onConnection.add(listener);
    return () => this.#onConnection.delete(listener);
  }

  /** The server refused a publish to this subject for want of permission (it says so out of band, not as a reply). */
  onDenied(listener: (subject: string) => void): () => void {
    this.#onDenied.add(listener);
    return () => this.#onDenied.delete(listener);
  }

  /** As the server said last; the client forgets it while it dials. */
  maxPayloadBytes(): number {
    this.#maxPayload = this.nc.info?.max_payload ?? this.#maxPayload;
    return this.#maxPayload;
  }

  serverVersion(): string {
    return this.nc.info?.version ?? 'unknown';
  }

  /** For what has nobody to go to: an exception inside a callback of the client would end its reading for good. */
  guarded(what: string, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#onStatus({ kind: 'error', reason: `${what}: ${(error as Error).stack ?? error}` });
    }
  }

  async close(): Promise<void> {
    await this.nc.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #follow(): Promise<void> {
    for await (const status of this.nc.status()) {
      if (status.type === 'disconnect') {
        this.#set(false);
      } else if (status.type === 'reconnect') {
        this.#set(true);
      } else if (status.type === 'error') {
        const denied = status.error as Error & { operation?: string; subject?: string };
        if (denied.operation === 'publish' && denied.subject) for (const tell of this.#onDenied) tell(denied.subject);
        if (isRefusal(denied)) this.#notLetIn(denied);
        else this.#onStatus({ kind: 'error', reason: status.error.message });
      }
    }
  }

  /** At a reconnect, again and again: told once. The client goes on trying, with whatever the credentials are then. */
  #notLetIn(error: Error): void {
    const told = this.#pace.refused;
    this.#pace.refused = true;
    if (!told) this.#onStatus({ kind: 'waiting', reason: reasonOf(error, this.#credentials) });
  }

  #set(connected: boolean): void {
    if (connected) this.#pace.refused = false;
    if (this.#connected === connected) return;
    this.#connected = connected;
    this.#onStatus(connected ? { kind: 'connected', server: this.nc.getServer() } : { kind: 'disconnected' });
    for (const tell of this.#onConnection) tell(connected);
  }
}

/**
 * Connects and waits as long as that takes, saying every time why not yet.
 * @throws NatsTooOld when the server is older than MIN_SERVER_VERSION; the signal's reason when aborted.
 */
export async function connectNats(link: LinkOptions): Promise<NatsLink> {
  const report = (status: LinkStatus): void => link.onStatus?.(status);
  const pace: Pace = { refused: false };
  for (let waitMs = 100; ; waitMs = Math.min(waitMs * 2, 1_000)) {
    link.signal?.throwIfAborted();
    try {
      const nc = await connect(clientOptions(link, pace));
      const version = nc.info?.version ?? '0.0.0';
      if (olderThan(version, MIN_SERVER_VERSION)) {
        await nc.close();
        throw new NatsTooOld(`NATS server is ${version}, at least ${MIN_SERVER_VERSION} is needed: upgrade the server`);
      }
      report({ kind: 'connected', server: nc.getServer() });
      return new NatsLink(nc, link, report, pace);
    } catch (error) {
      if (error instanceof NatsTooOld) throw error;
      const byTls = Boolean(link.options?.tls);
      const reason = reasonOf(error as Error, link.credentials, byTls);
      report({ kind: 'waiting', reason: `no NATS server at ${hosts(link.url)}: ${reason}` });
    }
    await pause(waitMs, link.signal);
  }
}

/** True when `version` ("2.15.1", "2.15.0-RC.1") is before `than`, by the three numbers. */
export function olderThan(version: string, than: string): boolean {
  const numbers = (text: string): number[] => (/\d+\.\d+\.\d+/.exec(text)?.[0] ?? '0.0.0').split('.').map(Number);
  const [a, b] = [numbers(version), numbers(than)];
  const at = a.findIndex((number, index) => number !== b[index]);
  return at >= 0 && (a[at] ?? 0) < (b[at] ?? 0);
}

/** How soon the client dials again: a server that said no is asked less often than one that is away. */
interface Pace {
  refused: boolean;
}

const AGAIN_MS = 100;
const AGAIN_AFTER_REFUSAL_MS = 2_000;

function clientOptions({ url, name, options }: LinkOptions, pace: Pace): NodeConnectionOptions {
  const addresses = url.split(',').map((address) => address.trim());
  const login = addresses.map((address) => /^\w+:\/\/([^:@/]+)(?::([^@/]*))?@/.exec(address)).find((found) => found);
  const user = login?.[1] && decodeURIComponent(login[1]);
  const secret = login?.[2] === undefined ? undefined : decodeURIComponent(login[2]);
  return {
    servers: addresses.map((address) => address.replace(/^(\w+:\/\/)[^@/]*@/, '$1')),
    name,
    maxReconnectAttempts: -1,
    reconnectDelayHandler: () => (pace.refused ? AGAIN_AFTER_REFUSAL_MS : AGAIN_MS) * (1 + Math.random() / 2),
    pingInterval: 5_000,
    timeout: 2_000,
    ignoreAuthErrorAbort: true,
    noAsyncTraces: true,
    ...(user === undefined ? {} : secret === undefined ? { token: user } : { user, pass: secret }),
    ...options,
  };
}

/** Addresses as they may be shown: without user and secret. */
function hosts(url: string): string {
  return url.replace(/(^|,\s*)(\w+:\/\/)[^@/,]*@/g, '$1$2');
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    }
  });
}
