// Histories as a faultless system would write them, for tests of the judge: nodes join, claim shards, take jobs, are killed and
// stopped, and others take over. A test makes one bad by leaving out, changing or adding events.
import type { JobKey } from '../../src/actors/ids.ts';
import { shardOf } from '../../src/actors/ids.ts';
import type { Event, FaultName, Said, ServerKind } from './history.ts';

export const SHARDS = 4;
export const LEASE_TTL_MS = 5_000;

export interface JobOptions {
  /** How long the service takes; default 50. */
  readonly serviceMs?: number;
  /** Default: noted 150 ms after Kafka has it. */
  readonly noted?: boolean;
  /** Nothing happens after the request. */
  readonly open?: boolean;
}

/** Where a job stands. */
export interface Job {
  readonly token: string;
  readonly jobKey: string;
  readonly shard: number;
  readonly askedMs: number;
  revision: number;
}

export class Story {
  readonly events: Event[] = [];
  /** Wall clock of the story; moved by whoever tells it. */
  nowMs = 1_000_000;
  readonly #incarnations = new Map<string, string>();
  readonly #claims = new Map<number, { readonly node: string; readonly revision: number }>();
  readonly #counts = new Map<string, number>();
  #revision = 0;
  #jobs = 0;

  /** Nodes n1, n2, … share the shards. */
  constructor(nodes = 2) {
    const settings = { seed: 1, commit: 'c0ffee', minutes: 1, perSecond: 30, nodes };
    this.say({ kind: 'run', ...settings, shards: SHARDS, leaseTtlMs: LEASE_TTL_MS });
    for (let number = 1; number <= nodes; number++) this.join(`n${number}`);
    for (let shard = 0; shard < SHARDS; shard++) this.claim(`n${1 + (shard % nodes)}`, shard);
    this.nowMs += 1_000;
  }

  say(event: Said, atMs = this.nowMs): void {
    this.events.push({ ...event, atMs });
  }

  incarnation(node: string): string {
    return this.#incarnations.get(node) ?? 'none';
  }

  ownerOf(shard: number): string {
    return this.#claims.get(shard)?.node ?? '';
  }

  shardsOf(node: string): number[] {
    return [...this.#claims].filter(([, claim]) => claim.node === node).map(([shard]) => shard);
  }

  join(node: string): void {
    this.#incarnations.set(node, `${node}-${this.#next(node)}`);
    this.say({ kind: 'joined', node, incarnation: this.incarnation(node) });
    this.say({ ...this.#sent(node, 0), revision: ++this.#revision });
  }

  claim(node: string, shard: number): void {
    this.#write(shard, node);
    const { revision: epoch } = this.#claims.get(shard) ?? { revision: 0 };
    this.say({ kind: 'owned', node, incarnation: this.incarnation(node), shard, epoch }, this.nowMs + 50);
  }

  /** In order: the owner gives it up, the other one takes it. */
  handOver(shard: number, to: string): void {
    const node = this.ownerOf(shard);
    this.say({ kind: 'released', node, incarnation: this.incarnation(node), shard });
    this.#write(shard, '');
    this.nowMs += 20;
    this.claim(to, shard);
    this.nowMs += 60;
  }

  fault(what: FaultName, target: string, phase: 'begin' | 'end' = 'begin', server?: ServerKind): void {
    this.say({ kind: 'fault', what, target, phase, ...(server && { server }) });
  }

  /** SIGKILL; 1.5 s later the others have its shards. */
  kill(node: string, heir: string): void {
    this.fault('kill', node);
    this.nowMs += 1_500;
    for (const shard of this.shardsOf(node)) this.claim(heir, shard);
    this.nowMs += 100;
  }

  /** SIGSTOP for longer than the lease: others take over, and it forgets everything when it goes on. */
  freeze(node: string, heir: string): void {
    this.fault('stopOneAndHalf', node);
    this.nowMs += LEASE_TTL_MS + 500;
    for (const shard of this.shardsOf(node)) this.claim(heir, shard);
    this.nowMs += LEASE_TTL_MS / 2;
    this.fault('stopOneAndHalf', node, 'end');
    this.nowMs += 250;
    this.say({ kind: 'lost', node, incarnation: this.incarnation(node), alarm: false });
    this.join(node);
    this.nowMs += 100;
  }

  /** From its creation to the end, as far as asked for. */
  job({ serviceMs = 50, noted = true, open = false }: JobOptions = {}): Job {
    const number = ++this.#jobs;
    const [token, jobKey] = [`token-${number}`, String(2_251_799_813_685_000 + number * 7)];
    const amount = String(9_007_199_254_740_993n + BigInt(number));
    this.say({ kind: 'creating', token, amount });
    this.say({ kind: 'started', token, instanceKey: `${jobKey}1` }, this.nowMs + 5);
    const shard = shardOf(jobKey as JobKey, SHARDS) as number;
    const job: Job = { token, jobKey, shard, askedMs: this.nowMs + 20, revision: 0 };
    this.hold(job, this.nowMs + 15);
    this.ask(job, job.askedMs);
    if (noted) this.note(this.ownerOf(shard), job.revision, job.askedMs + 150);
    if (!open) {
      this.nowMs += 20 + serviceMs;
      this.reply(job, number);
      this.complete(job);
    }
    return job;
  }

  /** Its owner writes it, unsent. */
  hold(job: Job, storedMs = this.nowMs): void {
    job.revision = ++this.#revision;
    const incarnation = this.incarnation(this.ownerOf(job.shard));
    this.say({ kind: 'held', jobKey: job.jobKey, attempt: 1, incarnation, revision: job.revision, storedMs }, storedMs);
  }

  ask({ token, jobKey }: Job, writtenMs = this.nowMs, attempt = 1): void {
    const record = `requests/0/${this.#next('records')}`;
    const amount = String(9_007_199_254_740_993n + BigInt(token.slice('token-'.length)));
    const request = { record, correlationId: `hf1-${jobKey}-${attempt}`, jobKey, attempt, token, amount };
    this.say({ kind: 'requested', ...request, writtenMs }, writtenMs + 5);
  }

  note(node: string, upTo: number, storedMs = this.nowMs, except: [string, number][] = []): void {
    this.say({ ...this.#sent(node, upTo, storedMs), except, revision: ++this.#revision }, storedMs);
  }

  reply({ token, jobKey }: Job, number: number): void {
    this.say({ kind: 'replied', correlationId: `hf1-${jobKey}-1`, token, number });
  }

  /** The owner completes it, is told, and writes that down; the driver sees it pass. */
  complete(job: Job, node = this.ownerOf(job.shard)): void {
    this.nowMs += 10;
    this.emitted(job, node);
    this.call(job, node);
    this.end(job, 'completed', this.nowMs + 8);
    const [token, number] = [job.token, Number(job.token.slice('token-'.length))];
    const amount = String(9_007_199_254_740_993n + BigInt(number));
    const doneKey = `${job.jobKey}9`;
    this.say({ kind: 'passed', token, doneKey, answerToken: token, number, amount }, this.nowMs + 30);
    this.nowMs += 40;
  }

  call({ jobKey }: Job, node: string, more: Partial<Said<'call'>> = {}): void {
    const sentMs = this.nowMs;
    const call = { command: 'CompleteJob', node, jobKey, sentMs, timeoutMs: 5_000, answeredMs: sentMs + 5, code: 0 };
    this.say({ kind: 'call', ...call, ...more }, sentMs + 1_500);
  }

  /** The node's log tells of a call that is about to leave. */
  emitted({ jobKey }: Job, node: string, command = 'CompleteJob'): void {
    this.say({ kind: 'emitted', node, command, jobKey });
  }

  end({ jobKey }: Job, outcome: string, storedMs = this.nowMs): void {
    this.say({ kind: 'ended', jobKey, attempt: 1, outcome, revision: ++this.#revision, storedMs }, storedMs);
  }

  /** Everything heals, and every shard is owned. */
  finish(): Event[] {
    this.nowMs += 2_000;
    this.say({ kind: 'healing' });
    this.nowMs += 2_000;
    this.say({ kind: 'settled' });
    this.say({ kind: 'stopped' }, this.nowMs + 100);
    return this.events;
  }

  #write(shard: number, node: string): void {
    const replaces = this.#claims.get(shard)?.revision ?? 0;
    const revision = ++this.#revision;
    this.#claims.set(shard, { node, revision });
    const [released, incarnation] = [node === '', node === '' ? '' : this.incarnation(node)];
    this.say({ kind: 'claimed', shard, node, incarnation, released, revision, replaces, storedMs: this.nowMs });
  }

  #sent(node: string, upTo: number, storedMs = this.nowMs) {
    return { kind: 'sent', incarnation: this.incarnation(node), upTo, except: [], storedMs } as const;
  }

  #next(what: string): number {
    const next = (this.#counts.get(what) ?? 0) + 1;
    this.#counts.set(what, next);
    return next;
  }
}
