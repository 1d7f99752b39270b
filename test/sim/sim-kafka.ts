// Kafka as one node reaches it: RecordWriter and ReplyReader over a link that fails.
//
// A send that is answered `transient` may be written, now or later, all the same. The reader's batches are those of its present
// generation, as far as it knows: a process that was frozen goes on with an old one until Kafka's refusal or its next heartbeat
// tells it.

import type { Timer } from '../../src/actors/ports.ts';
import type {
  AssignedPartition,
  IncomingRecord,
  OutgoingRecord,
  RecordWriter,
  ReplyHandlers,
  ReplyReader,
  SendAnswer,
} from '../../src/gateway/ports.ts';
import type { ManualClock } from '../support/manual-clock.ts';
import { call, wayMs } from './call.ts';
import type { Faults } from './faults.ts';
import type { History } from './history.ts';
import type { Host } from './host.ts';
import { type GroupMember, KafkaGroup } from './kafka-group.ts';
import { jobOf, KafkaLog, named } from './kafka-log.ts';
import type { SeededRandom } from './random.ts';

const MAX_RECORD_BYTES = 1024 * 1024;
const HEARTBEAT_MS = 1_000;
const RECORDS_PER_BATCH = 50;
const HEARTBEATS_MISSED = 3;
const CALL_MS = 2_000;

export class KafkaServers {
  readonly clock: ManualClock;
  readonly random: SeededRandom;
  readonly history: History;
  readonly log: KafkaLog;
  readonly group: KafkaGroup;
  readonly replyTopic: string;
  available = true;
  /** Topics that take no records for now, as one without enough replicas does. */
  readonly stuckTopics = new Set<string>();
  #faults: Faults['kafka'];

  constructor(
    clock: ManualClock,
    random: SeededRandom,
    history: History,
    faults: Faults['kafka'],
    replyTopic: string,
    partitions: number,
  ) {
    this.clock = clock;
    this.random = random;
    this.history = history;
    this.replyTopic = replyTopic;
    this.log = new KafkaLog(() => clock.wallMs(), random.fork('log'), history);
    this.log.createTopic(replyTopic, partitions);
    this.group = new KafkaGroup(clock, history, partitions);
    this.#faults = faults;
    this.faults = faults;
  }

  get faults(): Faults['kafka'] {
    return this.#faults;
  }

  set faults(faults: Faults['kafka']) {
    this.#faults = faults;
    this.log.gap = faults.gap;
  }

  /** No broker answers for this long; the group goes on when it is back. */
  goAway(forMs: number): void {
    if (!this.available) return;
    this.available = false;
    this.history.add({ kind: 'fault', node: '', what: `kafka away for ${forMs} ms` });
    this.clock.setTimer(forMs, () => {
      this.available = true;
    });
  }

  /** One request to a broker; undefined: no answer. */
  ask<T>(host: Host, deadlineMs: number, serve: () => T): Promise<T | undefined> {
    return call<T | undefined>({
      host,
      server: 'kafka',
      random: this.random,
      faults: this.#faults,
      deadlineMs,
      serve: (answer) => {
        if (this.available) answer(serve());
      },
      inDoubt: () => undefined,
    });
  }
}

export class SimWriter implements RecordWriter {
  readonly #servers: KafkaServers;
  readonly #host: Host;
  readonly #known = new Set<string>();

  constructor(servers: KafkaServers, host: Host) {
    this.#servers = servers;
    this.#host = host;
  }

  async send(
    topic: string,
    records: readonly OutgoingRecord[],
    deadlineMs: number,
    mayStart: () => boolean,
  ): Promise<SendAnswer> {
    const { log, history } = this.#servers;
    const { name: node, rightToAct } = this.#host;
    // As the real one does: what it never wrote to is looked up first.
    if (!this.#known.has(topic)) {
      const found = await this.#servers.ask(this.#host, deadlineMs, () => log.has(topic));
      if (found === undefined) return { kind: 'transient', reason: 'no answer' };
      if (!found) return { kind: 'refused', reason: `unknown topic ${topic}` };
      this.#known.add(topic);
    }
    if (!mayStart()) return { kind: 'transient', reason: 'not sent' };
    const keys = requestsIn(records);
    history.add({ kind: 'sending', node, topic, keys, barred: rightToAct.barred() });
    const answer = await this.#servers.ask<SendAnswer>(this.#host, deadlineMs, () => {
      if (!log.has(topic)) return { kind: 'refused', reason: `unknown topic ${topic}` };
      if (records.some((record) => (record.value?.length ?? 0) > MAX_RECORD_BYTES))
        return { kind: 'refused', reason: 'record too large' };
      if (this.#servers.stuckTopics.has(topic)) return { kind: 'transient', reason: 'not enough replicas' };
      for (const record of records) log.append(node, topic, record);
      return { kind: 'acked' };
    });
    if (answer?.kind === 'acked') history.add({ kind: 'acked', node, topic, keys });
    return answer ?? { kind: 'transient', reason: 'no answer' };
  }

  async close(): Promise<void> {}
}

export class SimReader implements ReplyReader {
  readonly #servers: KafkaServers;
  readonly #host: Host;
  readonly #positions = new Map<number, number>();
  readonly #paused = new Set<number>();
  readonly #fetching = new Set<number>();
  #handlers: ReplyHandlers | undefined;
  #member: GroupMember | undefined;
  #generation = 0;
  #missed = 0;
  #timer: Timer | undefined;
  #unlisten = () => {};

  constructor(servers: KafkaServers, host: Host) {
    this.#servers = servers;
    this.#host = host;
  }

  async start(handlers: ReplyHandlers): Promise<void> {
    this.#handlers = handlers;
    const onAppend = ({ topic, partition }: { topic: string; partition: number }) => {
      if (topic === this.#servers.replyTopic && this.#positions.has(partition)) this.#fetch(partition);
    };
    this.#servers.log.onAppend.add(onAppend);
    this.#unlisten = () => this.#servers.log.onAppend.delete(onAppend);
    await this.#join();
  }

  async commit(generation: number, offsets: ReadonlyMap<number, string>): Promise<void> {
    const member = this.#member;
    if (member === undefined || generation !== this.#generation) return;
    const numbers = new Map([...offsets].map(([partition, offset]) => [partition, Number(offset)]));
    const taken = await this.#servers.ask(this.#host, CALL_MS, () =>
      this.#servers.group.commit(member.id, generation, numbers),
    );
    if (taken === undefined) throw new Error('the coordinator does not answer');
    if (!taken) throw new Error('illegal generation');
  }

  pause(partitions: readonly number[]): void {
    for (const partition of partitions) this.#paused.add(partition);
  }

  resume(partitions: readonly number[]): void {
    for (const partition of partitions) {
      if (this.#paused.delete(partition)) this.#fetch(partition);
    }
  }

  async endOffsets(): Promise<ReadonlyMap<number, string>> {
    const { log, replyTopic } = this.#servers;
    const ends = await this.#servers.ask(
      this.#host,
      CALL_MS,
      () => new Map(log.partitions(replyTopic).map((records, partition) => [partition, String(records.length)])),
    );
    if (ends === undefined) throw new Error('kafka does not answer');
    return ends;
  }

  async evict(memberId: string): Promise<boolean> {
    return (await this.#servers.ask(this.#host, CALL_MS, () => this.#servers.group.leave(memberId))) ?? false;
  }

  async stop(): Promise<void> {
    const member = this.#member;
    this.#forget();
    this.#member = undefined;
    this.#handlers = undefined;
    this.#timer?.cancel();
    this.#unlisten();
    if (member !== undefined) await this.#servers.ask(this.#host, CALL_MS, () => this.#servers.group.leave(member.id));
  }

  /** Joins, and keeps trying. The assignment comes by itself when the generation begins. */
  async #join(): Promise<void> {
    const { group, random } = this.#servers;
    const id = this.#member?.id ?? `${this.#host.name}-${Buffer.from(random.bytes(4)).toString('hex')}`;
    const member: GroupMember = {
      id,
      node: this.#host.name,
      heardMs: 0,
      joined: true,
      assign: (generation, partitions) => this.#assign(member, generation, partitions),
    };
    this.#member = member;
    await this.#servers.ask(this.#host, CALL_MS, () => {
      if (this.#member === member) group.join(member);
    });
    this.#beat();
  }

  #assign(member: GroupMember, generation: number, partitions: readonly number[]): void {
    const { group, random, faults } = this.#servers;
    const assigned: AssignedPartition[] = partitions.map((partition) => {
      const committed = group.committed.get(partition);
      return { partition, committed: committed === undefined ? undefined : String(committed), earliest: '0' };
    });
    this.#host.links.kafka.toHost(wayMs(random, faults), () => {
      if (this.#member !== member || generation <= this.#generation) return;
      this.#generation = generation;
      this.#positions.clear();
      this.#paused.clear();
      this.#fetching.clear();
      for (const { partition, committed } of assigned) this.#positions.set(partition, Number(committed ?? 0));
      this.#handlers?.onAssigned(member.id, generation, assigned);
      for (const { partition } of assigned) this.#fetch(partition);
    });
  }

  #beat(): void {
    this.#timer?.cancel();
    this.#timer = this.#host.clock.setTimer(HEARTBEAT_MS, async () => {
      const member = this.#member;
      if (member === undefined) return;
      const generation = this.#generation;
      const heard = await this.#servers.ask(this.#host, CALL_MS, () =>
        this.#servers.group.heartbeat(member.id, generation),
      );
      if (this.#member !== member) return;
      this.#missed = heard === undefined ? this.#missed + 1 : 0;
      const goesOn =
        heard === 'ok' || (this.#missed > 0 && this.#missed < HEARTBEATS_MISSED && this.#host.links.kafka.open);
      // A generation that began while the heartbeat was on its way is no reason to join again.
      if (goesOn || generation !== this.#generation) {
        this.#beat();
        for (const partition of this.#positions.keys()) this.#fetch(partition);
        return;
      }
      this.#forget();
      if (heard === 'unknown') this.#member = undefined;
      await this.#join();
    });
  }

  #forget(): void {
    if (this.#positions.size === 0 && this.#generation === 0) return;
    this.#positions.clear();
    this.#generation = 0;
    this.#handlers?.onUnassigned();
  }

  /** Asks for what there is from the present position; at most one fetch per partition at a time. */
  #fetch(partition: number): void {
    const from = this.#positions.get(partition);
    const generation = this.#generation;
    const { log, replyTopic } = this.#servers;
    const known = log.partitions(replyTopic)[partition]?.length ?? 0;
    if (from === undefined || from >= known || this.#paused.has(partition) || this.#fetching.has(partition)) return;
    this.#fetching.add(partition);
    void this.#servers
      .ask(
        this.#host,
        CALL_MS,
        () => log.partitions(replyTopic)[partition]?.slice(from, from + RECORDS_PER_BATCH) ?? [],
      )
      .then((slots) => {
        if (generation !== this.#generation) return;
        this.#fetching.delete(partition);
        // Asked again at the next heartbeat when nothing came; a batch that came while paused is dropped and read again.
        if (slots === undefined || this.#paused.has(partition)) return;
        const next = from + slots.length;
        this.#positions.set(partition, next);
        const records = slots.filter(
          (slot): slot is NonNullable<typeof slot> => slot !== null,
        ) satisfies IncomingRecord[];
        this.#handlers?.onBatch(partition, records, String(next));
        this.#fetch(partition);
      });
  }
}

/** Their correlation ids, or what names the same call where the service is shown a business key; a cancel record is no request. */
function requestsIn(records: readonly OutgoingRecord[]): string {
  const names = records.map(({ key, value, headers }) => {
    if (value === null || key === null) return '';
    const text = Buffer.from(key).toString();
    if (named(text).jobKey !== '') return text;
    const { jobKey, attempt } = jobOf({
      headers: headers.map((header) => ({ ...header, value: Buffer.from(header.value) })),
    });
    return jobKey === '' ? text : `hf1-0-${BigInt(jobKey).toString(36)}-${attempt}-0`;
  });
  return names.filter((name) => name !== '').join(' ');
}
