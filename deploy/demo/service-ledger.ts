// What the service said it saw and did, kept by correlation id; the only source for requests, repeats and answers.
// A repeat is another record in Kafka: one that the service's consumer is handed again is the same record.
import type { JobKey } from '../../src/actors/ids.ts';

/** One correlation id. Times are wall clock ms. */
export interface RequestFacts {
  readonly correlationId: string;
  readonly jobKey: JobKey;
  readonly token: string;
  /** Kafka's stamp (LogAppendTime) of the first record. */
  readonly firstRecordMs: number;
  /** Different records seen. */
  readonly records: number;
  /** The answers' numbers. */
  readonly answers: readonly number[];
  /** When Kafka had acknowledged the first answer; undefined: not yet. */
  readonly answeredMs: number | undefined;
}

interface Entry {
  readonly correlationId: string;
  readonly jobKey: JobKey;
  readonly token: string;
  firstRecordMs: number;
  readonly seen: Set<string>;
  readonly answers: number[];
  answeredMs: number | undefined;
}

export class ServiceLedger {
  readonly #entries = new Map<string, Entry>();
  ready = false;
  /** Why the service gave up; undefined: it did not. */
  failure: string | undefined;

  /** One line of the service's output, parsed. */
  read(line: Readonly<Record<string, unknown>>): void {
    if (line.event === 'ready') this.ready = true;
    else if (line.event === 'failed') this.failure = String(line.reason);
    else if (line.event === 'request') this.#request(line);
    else if (line.event === 'answered') this.#answered(line);
  }

  *requests(): Iterable<RequestFacts> {
    for (const { seen, ...facts } of this.#entries.values()) yield { ...facts, records: seen.size };
  }

  get requested(): number {
    return this.#entries.size;
  }

  get answered(): number {
    return [...this.#entries.values()].filter(({ answeredMs }) => answeredMs !== undefined).length;
  }

  #request(line: Readonly<Record<string, unknown>>): void {
    const correlationId = String(line.correlationId);
    const stampedMs = Number(line.timestampMs);
    const record = `${line.partition}:${line.offset}`;
    const known = this.#entries.get(correlationId);
    if (known !== undefined) {
      known.seen.add(record);
      known.firstRecordMs = Math.min(known.firstRecordMs, stampedMs);
      return;
    }
    this.#entries.set(correlationId, {
      correlationId,
      jobKey: jobKeyIn(correlationId),
      token: String(line.token),
      firstRecordMs: stampedMs,
      seen: new Set([record]),
      answers: [],
      answeredMs: undefined,
    });
  }

  #answered(line: Readonly<Record<string, unknown>>): void {
    const entry = this.#entries.get(String(line.correlationId));
    if (entry === undefined) return;
    entry.answers.push(Number(line.number));
    entry.answeredMs ??= Number(line.atMs);
  }
}

/** The third part of a correlation id, base36. What is not of that form gets a key that no job has. */
function jobKeyIn(correlationId: string): JobKey {
  const base36 = /^hf1-[a-z0-9]+-([0-9a-z]+)-\d+-/.exec(correlationId)?.[1] ?? '0';
  return [...base36].reduce((key, digit) => key * 36n + BigInt(Number.parseInt(digit, 36)), 0n).toString() as JobKey;
}
