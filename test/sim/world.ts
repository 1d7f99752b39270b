// A whole cluster in one process, in virtual time, from one seed: the servers, the nodes and what can be done to them.
//
// The nodes are whatever the factory makes of the ports; the world neither knows nor helps them. Every node life gets a
// fresh host, clock and random source, so that nothing but the servers' state survives a kill. The same seed, options and
// calls give the same history, event by event.

import type { ShardId } from '../../src/actors/ids.ts';
import type { OperatorAct } from '../../src/actors/messages.ts';
import type { Clock, Random } from '../../src/actors/ports.ts';
import { parseClaim } from '../../src/cluster/claims.ts';
import { claimKey } from '../../src/cluster/names.ts';
import type { Bus, KvPort } from '../../src/cluster/ports.ts';
import type { Log, LogFields } from '../../src/gateway/log.ts';
import { SILENT } from '../../src/gateway/log.ts';
import type { EnginePort, RecordWriter, ReplyReader } from '../../src/gateway/ports.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { Bucket } from './bucket.ts';
import { check, unfinished, type Violation } from './checker.ts';
import { CALM, type Faults, healed } from './faults.ts';
import { History } from './history.ts';
import { Host, SERVERS, type ServerName } from './host.ts';
import { JOB_TYPE, NAMES } from './names.ts';
import { SeededRandom } from './random.ts';
import { CAUGHT_CODES } from './service-answers.ts';
import { BusServers, SimBus } from './sim-bus.ts';
import { EngineServers, SimEngine } from './sim-engine.ts';
import { KafkaServers, SimReader, SimWriter } from './sim-kafka.ts';
import { KvServers, SimKv } from './sim-kv.ts';
import { SimService } from './sim-service.ts';

export { JOB_TYPE, NAMES } from './names.ts';

export interface NodePorts {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly kv: KvPort;
  readonly bus: Bus;
  readonly engine: EnginePort;
  readonly writer: RecordWriter;
  readonly replies: ReplyReader;
  readonly log: Log;
  /** To be called when an owner answers `full`: nothing that the servers see tells. */
  toldFull(): void;
  /** To be called when it begins anew with an alarm. */
  alarmed(what: string): void;
}

/** `start` may wait for as long as it likes; a rejection is the process exiting. */
export interface SimNode {
  /** What its right to act is judged by; a node without a lease has none. */
  readonly leaseTtlMs?: number;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** A person acts on a job by way of this node; not a word of what becomes of it is needed. */
  operate?(jobKey: string, act: OperatorAct): void;
  /** A person wants this node to have nothing, or to take part again. */
  drain?(drained: boolean): void;
  /** Per shard, whether this node serves it now; absent: it knows no shards. */
  serves?(): readonly boolean[];
}

export type NodeFactory = (ports: NodePorts) => SimNode;

export interface WorldOptions {
  readonly seed: number;
  readonly factory: NodeFactory;
  readonly nodes?: number;
  readonly faults?: Faults;
  readonly replyPartitions?: number;
  /** Nothing is done to JetStream that keeps it from taking a write at once: I8 is then asked to the letter. */
  readonly recordsAreTaken?: boolean;
  /** Services are told what became of their replies: that is asked of the acknowledgements too. */
  readonly acknowledgements?: boolean;
  /** Keeps what nodes log (info and above) in the history; costs time, changes nothing. */
  readonly keepLogs?: boolean;
}

const STOP_WITHIN_MS = 30_000;

interface Life {
  readonly host: Host;
  readonly node: SimNode;
}

export class World {
  readonly clock = new ManualClock();
  readonly random: SeededRandom;
  readonly history: History;
  readonly bucket: Bucket;
  readonly kv: KvServers;
  readonly bus: BusServers;
  readonly engine: EngineServers;
  readonly kafka: KafkaServers;
  readonly service: SimService;
  readonly names: readonly string[];
  /** By hand; a process that is started anew knows nothing of it. */
  readonly drained = new Set<string>();
  readonly #options: WorldOptions;
  readonly #lives = new Map<string, Life>();
  /** Frozen processes whose place another one of the same name has taken. */
  readonly #ghosts = new Map<Life, string>();
  #faults: Faults;
  #started = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    const random = new SeededRandom(options.seed);
    const { clock } = this;
    this.#faults = options.faults ?? CALM;
    const { kv, bus, engine, kafka, service } = this.#faults;
    this.history = new History(() => clock.monotonicMs());
    this.bucket = new Bucket(() => clock.wallMs(), this.history);
    this.kv = new KvServers(this.bucket, clock, random.fork('kv'), kv);
    this.bus = new BusServers(clock, random.fork('bus'), bus);
    this.engine = new EngineServers(clock, random.fork('engine'), this.history, engine);
    const partitions = options.replyPartitions ?? 4;
    this.kafka = new KafkaServers(clock, random.fork('kafka'), this.history, kafka, NAMES.replyTopic, partitions);
    this.kafka.log.createTopic(NAMES.deadLetterTopic, 1);
    this.kafka.log.createTopic(NAMES.ackTopic, 1);
    this.service = new SimService(this.kafka, NAMES.requestTopic, random.fork('service'), service);
    this.random = random.fork('world');
    this.names = Array.from({ length: options.nodes ?? 3 }, (_, index) => `n${index + 1}`);
  }

  get faults(): Faults {
    return this.#faults;
  }

  /** Changes how calls fare from now on. */
  set faults(faults: Faults) {
    this.#faults = faults;
    this.kv.faults = faults.kv;
    this.bus.faults = faults.bus;
    this.engine.faults = faults.engine;
    this.kafka.faults = faults.kafka;
    this.service.faults = faults.service;
  }

  get nowMs(): number {
    return this.clock.monotonicMs();
  }

  state(name: string): 'dead' | 'running' | 'frozen' {
    return this.#lives.get(name)?.host.clock.state ?? 'dead';
  }

  /** The host of a node that lives. */
  host(name: string): Host {
    const life = this.#lives.get(name);
    if (life === undefined) throw new Error(`node ${name} is not alive`);
    return life.host;
  }

  startAll(): void {
    for (const name of this.names) this.start(name);
  }

  start(name: string): void {
    if (this.#lives.has(name)) throw new Error(`node ${name} lives already`);
    this.#note(name, 'start');
    this.drained.delete(name);
    const random = this.random.fork(name);
    const { skewMs, driftPpm } = this.#faults;
    const clock = this.clock.view({
      skewMs: random.between(-skewMs, skewMs),
      driftPpm: random.between(-driftPpm, driftPpm),
    });
    const host = new Host(name, this.clock, clock);
    const node = this.#options.factory({
      name,
      clock,
      random: random.fork('ports'),
      kv: new SimKv(this.kv, host),
      bus: new SimBus(this.bus, host),
      engine: new SimEngine(this.engine, host),
      writer: new SimWriter(this.kafka, host),
      replies: new SimReader(this.kafka, host),
      log: this.#options.keepLogs === true ? this.#logOf(name, {}) : SILENT,
      toldFull: () => this.history.add({ kind: 'full', node: name }),
      alarmed: (what) => this.history.add({ kind: 'alarm', node: name, what }),
    });
    if (node.leaseTtlMs !== undefined) host.rightToAct.leaseTtlMs = node.leaseTtlMs;
    const life = { host, node };
    this.#lives.set(name, life);
    node.start().catch((error: unknown) => this.#ended(name, life, `exit: ${error}`));
  }

  /** A frozen process is taken for dead, and another one is started under its name; what it gives back thaws the old one. */
  replace(name: string): () => void {
    const life = this.#lives.get(name);
    if (life?.host.clock.state !== 'frozen') throw new Error(`node ${name} is not frozen`);
    this.#lives.delete(name);
    this.#ghosts.set(life, name);
    this.start(name);
    return () => {
      this.#note(name, 'the replaced process resumes');
      life.host.clock.thaw();
      this.#succeed(name);
    };
  }

  /** SIGKILL. */
  kill(name: string): void {
    const life = this.#lives.get(name);
    if (life !== undefined) this.#gone(name, life, 'kill');
  }

  /** SIGTERM; the process ends when the node has stopped, or is killed when that takes too long. */
  stop(name: string): void {
    const life = this.#lives.get(name);
    if (life === undefined) return;
    this.#note(name, 'stop');
    this.clock.setTimer(STOP_WITHIN_MS, () => this.#gone(name, life, 'kill: it did not stop'));
    life.node.stop().then(
      () => this.#ended(name, life, 'stopped'),
      (error: unknown) => this.#ended(name, life, `failed to stop: ${error}`),
    );
  }

  /** SIGSTOP. */
  pause(name: string): void {
    this.#note(name, 'pause');
    this.host(name).clock.freeze();
  }

  /** SIGCONT. */
  resume(name: string): void {
    this.#note(name, 'resume');
    const serves = this.#lives.get(name)?.node.serves?.() ?? [];
    if (serves.some((served, shard) => served && this.#claimant(shard) !== name))
      this.history.sight('zombie after pause');
    this.host(name).clock.thaw();
  }

  operate(name: string, jobKey: string, act: OperatorAct): void {
    const said = act.act === 'complete' ? act.variables : act.act === 'fail' || act.act === 'throw' ? act.message : '';
    this.history.add({ kind: 'operated', node: name, jobKey, act: act.act, said, id: act.id });
    this.#lives.get(name)?.node.operate?.(jobKey, act);
  }

  drain(name: string, drained: boolean): void {
    this.#note(name, drained ? 'drained' : 'taken back');
    if (drained) this.drained.add(name);
    else this.drained.delete(name);
    this.#lives.get(name)?.node.drain?.(drained);
  }

  cut(name: string, server: ServerName, kind: 'down' | 'silent'): void {
    this.#note(name, `${server} ${kind}`);
    this.host(name).links[server].cut(kind);
  }

  heal(name: string, server: ServerName): void {
    this.#note(name, `${server} heals`);
    this.host(name).links[server].heal();
  }

  /**
   * From now on nothing goes wrong any more: all nodes run, all links are up, all calls go well. A process that was
   * replaced and is still frozen never wakes.
   */
  healAll(): void {
    for (const ghost of this.#ghosts.keys()) if (ghost.host.clock.state === 'frozen') ghost.host.kill();
    this.faults = healed(this.#faults);
    this.bus.joinAll();
    for (const name of this.drained) this.drain(name, false);
    for (const name of this.names) {
      if (!this.#lives.has(name)) this.start(name);
      else if (this.state(name) === 'frozen') this.resume(name);
      for (const server of SERVERS) if (this.host(name).links[server].state !== 'up') this.heal(name, server);
    }
  }

  /** Starts instances, spread over this time; their variables differ, but for claims that some share. */
  startInstances(count: number, overMs = 0, jobType = JOB_TYPE, { sharing = 0 } = {}): void {
    for (let i = 0; i < count; i++) {
      this.clock.setTimer(this.random.float() * overMs, () => {
        const token = Buffer.from(this.random.bytes(8)).toString('hex');
        const order = ++this.#started;
        const claim = this.random.chance(sharing) ? this.random.int(5) : order + 100;
        const variables = `{"order":${order},"claim":"C-${claim}","token":"${token}","amount":9007199254740993}`;
        this.engine.jobs.start(jobType, variables, 3, CAUGHT_CODES);
      });
    }
  }

  run(ms: number): Promise<void> {
    return this.clock.advance(ms);
  }

  /** Goes on until this is answered, or refused. */
  async ask<T>(answer: Promise<T>, withinMs = 60_000): Promise<T> {
    let answered = false;
    const end = () => {
      answered = true;
    };
    answer.then(end, end);
    await this.clock.until(
      () => answered,
      withinMs,
      () => 'an answer',
    );
    return answer;
  }

  /**
   * I7: goes on until every job has ended or stands in an incident, and every shard has exactly one owner.
   * @throws when that takes longer, naming what is missing and what happened to the first of the jobs
   */
  async finish(withinMs: number): Promise<void> {
    const { open } = this.engine.jobs;
    const first = () => this.history.tail([...open][0]?.key ?? '', 30).join('\n');
    await this.clock.until(
      () => open.size === 0 && this.#misowned().length === 0,
      withinMs,
      () => [...this.#misowned(), `${open.size} jobs are unfinished; of the first:\n${first()}`].join('\n'),
    );
  }

  /** @throws naming seed, moment, invariant and the last events of the job, when anything that must hold does not */
  assertHolds(): void {
    const [first, ...more] = this.violations();
    if (first === undefined) return;
    const { invariant, atMs, jobKey, message } = first;
    const tail = this.history.tail(jobKey, 40, atMs).join('\n');
    throw new Error(
      `seed ${this.#options.seed}, at ${atMs} ms: ${invariant}: job ${jobKey}: ${message} (and ${more.length} more)\n${tail}`,
    );
  }

  violations(): readonly Violation[] {
    const { recordsAreTaken = false, acknowledgements = false, faults } = this.#options;
    const staleReads = (faults?.kv.staleRead ?? 0) > 0;
    return check(this.history, NAMES, { recordsAreTaken, staleReads, acknowledgements });
  }

  unfinished(): readonly string[] {
    return unfinished(this.history);
  }

  /** The shards that do not have exactly one node serving them, the one that the claim names. */
  #misowned(): string[] {
    const nodes = [...this.#lives].flatMap(([name, { node }]) =>
      node.serves ? [{ name, serves: node.serves() }] : [],
    );
    const shards = Math.max(0, ...nodes.map(({ serves }) => serves.length));
    return Array.from({ length: shards }, (_, shard) => {
      const serving = nodes.filter(({ serves }) => serves[shard]).map(({ name }) => name);
      const claimed = this.#claimant(shard);
      const right = serving.length === 1 && serving[0] === claimed;
      return right ? '' : `shard ${shard} is claimed by "${claimed}" and served by [${serving}]`;
    }).filter((wrong) => wrong !== '');
  }

  /** The node that its claim names; '' when there is none. */
  #claimant(shard: number): string {
    const entry = this.bucket.current(claimKey(shard as ShardId));
    return entry === undefined ? '' : parseClaim(entry.value, entry.revision).node;
  }

  /** By itself, or because it was told to, which may have been before it was frozen and replaced. */
  #ended(name: string, life: Life, how: string): void {
    if (this.#ghosts.has(life)) this.#vanish(name, life, `the replaced process: ${how}`);
    else this.#gone(name, life, how);
  }

  #gone(name: string, life: Life, how: string): void {
    if (this.#lives.get(name) !== life) return;
    this.#note(name, how);
    this.#lives.delete(name);
    life.host.kill();
    this.#succeed(name);
  }

  /** The process under this name is gone, and one that it was to replace runs: then that is the node. */
  #succeed(name: string): void {
    if (this.#lives.has(name)) return;
    // Of several the latest: those before it were told by its record to go.
    const running = [...this.#ghosts].findLast(([{ host }, of]) => of === name && host.clock.state === 'running');
    if (running === undefined) return;
    this.#lives.set(name, running[0]);
    this.#ghosts.delete(running[0]);
  }

  #vanish(name: string, ghost: Life, how: string): void {
    this.#note(name, how);
    this.#ghosts.delete(ghost);
    ghost.host.kill();
  }

  #note(node: string, what: string): void {
    this.history.add({ kind: 'fault', node, what });
  }

  #logOf(node: string, bound: LogFields): Log {
    const keep = (level: string) => (message: string, fields?: LogFields) => {
      this.history.add({ kind: 'log', node, what: `${level} ${message} ${JSON.stringify({ ...bound, ...fields })}` });
    };
    return {
      debug: () => {},
      info: keep('info'),
      warn: keep('warn'),
      error: keep('error'),
      with: (fields) => this.#logOf(node, { ...bound, ...fields }),
    };
  }
}
