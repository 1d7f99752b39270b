// What one would write by hand: a map in memory, a stream, a producer, a consumer. It works while nothing breaks.
//
// Here to show that the world can tell: with a kill it repeats requests or, committing first, loses replies for good.
import type { JobKey } from '../../src/actors/ids.ts';
import type { ActivatedJob, IncomingRecord, JobQuery } from '../../src/gateway/ports.ts';
import { CORRELATION_HEADER, header, named, REPLY_TOPIC_HEADER } from './kafka-log.ts';
import { JOB_TYPE, NAMES, type NodePorts, type SimNode } from './world.ts';

export interface NaiveOptions {
  readonly lockMs: number;
  /** The classic: the offset goes first, the work after it. */
  readonly commitFirst: boolean;
}

export class NaiveNode implements SimNode {
  readonly #ports: NodePorts;
  readonly #options: NaiveOptions;
  readonly #query: JobQuery;
  readonly #seen = new Set<string>();
  #generation = 0;

  constructor(ports: NodePorts, options: NaiveOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#query = {
      jobType: JOB_TYPE,
      worker: ports.name,
      lockMs: options.lockMs,
      fetchVariables: [],
      tenantIds: ['<default>'],
    };
  }

  async start(): Promise<void> {
    const { engine, replies } = this.#ports;
    await replies.start({
      onAssigned: (_member, generation) => {
        this.#generation = generation;
      },
      onUnassigned: () => {},
      onBatch: (partition, records, nextOffset) => void this.#replied(partition, records, nextOffset),
    });
    engine.openStream(
      this.#query,
      (job) => void this.#activated(job),
      () => {},
    );
    void this.#poll();
  }

  async stop(): Promise<void> {
    await this.#ports.replies.stop();
  }

  async #poll(): Promise<void> {
    const jobs = await this.#ports.engine.activate(this.#query, 100, 0).catch(() => []);
    for (const job of jobs) void this.#activated(job);
    this.#ports.clock.setTimer(1_000, () => void this.#poll());
  }

  async #activated(job: ActivatedJob): Promise<void> {
    if (this.#seen.has(job.key)) return;
    this.#seen.add(job.key);
    const id = `hf1-s-${BigInt(job.key).toString(36)}-1-${'a'.repeat(26)}`;
    const headers = [
      { name: CORRELATION_HEADER, value: id },
      { name: REPLY_TOPIC_HEADER, value: NAMES.replyTopic },
    ];
    const send = () =>
      this.#ports.writer.send(NAMES.requestTopic, [{ key: id, value: job.variables, headers }], 1_000, () => true);
    while ((await send()).kind === 'transient');
  }

  async #replied(partition: number, records: readonly IncomingRecord[], nextOffset: string): Promise<void> {
    const commit = () =>
      this.#ports.replies.commit(this.#generation, new Map([[partition, nextOffset]])).catch(() => {});
    if (this.#options.commitFirst) await commit();
    for (const record of records) {
      const { jobKey } = named(header(record, CORRELATION_HEADER));
      const body = Buffer.from(record.value ?? []).toString();
      while ((await this.#ports.engine.complete(jobKey as JobKey, body, 1_000)).code === 'transient');
    }
    if (!this.#options.commitFirst) await commit();
  }
}
