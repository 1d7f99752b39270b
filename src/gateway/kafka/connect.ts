// The one place that makes kafkajs clients: whom to ask, how long to wait, what to do with its log and its decoders.
//
// kafkajs logs every rebalance and every retried request as an error; what matters comes to us as an error or an event
// anyway, so its own lines go to our debug log. Every adapter here retries by itself, so the clients made here do not.
import { Kafka, logLevel } from 'kafkajs';
import { type KafkaSecurity, NO_KAFKA_SECURITY } from '../config/kafka.ts';
import type { Log } from '../log.ts';
import { decodeWithinBounds } from './batch-decoding.ts';
import { gatherHeadersQuickly } from './header-decoding.ts';
import { restWhileNothingWaits } from './idle-queue.ts';
import { encodeInOnePass } from './produce-encoding.ts';
import { securityOptions } from './security.ts';

export interface KafkaSettings {
  /** `host:port` each. */
  readonly brokers: readonly string[];
  /** Default: plain text, and no login. */
  readonly security?: KafkaSecurity;
  /** Shown in the brokers' logs and quotas. Default `holdfast`. */
  readonly clientId?: string;
  readonly connectTimeoutMs?: number;
  /** Of one request; the group's own requests (join) take as long as they take. */
  readonly requestTimeoutMs?: number;
}

export function connectKafka(settings: KafkaSettings, log: Log): Kafka {
  decodeWithinBounds();
  gatherHeadersQuickly();
  encodeInOnePass();
  restWhileNothingWaits();
  return new Kafka({
    brokers: [...settings.brokers],
    ...securityOptions(settings.security ?? NO_KAFKA_SECURITY),
    clientId: settings.clientId ?? 'holdfast',
    connectionTimeout: settings.connectTimeoutMs ?? 2_000,
    requestTimeout: settings.requestTimeoutMs ?? 10_000,
    retry: { retries: 0 },
    logLevel: logLevel.WARN,
    logCreator: () => (entry) => {
      const { message, timestamp: _, ...fields } = entry.log;
      log.debug(`kafkajs: ${message}`, { namespace: entry.namespace, ...fields });
    },
  });
}
