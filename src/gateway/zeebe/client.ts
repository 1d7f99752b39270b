// The engine's edge: `EnginePort` over the gateway's gRPC service, thin enough to see through. Each method is one call;
// repeating, polling again and reopening are the callers' (their logic runs in the simulator too).
//
// Variables and keys pass as text, untouched. The SDK's own job path is not used because it parses every variable,
// fails jobs with large integers by itself and never reopens a broken stream; its configuration and authentication are.
import type { ServiceError } from '@grpc/grpc-js';
import type { JobKey } from '../../actors/ids.ts';
import type { EngineAnswer, FailJob, PublishMessage, ThrowError, TraceSource } from '../../actors/ports.ts';
import { type Log, SILENT } from '../log.ts';
import { type ActivatedJob, type EnginePort, EngineUnavailable, type JobQuery, type JobStream } from '../ports.ts';
import { traced } from '../traced-line.ts';
import { answerTo, OK, refuseVariables, type SentCommand, shortenMessage, ZeebeCallError } from './answers.ts';
import { configureConnection, type ZeebeSettings } from './connection.ts';
import { DEFAULT_TRANSPORT, GatewayCalls, streamFailure, type UnaryTransport } from './gateway-calls.ts';
import type { JobStreamConnection } from './gateway-calls-pushed.ts';
import { decodeJob, decodeJobs } from './job-decoding.ts';
import type { Calls, StreamCalls } from './protocol.ts';

/** A deadline of ours that strikes while the gateway walks its partitions loses what was activated: so it comes late. */
const ACTIVATE_GRACE_MS = 10_000;
const ASK_AGAIN_MS = 1_000;

export interface Topology {
  readonly gatewayVersion: string;
  readonly brokerVersions: readonly string[];
  readonly clusterSize: number;
  readonly partitions: number;
  readonly replicationFactor: number;
  /** Partitions that have a leader at the moment. */
  readonly partitionsWithLeader: number;
}

/**
 * Connects lazily: no server need be there yet.
 * @param settings as a function: asked again, at most once a second, for secrets that change
 * @param lookEveryMs at files of certificates, which are read again when they change; default 1 s
 * @param cluster of which calls are, for the trace in the lines of the log
 * @throws when the SDK's settings are incomplete, naming the setting
 */
export async function openZeebe(
  settings: ZeebeSettings | (() => ZeebeSettings) = {},
  unary: UnaryTransport = DEFAULT_TRANSPORT,
  log: Log = SILENT,
  lookEveryMs?: number,
  cluster = '',
): Promise<ZeebeClient> {
  const ask = typeof settings === 'function' ? seldom(settings) : () => settings;
  const connection = await configureConnection(ask, log, lookEveryMs);
  return new ZeebeClient(connection.address, new GatewayCalls(connection, unary, log), log, cluster);
}

/** There are thousands of calls in a second, and to ask may be to read files. */
function seldom<T>(ask: () => T): () => T {
  let last: { readonly answer: T; readonly untilMs: number } | undefined;
  return () => {
    const nowMs = performance.now();
    if (last === undefined || nowMs >= last.untilMs) last = { answer: ask(), untilMs: nowMs + ASK_AGAIN_MS };
    return last.answer;
  };
}

export class ZeebeClient implements EnginePort {
  /** `host:port` of the gateway. */
  readonly address: string;
  readonly #calls: GatewayCalls;
  readonly #log: Log;
  readonly #cluster: string;

  constructor(address: string, calls: GatewayCalls, log: Log, cluster: string) {
    this.address = address;
    this.#calls = calls;
    this.#log = log;
    this.#cluster = cluster;
  }

  async complete(jobKey: JobKey, variables: string, deadlineMs: number, of?: TraceSource): Promise<EngineAnswer> {
    const refused = refuseVariables(variables);
    return refused ?? this.#command('complete', 'CompleteJob', { jobKey, variables }, deadlineMs, of);
  }

  async fail(jobKey: JobKey, fail: FailJob, deadlineMs: number, of?: TraceSource): Promise<EngineAnswer> {
    const { variables = '' } = fail;
    const request = {
      jobKey,
      retries: fail.retries,
      errorMessage: shortenMessage(fail.message),
      retryBackOff: int64(fail.backoffMs),
      ...(variables !== '' && { variables }),
    };
    const command = variables === '' ? 'fail' : 'failWithVariables';
    return refuseVariables(variables) ?? this.#command(command, 'FailJob', request, deadlineMs, of);
  }

  async throwError(jobKey: JobKey, error: ThrowError, deadlineMs: number, of?: TraceSource): Promise<EngineAnswer> {
    const { code, message, variables } = error;
    const request = { jobKey, errorCode: code, errorMessage: shortenMessage(message), variables };
    return refuseVariables(variables) ?? this.#command('throwError', 'ThrowError', request, deadlineMs, of);
  }

  async updateTimeout(jobKey: JobKey, timeoutMs: number, deadlineMs: number, of?: TraceSource): Promise<EngineAnswer> {
    return this.#command('updateTimeout', 'UpdateJobTimeout', { jobKey, timeout: int64(timeoutMs) }, deadlineMs, of);
  }

  async publishMessage(message: PublishMessage, deadlineMs: number): Promise<EngineAnswer> {
    const { timeToLiveMs, ...rest } = message;
    const request = { ...rest, timeToLive: int64(timeToLiveMs) };
    return refuseVariables(message.variables) ?? this.#command('publishMessage', 'PublishMessage', request, deadlineMs);
  }

  /** Any other unary call of the gateway. `deadlineMs` is a duration. @throws ZeebeCallError */
  async call<M extends keyof Calls>(method: M, request: Calls[M][0], deadlineMs: number): Promise<Calls[M][1]> {
    return this.#calls.call(method, request, deadlineMs);
  }

  /** What the gateway knows of its cluster. @throws ZeebeCallError */
  async topology(deadlineMs: number): Promise<Topology> {
    const found = await this.#calls.call('Topology', {}, deadlineMs);
    const led = found.brokers.flatMap((broker) => broker.partitions.filter((partition) => partition.role === 'LEADER'));
    return {
      gatewayVersion: found.gatewayVersion,
      brokerVersions: found.brokers.map((broker) => broker.version),
      clusterSize: found.clusterSize,
      partitions: found.partitionsCount,
      replicationFactor: found.replicationFactor,
      partitionsWithLeader: new Set(led.map((partition) => partition.partitionId)).size,
    };
  }

  /**
   * Jobs that arrived before a failure are returned and not lost with it, for they are activated. An abort of ours ends
   * the call in the same way, with what has arrived.
   */
  async activate(query: JobQuery, maxJobs: number, longPollMs: number, signal?: AbortSignal): Promise<ActivatedJob[]> {
    const requestTimeout = longPollMs > 0 ? int64(longPollMs) : '-1';
    const request = { ...subscription(query), maxJobsToActivate: maxJobs, requestTimeout };
    const call = await this.#stream('ActivateJobs', request, decodeJobs, Math.max(0, longPollMs) + ACTIVATE_GRACE_MS);
    const abort = () => void socketsRead().then(() => call.cancel());
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort);
    const jobs: ActivatedJob[] = [];
    return new Promise<ActivatedJob[]>((resolve, reject) => {
      call.on('data', (more: readonly ActivatedJob[]) => jobs.push(...more));
      call.on('end', () => resolve(jobs));
      call.on('error', (error: ServiceError) => {
        if (jobs.length > 0 || signal?.aborted) resolve(jobs);
        else reject(new EngineUnavailable(streamFailure('ActivateJobs', error), { cause: error }));
      });
    }).finally(() => signal?.removeEventListener('abort', abort));
  }

  /** `onEnd` is called exactly once, also after `cancel`; until then jobs that were on their way are handed over. */
  openStream(query: JobQuery, onJob: (job: ActivatedJob) => void, onEnd: (reason: string) => void): JobStream {
    let stream: JobStreamConnection | undefined;
    let state: 'flowing' | 'paused' | 'cancelled' = 'flowing';
    let ended = false;
    const end = (reason: string) => {
      if (ended) return;
      ended = true;
      onEnd(reason);
    };
    this.#calls
      .push(
        'StreamActivatedJobs',
        subscription(query),
        (bytes) => onJob(decodeJob(bytes)),
        (reason) => end(state === 'cancelled' ? 'cancelled' : reason),
      )
      .then(async (opened) => {
        stream = opened;
        if (state === 'paused') opened.pause();
        if (state === 'cancelled') await opened.close();
      })
      .catch((error: unknown) => end(error instanceof Error ? error.message : String(error)));
    return {
      pause: () => {
        if (state === 'cancelled') return;
        state = 'paused';
        stream?.pause();
      },
      resume: () => {
        if (state === 'cancelled') return;
        state = 'flowing';
        stream?.resume();
      },
      cancel: async () => {
        state = 'cancelled';
        await stream?.close();
        end('cancelled');
      },
    };
  }

  /** No call can be made any more. Streams are to be cancelled by whoever opened them. */
  close(): void {
    this.#calls.close();
  }

  async #command<M extends keyof Calls>(
    command: SentCommand,
    method: M,
    request: Calls[M][0],
    deadlineMs: number,
    of?: TraceSource,
  ): Promise<EngineAnswer> {
    // Whoever sees it arrive late can tell from this whether it was sent late, or held up.
    if ('jobKey' in request)
      this.#log.debug('engine command', traced(this.#cluster, of, { command: method, jobKey: request.jobKey }));
    try {
      await this.#calls.call(method, request, deadlineMs);
      return OK;
    } catch (error) {
      if (error instanceof ZeebeCallError) return answerTo(command, error);
      throw error;
    }
  }

  async #stream<M extends keyof StreamCalls, T>(
    method: M,
    request: StreamCalls[M][0],
    decode: (bytes: Buffer) => T,
    deadlineMs: number | undefined,
  ) {
    return this.#calls.stream(method, request, decode, deadlineMs).catch((error: unknown) => {
      throw new EngineUnavailable(error instanceof Error ? error.message : String(error), { cause: error });
    });
  }
}

/**
 * grpc-js throws away what it has not read when a call is cancelled, and a job that is thrown away is hidden until its lock
 * ends. A busy process has some: so its sockets are read once more. (What is on its way even then is lost.)
 */
async function socketsRead(): Promise<void> {
  for (let round = 0; round < 2; round++) await new Promise<void>((resolve) => setImmediate(resolve));
}

function subscription(query: JobQuery): StreamCalls['StreamActivatedJobs'][0] {
  return {
    type: query.jobType,
    worker: query.worker,
    timeout: int64(query.lockMs),
    fetchVariable: query.fetchVariables,
    tenantIds: query.tenantIds,
  };
}

/** Durations in whole ms; the engine takes them as int64. */
function int64(ms: number): string {
  return String(Math.max(0, Math.round(ms)));
}
