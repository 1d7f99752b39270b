// Participants that write down what they see (history.ts): the proxy in front of the engine, and a reader of the nodes' logs.
// They decide nothing.
import { type EngineProxy, JOB_COMMANDS, type JobCall } from '../../deploy/demo/engine-proxy.ts';
import { LogFollower } from '../../deploy/demo/log-follower.ts';
import { HistoryWriter } from './history.ts';

/** After an answer: a node that lives this much longer has made use of it. */
const KNOWN_AFTER_MS = 1_000;
const LOOK_EVERY_MS = 500;

const ENDS_A_JOB: readonly string[] = JOB_COMMANDS;

export class EngineRecorder implements Disposable {
  readonly #proxy: EngineProxy;
  readonly #writer: HistoryWriter;
  readonly #timer: NodeJS.Timeout;
  #seen = 0;
  #locksSeen = 0;
  #unwritten: JobCall[] = [];

  constructor(dir: string, proxy: EngineProxy) {
    this.#proxy = proxy;
    this.#writer = new HistoryWriter(dir, 'engine');
    this.#timer = setInterval(() => this.#look(Date.now()), LOOK_EVERY_MS);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#look(Number.POSITIVE_INFINITY);
    this.#writer[Symbol.dispose]();
  }

  #look(nowMs: number): void {
    const { jobCalls, askedLocks, connections } = this.#proxy;
    for (const { node, lockMs, askedMs } of askedLocks.slice(this.#locksSeen))
      this.#writer.write({ kind: 'locking', node, lockMs }, askedMs);
    this.#locksSeen = askedLocks.length;
    this.#unwritten.push(...jobCalls.slice(this.#seen));
    this.#seen = jobCalls.length;
    this.#unwritten = this.#unwritten.filter((call) => {
      const closedMs = connections[call.connection]?.closedMs;
      const known = closedMs !== undefined || nowMs > (call.answeredMs ?? Number.POSITIVE_INFINITY) + KNOWN_AFTER_MS;
      if (!known && nowMs !== Number.POSITIVE_INFINITY) return true;
      const { connection: _, status: code, ...rest } = call;
      this.#writer.write({ kind: 'call', ...rest, code, closedMs });
      return false;
    });
  }
}

/** What the nodes believe, from their logs at debug. */
export class NodesRecorder implements AsyncDisposable {
  readonly writer: HistoryWriter;
  readonly #followers: LogFollower[] = [];
  readonly #incarnations = new Map<string, string>();

  constructor(dir: string) {
    this.writer = new HistoryWriter(dir, 'nodes');
  }

  follow(node: string, logFile: string): void {
    this.#followers.push(new LogFollower(logFile, (line) => this.#line(node, line)).start());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const follower of this.#followers) {
      await follower.catchUp();
      await follower.stop();
    }
    this.writer[Symbol.dispose]();
  }

  #line(node: string, line: Readonly<Record<string, unknown>>): void {
    const message = String(line.message);
    const atMs = Date.parse(String(line.time));
    const incarnation = this.#incarnations.get(node) ?? '';
    const [shard, from] = [Number(line.shard), line.from];
    if (message === 'cluster: joining') this.#incarnations.set(node, String(line.incarnation));
    else if (message === 'engine command') {
      const [command, jobKey] = [String(line.command), String(line.jobKey)];
      if (ENDS_A_JOB.includes(command)) this.writer.write({ kind: 'emitted', node, command, jobKey }, atMs);
    } else if (message === 'cluster: joined') {
      this.writer.write({ kind: 'joined', node, incarnation: String(line.incarnation) }, atMs);
    } else if (message.startsWith('told to end')) {
      this.writer.write({ kind: 'leaving', node }, atMs);
    } else if (message === 'cluster: left') {
      this.writer.write({ kind: 'left', node, incarnation: String(line.incarnation) }, atMs);
    } else if (message.startsWith('lost:')) {
      const [lost, alarm] = [String(line.incarnation), line.alarm === true];
      this.writer.write({ kind: 'lost', node, incarnation: lost, alarm }, atMs);
    } else if (message === 'shard owned') {
      this.writer.write({ kind: 'owned', node, incarnation, shard, epoch: Number(line.epoch) }, atMs);
    } else if (message === 'shard rehydrated') {
      const [jobs, republished] = [Number(line.jobs), Number(line.republished)];
      this.writer.write({ kind: 'rehydrated', node, incarnation, shard, jobs, republished }, atMs);
    } else if (message === 'shard released' && (from === 'owned' || from === 'draining')) {
      this.writer.write({ kind: 'released', node, incarnation, shard }, atMs);
    }
  }
}
