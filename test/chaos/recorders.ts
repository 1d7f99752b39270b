// The participants that write down what they see from outside (history.ts): the proxy in front of the engine, a watch of
// the bucket, and a reader of the nodes' logs. None of them decides anything.
import type { EngineProxy, JobCall } from '../../deploy/demo/engine-proxy.ts';
import { LogFollower } from '../../deploy/demo/log-follower.ts';
import { decodeSnapshot } from '../../src/actors/snapshot-codec.ts';
import { parseClaim } from '../../src/cluster/claims.ts';
import { parseMember } from '../../src/cluster/member-record.ts';
import { parseKey } from '../../src/cluster/names.ts';
import { bucketName } from '../../src/cluster/nats/bucket.ts';
import { connectNats, type NatsLink } from '../../src/cluster/nats/connection.ts';
import { Inbox } from '../../src/cluster/nats/inbox.ts';
import { NatsKv } from '../../src/cluster/nats/kv.ts';
import type { KvEntry, KvWatch } from '../../src/cluster/ports.ts';
import { parseSent } from '../../src/cluster/sent-watermark.ts';
import { readMeta } from '../../src/gateway/meta.ts';
import { HistoryWriter } from './history.ts';
import { asVersion1 } from './snapshot-patch.ts';

/** After an answer: a node that lives this much longer has made use of it. */
const KNOWN_AFTER_MS = 1_000;
const LOOK_EVERY_MS = 500;

export class EngineRecorder implements Disposable {
  readonly #proxy: EngineProxy;
  readonly #writer: HistoryWriter;
  readonly #timer: NodeJS.Timeout;
  #seen = 0;
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
    const { jobCalls, connections } = this.#proxy;
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

export class BucketRecorder implements AsyncDisposable {
  /** Versions of snapshots that each node says it reads. */
  readonly versions = new Map<string, readonly number[]>();
  /** How often the watch had to be made anew: then revisions may be missing. */
  resets = 0;
  readonly shards: number;
  readonly #writer: HistoryWriter;
  readonly #link: NatsLink;
  #watch: KvWatch | undefined;

  private constructor(dir: string, link: NatsLink, shards: number) {
    this.#writer = new HistoryWriter(dir, 'bucket');
    this.#link = link;
    this.shards = shards;
  }

  /** The bucket must be there. */
  static async open(dir: string, natsUrl: string, cluster: string): Promise<BucketRecorder> {
    const link = await connectNats({ url: natsUrl, name: 'chaos' });
    const kv = new NatsKv(link, new Inbox(link), bucketName(cluster));
    const meta = await readMeta(kv);
    if (meta === undefined) throw new Error(`the bucket ${bucketName(cluster)} has no _meta record`);
    const recorder = new BucketRecorder(dir, link, meta.shards);
    recorder.#watch = await kv.watch(['>'], {
      onEntry: (entry) => recorder.#entry(entry),
      onCaughtUp: () => undefined,
      onReset: () => {
        recorder.resets += 1;
      },
    });
    return recorder;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch?.stop();
    await this.#link.close();
    this.#writer[Symbol.dispose]();
  }

  #entry({ key, value, revision, writtenMs: storedMs }: KvEntry): void {
    const name = parseKey(key);
    if (name.kind === 'claim') {
      const { node, incarnation } = parseClaim(value, revision);
      const { replacesEpoch: replaces } = JSON.parse(Buffer.from(value).toString()) as { replacesEpoch: number };
      const released = incarnation === '';
      this.#writer.write({
        kind: 'claimed',
        shard: name.shard,
        node,
        incarnation,
        released,
        revision,
        replaces,
        storedMs,
      });
    } else if (name.kind === 'member') {
      this.versions.set(name.node, parseMember(value)?.snapshotVersions ?? []);
    } else if (name.kind === 'job') {
      this.#job(name.jobKey, value, revision, storedMs);
    } else if (key.startsWith('_sent.')) {
      const { upTo, except } = parseSent({ key, value, revision, writtenMs: storedMs });
      this.#writer.write({ kind: 'sent', incarnation: key.slice('_sent.'.length), upTo, except, revision, storedMs });
    }
  }

  #job(jobKey: string, value: Uint8Array, revision: number, storedMs: number): void {
    const { kind, attempt, sentAttempt, incarnation, outcome } = decodeSnapshot(asVersion1(value));
    if (kind === 'held' && sentAttempt !== attempt) {
      this.#writer.write({ kind, jobKey, attempt, incarnation, revision, storedMs });
    } else if (kind === 'ended' && outcome !== undefined) {
      this.#writer.write({ kind, jobKey, attempt, outcome, revision, storedMs });
    }
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
    else if (message === 'cluster: joined') {
      this.writer.write({ kind: 'joined', node, incarnation: String(line.incarnation) }, atMs);
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
