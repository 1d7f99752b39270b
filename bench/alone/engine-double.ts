// THE ENGINE DOUBLE: not Zeebe, a gRPC server that plays its gateway as far as a bridge node uses it. It stands in where a
// figure is about the bridge and needs more jobs than an engine on the same two cores hands out; no figure measured with
// it says anything about an engine, and whoever prints one says so.
//
// What it does: pushes jobs on open streams and hands the rest to polls, answers commands by the table of jobs
// (job-table.ts) with an engine's codes, and counts. What it does not: run processes, store anything, limit requests. It is
// made to be cheap (messages of bytes made beforehand, commands read no further than their job key), so that it is neither
// the bottleneck nor most of the load; it runs in a process of its own (engine-main.ts).
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { type GatewayService, loadGatewayService, type WireJob } from '../../src/gateway/zeebe/protocol.ts';
import { activateResponse, type JobBytes, jobBytesOf, jobKeyIn } from './job-bytes.ts';
import { type JobCode, JobTable, type SeededKeys } from './job-table.ts';
import { type Load, type LoadFigures, LoadSource } from './load-source.ts';

export interface DoubleFigures {
  /** By job type. */
  readonly loads: Readonly<Record<string, LoadFigures>>;
  /** Commands by name and answer, such as `CompleteJob ok`. */
  readonly commands: Readonly<Record<string, number>>;
  /** Jobs that were handed out again because their lock or backoff was over. */
  readonly lapsed: number;
}

type Command = 'CompleteJob' | 'FailJob' | 'ThrowError' | 'UpdateJobTimeout';
type StreamCall = ServerWritableStream<{ readonly type: string; readonly timeout: string }, Buffer>;
type PollRequest = { readonly type: string; readonly timeout: string; readonly maxJobsToActivate: number };
type PollCall = ServerWritableStream<PollRequest & { readonly requestTimeout: string }, Buffer>;

const LAPSE_EVERY_MS = 1_000;
/** The gateway's own, for a poll that names none. */
const LONG_POLL_MS = 10_000;
const NOTHING = Buffer.alloc(0);
const PARTITION = { partitionId: 1, role: 'LEADER' } as const;
const TOPOLOGY = {
  brokers: [{ version: 'double', partitions: [PARTITION] }],
  clusterSize: 1,
  partitionsCount: 1,
  replicationFactor: 1,
  gatewayVersion: 'double',
};

export class EngineDouble {
  readonly #service: GatewayService = loadGatewayService();
  readonly #server = new Server();
  readonly #table: JobTable;
  readonly #variables: string;
  readonly #loads = new Map<string, LoadSource>();
  readonly #bytes = new Map<string, JobBytes>();
  /** Open streams by job type; jobs go to them in turn. */
  readonly #streams = new Map<string, StreamCall[]>();
  readonly #parked = new Map<string, Set<() => void>>();
  readonly #commands: Record<string, number> = {};
  #turn = 0;
  #lapsed = 0;

  /** @param variables of every job, JSON text */
  constructor(variables: string, seeded?: SeededKeys) {
    this.#variables = variables;
    this.#table = new JobTable(seeded);
    const answers = { responseSerialize: (bytes: Buffer) => bytes };
    const raw = { ...answers, requestDeserialize: (bytes: Buffer) => bytes };
    const { StreamActivatedJobs, ActivateJobs, CompleteJob, FailJob, ThrowError, UpdateJobTimeout } = this.#service;
    const { Topology, PublishMessage } = this.#service;
    this.#server.addService(
      {
        Topology,
        PublishMessage,
        StreamActivatedJobs: { ...StreamActivatedJobs, ...answers },
        ActivateJobs: { ...ActivateJobs, ...answers },
        CompleteJob: { ...CompleteJob, ...raw },
        FailJob: { ...FailJob, ...raw },
        ThrowError: { ...ThrowError, ...raw },
        UpdateJobTimeout: { ...UpdateJobTimeout, ...raw },
      },
      {
        Topology: (_: unknown, answer: sendUnaryData<unknown>) => answer(null, TOPOLOGY),
        PublishMessage: (_: unknown, answer: sendUnaryData<unknown>) => answer(null, { key: '1' }),
        StreamActivatedJobs: (call: StreamCall) => this.#stream(call),
        ActivateJobs: (call: PollCall) => this.#poll(call),
        CompleteJob: this.#command('CompleteJob', (key) => this.#complete(key)),
        FailJob: this.#command('FailJob', (key, bytes) => this.#fail(key, bytes)),
        ThrowError: this.#command('ThrowError', (key) => this.#table.throwError(key)),
        UpdateJobTimeout: this.#command('UpdateJobTimeout', (key, bytes) => this.#updateTimeout(key, bytes)),
      },
    );
    setInterval(() => this.#lapse(), LAPSE_EVERY_MS).unref();
  }

  /** @param address `host:port` */
  async listen(address: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.bindAsync(address, ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(error),
      );
    });
  }

  setLoad(type: string, load: Load): void {
    this.#load(type).set(load);
  }

  /** @param lap latencies are measured anew from here */
  figures(lap: boolean): DoubleFigures {
    const loads = [...this.#loads].map(([type, source]) => [type, lap ? source.lap() : source.figures()] as const);
    return { loads: Object.fromEntries(loads), commands: this.#commands, lapsed: this.#lapsed };
  }

  close(): void {
    this.#server.forceShutdown();
  }

  #load(type: string): LoadSource {
    const known = this.#loads.get(type);
    if (known !== undefined) return known;
    const source = new LoadSource(() => {
      this.#table.create(type, performance.now());
      this.#handOut(type);
    });
    this.#loads.set(type, source);
    return source;
  }

  /** What may be handed out goes to a stream, or else to the polls that wait. */
  #handOut(type: string): void {
    const streams = this.#streams.get(type);
    if (streams === undefined || streams.length === 0) return this.#wake(type);
    const stream = streams[this.#turn++ % streams.length]!;
    const job = this.#activate(type, Number(stream.request.timeout));
    if (job !== undefined) stream.write(job);
  }

  #activate(type: string, lockMs: number): Buffer | undefined {
    const nowMs = performance.now();
    const key = this.#table.activate(type, nowMs, lockMs);
    return key === undefined ? undefined : this.#bytesOf(type)(key, Date.now() + lockMs);
  }

  #bytesOf(type: string): JobBytes {
    const known = this.#bytes.get(type);
    if (known !== undefined) return known;
    const made = jobBytesOf(this.#service, jobLike(type, this.#variables));
    this.#bytes.set(type, made);
    return made;
  }

  #stream(call: StreamCall): void {
    const { type } = call.request;
    const streams = this.#streams.get(type) ?? [];
    this.#streams.set(type, streams);
    streams.push(call);
    const gone = () => {
      const at = streams.indexOf(call);
      if (at >= 0) streams.splice(at, 1);
    };
    call.on('cancelled', gone);
    call.on('close', gone);
    call.on('error', gone);
  }

  /** Jobs that were there before a stream, or whose lock is over, come this way only. */
  #poll(call: PollCall): void {
    const { type, timeout, maxJobsToActivate, requestTimeout } = call.request;
    const jobs: Buffer[] = [];
    const take = () => {
      while (jobs.length < maxJobsToActivate) {
        const job = this.#activate(type, Number(timeout));
        if (job === undefined) break;
        jobs.push(job);
      }
      return jobs.length > 0;
    };
    const end = () => {
      clearTimeout(timer);
      this.#parked.get(type)?.delete(wake);
      if (jobs.length > 0) call.write(activateResponse(jobs));
      call.end();
    };
    const wake = () => {
      if (take()) end();
    };
    const waitMs = Number(requestTimeout);
    const timer = setTimeout(end, waitMs === 0 ? LONG_POLL_MS : Math.max(0, waitMs));
    if (take() || waitMs < 0) return end();
    const parked = this.#parked.get(type) ?? new Set();
    this.#parked.set(type, parked.add(wake));
    call.on('cancelled', () => {
      clearTimeout(timer);
      parked.delete(wake);
    });
  }

  #wake(type: string): void {
    for (const wake of [...(this.#parked.get(type) ?? [])]) wake();
  }

  #lapse(): void {
    for (const type of this.#table.lapse(performance.now())) {
      this.#lapsed += 1;
      this.#wake(type);
    }
  }

  #command(name: Command, run: (key: number, bytes: Buffer) => JobCode) {
    return (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>): void => {
      const key = jobKeyIn(call.request);
      const code = run(key, call.request);
      const counted = `${name} ${code}`;
      this.#commands[counted] = (this.#commands[counted] ?? 0) + 1;
      if (code === 'ok') answer(null, NOTHING);
      else answer({ code: CODES[code], details: `Command '${name}' rejected with code '${code}': job ${key}` });
    };
  }

  #complete(key: number): JobCode {
    const { code, ended } = this.#table.complete(key);
    if (ended !== undefined) this.#loads.get(ended.type)?.completed(performance.now() - ended.createdMs);
    return code;
  }

  #fail(key: number, bytes: Buffer): JobCode {
    const { retries, retryBackOff } = this.#service.FailJob.requestDeserialize(bytes);
    return this.#table.fail(key, retries, Number(retryBackOff), performance.now());
  }

  #updateTimeout(key: number, bytes: Buffer): JobCode {
    const { timeout } = this.#service.UpdateJobTimeout.requestDeserialize(bytes);
    return this.#table.updateTimeout(key, Number(timeout), performance.now());
  }
}

const CODES = { notFound: status.NOT_FOUND, failedPrecondition: status.FAILED_PRECONDITION } as const;

function jobLike(type: string, variables: string): WireJob {
  return {
    key: '0',
    type,
    processInstanceKey: '2251799813685251',
    bpmnProcessId: 'order-process',
    processDefinitionVersion: 3,
    processDefinitionKey: '2251799813685249',
    elementId: 'Activity_charge',
    elementInstanceKey: '2251799813685270',
    customHeaders: '{}',
    worker: 'double',
    retries: 3,
    deadline: '0',
    variables,
    tenantId: '<default>',
  };
}
