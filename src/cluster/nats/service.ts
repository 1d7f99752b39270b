// A node as a service of NATS's own monitoring: it answers `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS`, so that `nats micro ls`,
// `info` and `stats` show every node with its figures, from anywhere in the account and without a word of configuration.
// The protocol is ADR-32 of NATS ("io.nats.micro.v1"): three questions, each to all services, to those of a name, and to one.
//
// What must hold: it only tells. A node that may not subscribe to `$SRV.>` works all the same, and is not listed.
import type { Incarnation } from '../../actors/ids.ts';
import type { Endpoint } from '../endpoint-count.ts';
import type { Bus } from '../ports.ts';

export interface ServiceOptions {
  readonly bus: Pick<Bus, 'subscribe'>;
  readonly cluster: string;
  readonly node: string;
  /** Of the product, x.y.z. */
  readonly version: string;
  readonly incarnation: Incarnation;
  /** Wall clock ms. */
  readonly startedMs: number;
  endpoints(): readonly Endpoint[];
}

const TYPE = 'io.nats.micro.v1';

export function serviceName(cluster: string): string {
  return `holdfast-${cluster}`;
}

export class NatsService {
  readonly #subscriptions: readonly (() => void)[];

  /** Answers from now on. */
  constructor(options: ServiceOptions) {
    const { bus, cluster, incarnation } = options;
    const name = serviceName(cluster);
    const answers = { PING: () => pingOf(options), INFO: () => infoOf(options), STATS: () => statsOf(options) };
    this.#subscriptions = Object.entries(answers).flatMap(([question, answer]) =>
      [`$SRV.${question}`, `$SRV.${question}.${name}`, `$SRV.${question}.${name}.${incarnation}`].map((subject) =>
        bus.subscribe(subject, () => Buffer.from(JSON.stringify(answer()))),
      ),
    );
  }

  stop(): void {
    for (const unsubscribe of this.#subscriptions) unsubscribe();
  }
}

function identity(question: 'ping' | 'info' | 'stats', { cluster, node, version, incarnation }: ServiceOptions) {
  const type = `${TYPE}.${question}_response`;
  return { type, name: serviceName(cluster), id: incarnation, version, metadata: { cluster, node } };
}

function pingOf(options: ServiceOptions) {
  return identity('ping', options);
}

function infoOf(options: ServiceOptions) {
  return {
    ...identity('info', options),
    description: `holdfast, cluster ${options.cluster}: holds jobs of the engine until their replies come`,
    endpoints: options.endpoints().map(({ name, subject }) => ({ name, subject, queue_group: '', metadata: {} })),
  };
}

function statsOf(options: ServiceOptions) {
  return {
    ...identity('stats', options),
    started: new Date(options.startedMs).toISOString(),
    endpoints: options.endpoints().map(({ name, subject, count }) => ({
      name,
      subject,
      queue_group: '',
      num_requests: count.requests,
      num_errors: count.errors,
      last_error: count.lastError,
      processing_time: ns(count.processingMs),
      average_processing_time: count.requests === 0 ? 0 : ns(count.processingMs / count.requests),
    })),
  };
}

/** Durations in whole nanoseconds. */
function ns(ms: number): number {
  return Math.round(ms * 1e6);
}
