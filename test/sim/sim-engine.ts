// The engine as one node reaches it: EnginePort with commands whose answers get lost, streams, polls and lost activations.
//
// A stream gets what becomes activatable while it is open and not paused, never what was there before; a paused one still
// swallows a few jobs and delivers them, stale, when it goes on. A timed-out job comes only by poll (and on streams too where
// the world is like 8.6). An activation sent to a process that cannot hear it stays locked until its deadline.
import type { JobKey } from '../../src/actors/ids.ts';
import type { EngineAnswer, FailJob, PublishMessage, ThrowError } from '../../src/actors/ports.ts';
import {
  type ActivatedJob,
  type EnginePort,
  EngineUnavailable,
  type JobQuery,
  type JobStream,
} from '../../src/gateway/ports.ts';
import type { ManualClock } from '../support/manual-clock.ts';
import { call, wayMs } from './call.ts';
import { EngineJobs, type Job } from './engine-jobs.ts';
import type { Faults } from './faults.ts';
import { type CommandName, failPayload, type History } from './history.ts';
import type { Host } from './host.ts';
import type { SeededRandom } from './random.ts';

/** What fits into the buffers between engine and a paused stream. */
const SWALLOWED_BY_A_PAUSE = 3;

interface Stream {
  readonly host: Host;
  readonly query: JobQuery;
  readonly push: (job: ActivatedJob) => void;
  paused: boolean;
  readonly swallowed: ActivatedJob[];
}

interface Poll {
  readonly query: JobQuery;
  /** Takes what there is; false: nothing. */
  readonly serve: () => boolean;
  readonly refuse: () => void;
}

export class EngineServers {
  readonly clock: ManualClock;
  readonly random: SeededRandom;
  readonly history: History;
  readonly jobs: EngineJobs;
  faults: Faults['engine'];
  available = true;
  readonly streams = new Map<Stream, (reason: string) => void>();
  readonly polls = new Set<Poll>();

  constructor(clock: ManualClock, random: SeededRandom, history: History, faults: Faults['engine']) {
    this.clock = clock;
    this.random = random;
    this.history = history;
    this.faults = faults;
    this.jobs = new EngineJobs(clock, history);
    this.jobs.onActivatable = (job, timedOut) => this.#offer(job, timedOut);
  }

  /** No broker for this long: streams and polls end at once, locks survive. */
  goAway(forMs: number): void {
    if (!this.available) return;
    this.available = false;
    this.history.add({ kind: 'fault', node: '', what: `engine away for ${forMs} ms` });
    for (const end of [...this.streams.values()]) end('UNAVAILABLE');
    for (const poll of [...this.polls]) poll.refuse();
    this.clock.setTimer(forMs, () => {
      this.available = true;
    });
  }

  /** Locks up to `max` jobs of the query that can be activated now. */
  take(query: JobQuery, max: number, node: string): ActivatedJob[] {
    return this.jobs.activatable(query.jobType, max).map((job) => {
      this.jobs.activate(job, query.lockMs, node);
      return handOut(job, query);
    });
  }

  #offer(job: Job, timedOut: boolean): void {
    if (!this.available) return;
    const fits = (stream: Stream) =>
      stream.query.jobType === job.type && (!stream.paused || stream.swallowed.length < SWALLOWED_BY_A_PAUSE);
    const streams = timedOut && !this.faults.pushesTimedOut ? [] : [...this.streams.keys()].filter(fits);
    if (streams.length > 0) {
      const { host, query, push } = this.random.pick(streams);
      this.jobs.activate(job, query.lockMs, host.name);
      push(handOut(job, query));
      return;
    }
    for (const poll of this.polls) if (poll.query.jobType === job.type && poll.serve()) return;
  }
}

export class SimEngine implements EnginePort {
  readonly #servers: EngineServers;
  readonly #host: Host;

  constructor(servers: EngineServers, host: Host) {
    this.#servers = servers;
    this.#host = host;
  }

  complete(jobKey: JobKey, variables: string, deadlineMs: number): Promise<EngineAnswer> {
    const { jobs } = this.#servers;
    return this.#command('complete', jobKey, variables, deadlineMs, () =>
      jobs.complete(jobKey, variables, this.#host.name),
    );
  }

  fail(jobKey: JobKey, fail: FailJob, deadlineMs: number): Promise<EngineAnswer> {
    const { jobs } = this.#servers;
    const payload = failPayload(fail);
    return this.#command('fail', jobKey, payload, deadlineMs, () => jobs.fail(jobKey, fail, this.#host.name));
  }

  throwError(jobKey: JobKey, error: ThrowError, deadlineMs: number): Promise<EngineAnswer> {
    const { jobs } = this.#servers;
    return this.#command('throwError', jobKey, error.code, deadlineMs, () =>
      jobs.throwError(jobKey, error, this.#host.name),
    );
  }

  updateTimeout(jobKey: JobKey, timeoutMs: number, deadlineMs: number): Promise<EngineAnswer> {
    const { jobs } = this.#servers;
    return this.#command('updateTimeout', jobKey, '', deadlineMs, () =>
      jobs.updateTimeout(jobKey, timeoutMs, this.#host.name),
    );
  }

  /** Nobody in the simulated processes waits for a message. */
  publishMessage({ messageId }: PublishMessage, deadlineMs: number): Promise<EngineAnswer> {
    const jobKey = (messageId.split('/')[0] ?? '') as JobKey;
    const node = this.#host.name;
    return this.#command('publishMessage', jobKey, messageId, deadlineMs, () => {
      this.#servers.history.add({ kind: 'accepted', command: 'publishMessage', jobKey, node, payload: messageId });
      return { code: 'ok', unseen: false, message: '' };
    });
  }

  async #command(
    command: CommandName,
    jobKey: JobKey,
    payload: string,
    deadlineMs: number,
    effect: () => EngineAnswer,
  ): Promise<EngineAnswer> {
    const { random, faults, history } = this.#servers;
    const node = this.#host.name;
    history.add({ kind: 'command', command, jobKey, node, payload, barred: this.#host.rightToAct.barred(deadlineMs) });
    let accepted = false;
    const spared = command === 'complete' || command === 'fail';
    const answer = await call<EngineAnswer>({
      host: this.#host,
      server: 'engine',
      random,
      faults,
      deadlineMs,
      serve: (reply) => {
        if (!this.#servers.available) {
          // Half of the time the connection was refused before anything left; else nobody knows.
          if (random.chance(0.5)) reply(transient(false, 'UNAVAILABLE'));
        } else if (!spared && random.chance(faults.backpressure))
          reply({ ...transient(false, 'RESOURCE_EXHAUSTED'), backpressure: true });
        else {
          const answer = effect();
          accepted = answer.code === 'ok';
          reply(answer);
        }
      },
      inDoubt: (left) => transient(left, left ? 'DEADLINE_EXCEEDED' : 'UNAVAILABLE'),
    });
    if (accepted && answer.code !== 'ok') {
      if (command === 'complete') history.sight('unknown outcome of complete');
      else if (command !== 'updateTimeout') history.sight('unknown outcome of fail or throw');
    }
    history.add({ kind: 'answered', command, jobKey, node, payload, code: answer.code });
    return answer;
  }

  openStream(query: JobQuery, onJob: (job: ActivatedJob) => void, onEnd: (reason: string) => void): JobStream {
    const servers = this.#servers;
    const { random, faults, streams } = servers;
    const link = this.#host.links.engine;
    let live = true;
    const arrive = (job: ActivatedJob) => {
      if (random.chance(servers.faults.activationLost)) return;
      link.toHost(wayMs(random, servers.faults), () => {
        if (live) onJob(job);
      });
    };
    const push = (job: ActivatedJob) => void (stream.paused ? stream.swallowed.push(job) : arrive(job));
    const stream: Stream = { host: this.#host, query, push, paused: false, swallowed: [] };
    const close = () => {
      streams.delete(stream);
      forget();
    };
    const end = (reason: string) => {
      close();
      this.#host.clock.deliver(1, () => {
        if (live) onEnd(reason);
        live = false;
      });
    };
    const forget = link.onChange(() => end('connection lost'));
    const opened = link.toServer(wayMs(random, faults), () => {
      if (!live) return;
      if (servers.available) streams.set(stream, end);
      else end('UNAVAILABLE');
    });
    if (!opened) end('not connected');
    return {
      pause: () => {
        stream.paused = true;
      },
      resume: () => {
        stream.paused = false;
        for (const job of stream.swallowed.splice(0)) arrive(job);
      },
      cancel: async () => {
        if (!live) return;
        live = false;
        close();
        await new Promise<void>((resolve) => {
          this.#host.clock.deliver(1, () => {
            onEnd('cancelled');
            resolve();
          });
        });
      },
    };
  }

  async activate(
    query: JobQuery,
    maxJobs: number,
    longPollMs: number,
    signal?: AbortSignal,
  ): Promise<readonly ActivatedJob[]> {
    const servers = this.#servers;
    const { random, faults, clock, polls } = servers;
    const link = this.#host.links.engine;
    let waiting = true;
    const outcome = call<readonly ActivatedJob[] | string>({
      host: this.#host,
      server: 'engine',
      random,
      faults,
      deadlineMs: Math.max(0, longPollMs) + 2_000,
      serve: (answer) => {
        if (!servers.available) return answer('UNAVAILABLE');
        if (random.chance(faults.backpressure)) return answer('RESOURCE_EXHAUSTED');
        const serve = () => {
          const jobs = servers.take(query, maxJobs, this.#host.name);
          if (jobs.length > 0) finish(random.chance(faults.activationLost) ? [] : jobs);
          return jobs.length > 0;
        };
        const finish = (result: readonly ActivatedJob[] | string) => {
          polls.delete(poll);
          unlisten();
          answer(result);
        };
        const poll: Poll = { query, serve, refuse: () => finish('UNAVAILABLE') };
        const unlisten = link.onChange(() => polls.delete(poll));
        if (serve()) return;
        if (longPollMs <= 0 || !waiting) return finish([]);
        polls.add(poll);
        clock.setTimer(longPollMs, () => {
          if (polls.has(poll)) finish([]);
        });
        signal?.addEventListener('abort', () => polls.has(poll) && finish([]), { once: true });
      },
      inDoubt: () => 'no answer',
    });
    const aborted = new Promise<string>((resolve) =>
      signal?.addEventListener('abort', () => resolve('CANCELLED'), { once: true }),
    );
    const answer =
      signal === undefined ? await outcome : signal.aborted ? 'CANCELLED' : await Promise.race([outcome, aborted]);
    waiting = false;
    if (typeof answer === 'string') throw new EngineUnavailable(answer);
    return answer;
  }
}

function transient(unseen: boolean, message: string): EngineAnswer {
  return { code: 'transient', unseen, message };
}

function handOut(job: Job, query: JobQuery): ActivatedJob {
  return {
    key: job.key,
    type: job.type,
    processInstanceKey: job.instanceKey,
    bpmnProcessId: 'simulated',
    processDefinitionVersion: 1,
    processDefinitionKey: '2251799813685249',
    elementId: 'task',
    elementInstanceKey: job.instanceKey,
    customHeaders: '{}',
    worker: query.worker,
    retries: job.retries,
    deadlineMs: job.deadlineMs,
    variables: job.variables,
    tenantId: '<default>',
  };
}
