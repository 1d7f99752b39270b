// A kafkajs client that is made when first used, and made anew after a failure that was no answer of a broker.
//
// kafkajs clients reconnect by themselves most of the time; after outages, address changes and lost answers some of
// them stay broken. To replace one costs a few milliseconds, and the old one is closed in the background, after what it
// still has in flight. Every use has a deadline: a request that is never answered must not hold up its caller.
import { kafkaErrorName } from './errors.ts';

export interface Connectable {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
}

export class KafkaDeadline extends Error {
  readonly code = 'KAFKA_DEADLINE';
  readonly retryable = true;

  constructor(deadlineMs: number) {
    super(`Kafka did not answer within ${deadlineMs} ms`);
    this.name = 'KafkaDeadline';
  }
}

export class Renewable<T extends Connectable> {
  readonly #make: () => T;
  #current: { readonly client: T; readonly connected: Promise<void> } | undefined;
  #closed = false;

  constructor(make: () => T) {
    this.#make = make;
  }

  /** @throws what `run` or connecting throws; KafkaDeadline */
  async use<R>(deadlineMs: number, run: (client: T) => Promise<R>): Promise<R> {
    if (this.#closed) throw new Error('this Kafka client is closed');
    this.#current ??= this.#connect();
    const current = this.#current;
    let connected = false;
    try {
      return await within(
        deadlineMs,
        current.connected.then(() => {
          connected = true;
          return run(current.client);
        }),
      );
    } catch (error) {
      // An answer of a broker is no fault of the client; but one that was not let in never will be.
      if ((!connected || kafkaErrorName(error) === undefined) && this.#current === current) this.renew();
      throw error;
    }
  }

  /** The next use gets a new client. */
  renew(): void {
    const old = this.#current;
    this.#current = undefined;
    if (old !== undefined) disconnectQuietly(old.client);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const old = this.#current;
    this.#current = undefined;
    if (old !== undefined) await within(3_000, old.client.disconnect()).catch(() => undefined);
  }

  #connect() {
    const client = this.#make();
    const connected = client.connect();
    connected.catch(() => undefined);
    return { client, connected };
  }
}

/** @throws KafkaDeadline; what `promise` does later is ignored */
export async function within<T>(deadlineMs: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new KafkaDeadline(deadlineMs)), deadlineMs);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

function disconnectQuietly(client: Connectable): void {
  client.disconnect().catch(() => undefined);
}
