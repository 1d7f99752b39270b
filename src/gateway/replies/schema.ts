// Replies whose value has a schema, as replies in JSON. The registry may be away: it is asked again for a while, for its
// answers are mostly kept here already, and a reply that waits for it holds up the commits of its partition. What cannot be
// decoded, for whatever reason, is malformed: its job fails, a retry less, and the record is kept as a dead letter.
import type { Malformed, ReplyContent } from '../../actors/messages.ts';
import type { Clock, Random } from '../../actors/ports.ts';
import type { HeaderNames } from '../header-names.ts';
import type { IncomingRecord } from '../ports.ts';
import { RetryDelay } from '../retry-delay.ts';
import { RegistryUnavailable } from '../schema/errors.ts';
import type { SchemaRegistry } from '../schema/registry.ts';
import { readReply } from './contract.ts';

/** Longer than a registry takes to be restarted; shorter than a partition may stand still. */
const PATIENCE_MS = 60_000;
const RETRY_MIN_MS = 200;
const RETRY_MAX_MS = 5_000;

export interface DecodingOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly names: HeaderNames;
  readonly maxBytes: number;
  /** undefined: no registry is configured. */
  readonly schemas: Pick<SchemaRegistry, 'decode'> | undefined;
  /** Nobody wants the answer any more. */
  readonly over: () => boolean;
  readonly onRetry: (error: unknown) => void;
}

/** @param record one whose value names a schema */
export async function decoded(record: IncomingRecord, options: DecodingOptions): Promise<ReplyContent> {
  const { clock, random, names, maxBytes, schemas, over, onRetry } = options;
  const { value } = record;
  if (value === null || value.byteLength > maxBytes) return readReply(record, names, maxBytes);
  if (schemas === undefined) return malformed('it names a schema, and SCHEMA_REGISTRY_URL is not set');
  const delay = new RetryDelay(RETRY_MIN_MS, RETRY_MAX_MS, random);
  const untilMs = clock.monotonicMs() + PATIENCE_MS;
  for (;;) {
    try {
      return readReply({ ...record, value: Buffer.from(await schemas.decode(value)) }, names, maxBytes);
    } catch (error) {
      const again = error instanceof RegistryUnavailable && clock.monotonicMs() < untilMs && !over();
      if (!again) return malformed(error instanceof Error ? error.message : String(error));
      onRetry(error);
      await new Promise<void>((resolve) => clock.setTimer(delay.next(), resolve));
    }
  }
}

function malformed(message: string): Malformed {
  return { kind: 'malformed', reason: 'schema', message: `the reply cannot be decoded: ${message}` };
}
