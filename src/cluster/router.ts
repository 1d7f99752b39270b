// From a job to its owner. Claims say which shard is whose; commands go there in batches, one message per destination and
// tick, split by bytes; answers come per command, as each settles. Nothing here is durable and nothing needs to be: a
// sender that hears nothing, or "not mine", asks again whoever is the owner then. Both ends are durable (design §3.3).
import type { Incarnation, JobKey, ShardId } from '../actors/ids.ts';
import { shardOf } from '../actors/ids.ts';
import { LIMITS } from '../actors/limits.ts';
import type { ActAnswer, Activation, ActivationAnswer, OperatorAct, Reply, ReplyAnswer } from '../actors/messages.ts';
import { PassingMap } from '../actors/passing-map.ts';
import type { Clock, Random, Timer } from '../actors/ports.ts';
import type { Claims } from './claims.ts';
import { Lost } from './effects-gate.ts';
import { EndpointCount } from './endpoint-count.ts';
import { CLUSTER_LIMITS } from './limits.ts';
import { nodeSubject } from './names.ts';
import type { Bus, BusMessage } from './ports.ts';
import {
  answersIn,
  type CommandBatch,
  commandsIn,
  type HostAnswer,
  messageOf,
  type RoutedAnswer,
  type RoutedCommand,
  split,
  weightOf,
} from './routed.ts';

interface Asked {
  readonly id: number;
  readonly shard: ShardId;
  readonly command: RoutedCommand;
  /** Wall ms after which the answer is worth nothing; undefined: until this incarnation ends. */
  readonly untilMs: number | undefined;
  readonly resolve: (answer: RoutedAnswer) => void;
  readonly reject: (error: unknown) => void;
  /** Whom it was sent to last; '' while it waits. */
  sentTo: Incarnation | '';
  tries: number;
  /** Sent, and not answered by `notOwner`: who says that has not looked at the command (shard-jobs.ts). 0: surely nobody did it. */
  open: number;
  timer: Timer | undefined;
}

/** As Lost, and surely not done: it was sent to nobody, or whoever it was sent to said that the shard is not its own. */
export class Untold extends Lost {}

export interface RouterOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly bus: Bus;
  readonly cluster: string;
  readonly incarnation: Incarnation;
  readonly shards: number;
  readonly claims: Claims;
  /** The jobs of this node, for local commands and those of others. */
  readonly host: {
    activated(shard: ShardId, activation: Activation): Promise<HostAnswer<ActivationAnswer>>;
    replied(shard: ShardId, reply: Reply): Promise<HostAnswer<ReplyAnswer>>;
    operated(shard: ShardId, jobKey: JobKey, act: OperatorAct): Promise<HostAnswer<ActAnswer>>;
  };
}

export class Router {
  /** Commands of other nodes, each by itself. */
  readonly commands = new EndpointCount();
  /** Batches of answers from other nodes. */
  readonly answers = new EndpointCount();
  readonly #options: RouterOptions;
  readonly #asked = new PassingMap<number, Asked>();
  readonly #outbox = new Map<Incarnation, Asked[]>();
  readonly #answersTo = new Map<string, [number, HostAnswer<RoutedAnswer>][]>();
  readonly #unsubscribe: (() => void)[] = [];
  #nextId = 1;
  #flush: Timer | undefined;
  #stopped = false;

  constructor(options: RouterOptions) {
    this.#options = options;
  }

  start(): void {
    const { bus, cluster, incarnation } = this.#options;
    this.#unsubscribe.push(
      bus.subscribe(nodeSubject(cluster, incarnation, 'commands'), (message) => void this.#received(message)),
      bus.subscribe(nodeSubject(cluster, incarnation, 'answers'), (message) => void this.#answered(message)),
    );
  }

  /** Everything under way is rejected with Lost. */
  stop(): void {
    this.#stopped = true;
    this.#flush?.cancel();
    for (const end of this.#unsubscribe) end();
    for (const asked of this.#asked.values()) {
      asked.timer?.cancel();
      asked.reject(lost(asked, 'this incarnation is over'));
    }
    this.#asked.clear();
  }

  /** Resolves with `stale` once the lock has passed without an answer: the job comes back from the engine. @throws Lost */
  activated(activation: Activation): Promise<ActivationAnswer> {
    const shard = shardOf(activation.jobKey, this.#options.shards);
    return this.#ask(shard, { type: 'activated', activation }, activation.lockDeadlineMs) as Promise<ActivationAnswer>;
  }

  /** Asks until there is an answer. @throws Lost */
  replied(reply: Reply): Promise<ReplyAnswer> {
    const shard = shardOf(reply.jobKey, this.#options.shards);
    return this.#ask(shard, { type: 'replied', reply }, undefined) as Promise<ReplyAnswer>;
  }

  /** Asks until `untilMs`, wall. @throws Untold; Lost: nobody has answered; it may have been done all the same. */
  operated(jobKey: JobKey, act: OperatorAct, untilMs: number): Promise<ActAnswer> {
    const { shards, bus } = this.#options;
    const command = { type: 'operated', jobKey, act } as const;
    const [bytes, most] = [weightOf(command), bus.maxPayloadBytes()];
    if (bytes > most) {
      const detail = `it is too large for NATS: about ${bytes} bytes, and max_payload is ${most}`;
      return Promise.resolve({ result: 'refused', detail });
    }
    return this.#ask(shardOf(jobKey, shards), command, untilMs) as Promise<ActAnswer>;
  }

  /** Commands without an answer. */
  get size(): number {
    return this.#asked.size;
  }

  /** A shard has a new owner: whatever waits for the old one is sent again at once. */
  ownerChanged(shard: ShardId): void {
    const owner = this.#options.claims.of(shard).incarnation;
    for (const asked of this.#asked.values()) {
      if (asked.shard !== shard || asked.sentTo === owner) continue;
      asked.tries = 0; // it may not be quite ready yet, and is then asked again soon
      this.#send(asked);
    }
  }

  #ask(shard: ShardId, command: RoutedCommand, untilMs: number | undefined): Promise<RoutedAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#stopped) return reject(new Untold('this incarnation is over'));
      const asked: Asked = {
        id: this.#nextId++,
        shard,
        command,
        untilMs,
        resolve,
        reject,
        sentTo: '',
        tries: 0,
        open: 0,
        timer: undefined,
      };
      this.#asked.set(asked.id, asked);
      this.#send(asked);
    });
  }

  #send(asked: Asked): void {
    const { clock, random, claims, incarnation } = this.#options;
    asked.timer?.cancel();
    const owner = claims.of(asked.shard).incarnation;
    asked.sentTo = owner;
    asked.tries += 1;
    const mostMs = Math.min(CLUSTER_LIMITS.resendMinMs * 2 ** Math.min(asked.tries - 1, 8), CLUSTER_LIMITS.resendMaxMs);
    asked.timer = clock.setTimer(mostMs * (0.75 + random.float() / 4), () => this.#again(asked));
    if (owner === '') return;
    asked.open += 1;
    if (owner === incarnation)
      return void this.#local(asked.shard, asked.command).then((answer) => this.#settle(asked.id, answer));
    const box = this.#outbox.get(owner);
    if (box === undefined) this.#outbox.set(owner, [asked]);
    else box.push(asked);
    this.#planFlush();
  }

  #again(asked: Asked): void {
    if (!this.#asked.has(asked.id)) return;
    if (asked.untilMs !== undefined && this.#options.clock.wallMs() >= asked.untilMs) {
      this.#asked.delete(asked.id);
      if (asked.command.type === 'activated') asked.resolve('stale');
      else asked.reject(lost(asked, 'the owner of this job was not found in time, or has not answered'));
      return;
    }
    this.#send(asked);
  }

  /**
   * Soon again, but not at once: the shard is on its way to somebody. An activation that could not be decided waits for an engine
   * that has refused, and each try costs it a command; it is asked for as long as its lock stands, and a lock is long where the
   * engine has more to do than it can (first-lock.ts), so the longer it is, the rarer the tries.
   */
  #soon(asked: Asked, answer: 'notOwner' | 'retry'): void {
    asked.timer?.cancel();
    const { command } = asked;
    const refused = answer === 'retry' && command.type === 'activated';
    const [leastMs, mostMs] = refused ? [250, mostRefusedMs(command.activation)] : [50, 1_000];
    const backoffMs = Math.min(leastMs * 2 ** Math.min(asked.tries, 8), mostMs);
    asked.timer = this.#options.clock.setTimer(backoffMs * (0.5 + this.#options.random.float() / 2), () =>
      this.#again(asked),
    );
  }

  #settle(id: number, answer: HostAnswer<RoutedAnswer>): void {
    const asked = this.#asked.get(id);
    if (asked === undefined || this.#stopped) return;
    if (answer === 'notOwner') asked.open -= 1;
    if (answer === 'notOwner' || answer === 'retry') return this.#soon(asked, answer);
    asked.timer?.cancel();
    this.#asked.delete(id);
    asked.resolve(answer);
  }

  async #local(shard: ShardId, command: RoutedCommand): Promise<HostAnswer<RoutedAnswer>> {
    const { host } = this.#options;
    switch (command.type) {
      case 'activated':
        return host.activated(shard, command.activation);
      case 'replied':
        return host.replied(shard, command.reply);
      case 'operated':
        return host.operated(shard, command.jobKey, command.act);
    }
  }

  #planFlush(): void {
    this.#flush ??= this.#options.clock.setTimer(0, () => {
      this.#flush = undefined;
      this.#flushCommands();
      this.#flushAnswers();
    });
  }

  #flushCommands(): void {
    const { bus, cluster, incarnation } = this.#options;
    const from = nodeSubject(cluster, incarnation, 'answers');
    for (const [owner, box] of this.#outbox) {
      const subject = nodeSubject(cluster, owner, 'commands');
      for (const commands of split(box, this.#batchBytes())) {
        const batch: CommandBatch = { from, commands: commands.map(({ id, shard, command }) => [id, shard, command]) };
        bus.publish(subject, messageOf(batch));
      }
    }
    this.#outbox.clear();
  }

  #flushAnswers(): void {
    for (const [to, answers] of this.#answersTo) this.#options.bus.publish(to, messageOf(answers));
    this.#answersTo.clear();
  }

  #batchBytes(): number {
    return Math.min(CLUSTER_LIMITS.batchBytes, this.#options.bus.maxPayloadBytes() / 2);
  }

  #received(message: BusMessage): void {
    const batch = commandsIn(message.data);
    if (batch === undefined) return this.commands.failed('a message that is no batch of commands');
    const { clock } = this.#options;
    const receivedMs = clock.monotonicMs();
    this.commands.requests += batch.commands.length;
    for (const [id, shard, command] of batch.commands) {
      void this.#local(shard as ShardId, command)
        .catch((): HostAnswer<RoutedAnswer> => 'retry')
        .then((answer) => {
          this.commands.done(clock.monotonicMs() - receivedMs);
          if (answer === 'notOwner' || answer === 'retry') this.commands.failed(answer);
          if (this.#stopped) return;
          const answers = this.#answersTo.get(batch.from);
          if (answers === undefined) this.#answersTo.set(batch.from, [[id, answer]]);
          else answers.push([id, answer]);
          this.#planFlush();
        });
    }
  }

  #answered(message: BusMessage): void {
    const batch = answersIn(message.data);
    this.answers.requests += 1;
    if (batch === undefined) return this.answers.failed('a message that is no batch of answers');
    const receivedMs = this.#options.clock.monotonicMs();
    for (const [id, answer] of batch) this.#settle(id, answer);
    this.answers.done(this.#options.clock.monotonicMs() - receivedMs);
  }
}

function lost({ open }: Asked, reason: string): Lost {
  return open > 0 ? new Lost(reason) : new Untold(reason);
}

/** 4 s of a first lock as it is as a rule, half a minute of one of ten minutes and more. */
function mostRefusedMs({ lockMs = LIMITS.activationLockMs }: Activation): number {
  return Math.min(30_000, Math.max(4_000, lockMs / 20));
}
