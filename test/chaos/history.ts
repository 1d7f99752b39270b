// What each participant of a chaos run writes down: JSON lines, one file per participant in the run's directory, and all
// that the judge sees (judge.ts). This is the table of what may stand in a line, their writer and their reader.
//
// A line that was written is in the file before the participant goes on, so killing it loses nothing but a line that it was
// in the middle of. Times are wall clock ms of the one machine that everything runs on; `atMs` is when the line was written,
// and where something else happened earlier elsewhere, a field of its own says when.
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What is done to the system. `node` faults have a node as target, `server` faults a server (`nats-1`, `kafka`, `zeebe`);
 * faults of a `link` have a node as target and name the kind of server at its other end; `all` have the whole cluster.
 */
export const FAULTS = {
  kill: 'node',
  term: 'node',
  /** SIGSTOP for half a lease TTL, one and a half, four; `end` is the SIGCONT. */
  stopHalf: 'node',
  stopOneAndHalf: 'node',
  stopFour: 'node',
  /** SIGKILL of the server that leads the bucket; `end`: it is up again. */
  leaderKill: 'server',
  natsRestart: 'server',
  kafkaRestart: 'server',
  zeebeRestart: 'server',
  /** The bucket takes no more writes. */
  diskFull: 'server',
  /** Connections are reset, and new ones too. */
  cut: 'link',
  slow: 'link',
  /** Connections stay open and nothing gets through, until `end`: then it arrives late. */
  halfOpen: 'link',
  roll: 'all',
  scale: 'all',
  upgrade: 'all',
} as const;
export type FaultName = keyof typeof FAULTS;
export type ServerKind = 'nats' | 'kafka' | 'zeebe';

/** Fields by kind of event; `?` marks one that may be missing. */
export const KINDS = {
  // driver.jsonl
  /** Before each try to create an instance; a try whose answer is lost may have made one. `amount`: decimal text. */
  creating: { token: 'string', amount: 'string?' },
  /** The engine has said that it made it. */
  started: { token: 'string', instanceKey: 'string' },
  /** The engine has said that it cancelled the instance, or that it is there no more when it was asked again. */
  cancelled: { token: 'string' },
  /** A job of the task behind ours: its instance has passed ours. `doneKey`: of that job, for one may be handed out twice. */
  passed: { token: 'string', doneKey: 'string', answerToken: 'string', number: 'number', amount: 'string?' },

  // engine.jsonl
  /**
   * Written when it is known what became of it: a second after the answer, or when its connection closed, or at the end of
   * the run. `sentMs`: when it passed the proxy. `closedMs`: when its connection closed, absent while it is open. `giveBack`: a
   * FailJob with the message of a lane that is full, which an intake node sends for an owner. The proxy stands next to the node: what
   * a link to the engine swallows or delays is behind it.
   */
  call: {
    command: 'string',
    node: 'string',
    jobKey: 'string',
    sentMs: 'number',
    timeoutMs: 'number?',
    answeredMs: 'number?',
    code: 'number?',
    closedMs: 'number?',
    giveBack: 'boolean?',
  },
  /** For how long the node has the engine lock what it is handed, in polls and streams from then on; again when that changes. */
  locking: { node: 'string', lockMs: 'number' },

  // service.jsonl
  /** A record with a body (a cancel record is none). `record`: topic/partition/offset. `writtenMs`: when it was sent, its producer's stamp. */
  requested: {
    record: 'string',
    correlationId: 'string',
    jobKey: 'string',
    attempt: 'number',
    token: 'string',
    writtenMs: 'number',
    amount: 'string?',
  },
  /** Written before the reply is sent: no answer can then be out that is not here. */
  replied: { correlationId: 'string', token: 'string', number: 'number' },

  // bucket.jsonl; `storedMs`: the stream's stamp. A watch sees the newest value of a key, so a revision may be missing.
  /** A claim, or (`released`) that it is given up. `replaces`: the revision that the record says it replaces, 0 for none. */
  claimed: {
    shard: 'number',
    node: 'string',
    incarnation: 'string',
    released: 'boolean',
    revision: 'number',
    replaces: 'number',
    storedMs: 'number',
  },
  sent: { incarnation: 'string', upTo: 'number', except: 'exceptions', revision: 'number', storedMs: 'number' },
  /** A snapshot that waits, and whose request is not known to be sent. */
  held: { jobKey: 'string', attempt: 'number', incarnation: 'string', revision: 'number', storedMs: 'number' },
  ended: { jobKey: 'string', attempt: 'number', outcome: 'string', revision: 'number', storedMs: 'number' },

  // nodes.jsonl, from the nodes' logs; `atMs` is the log line's time
  joined: { node: 'string', incarnation: 'string' },
  /** Told to end: it begins to hand over. */
  leaving: { node: 'string' },
  /** A command that ends a job is about to leave: by the node's clock, in the turn in which it asked whether it may act. */
  emitted: { node: 'string', command: 'string', jobKey: 'string' },
  /** In order: it has handed over what it could. */
  left: { node: 'string', incarnation: 'string' },
  /** `alarm`: for the reason that the bucket is not what it was. */
  lost: { node: 'string', incarnation: 'string', alarm: 'boolean' },
  owned: { node: 'string', incarnation: 'string', shard: 'number', epoch: 'number' },
  /** It owns the shard no more, for whatever reason but `lost`, which says it for all. */
  released: { node: 'string', incarnation: 'string', shard: 'number' },
  /** `republished`: requests that it is about to publish again. */
  rehydrated: { node: 'string', incarnation: 'string', shard: 'number', jobs: 'number', republished: 'number' },
  /** A process that nobody had asked to end. */
  died: { node: 'string', code: 'number?', signal: 'string?' },

  // runner.jsonl
  run: {
    seed: 'number',
    commit: 'string',
    minutes: 'number',
    perSecond: 'number',
    nodes: 'number',
    shards: 'number',
    leaseTtlMs: 'number',
  },
  /** `server`: of a link, what is at its other end. What happens at one moment (`kill`) needs no `end`. */
  fault: { what: 'fault', target: 'string', server: 'server?', phase: 'phase' },
  scaled: { nodes: 'number' },
  /** From here on nothing is done to the system. */
  healing: {},
  /** Every instance has passed, or nothing moved any more. */
  settled: {},
  stopped: {},
} as const;

interface FieldTypes {
  readonly string: string;
  readonly number: number;
  readonly boolean: boolean;
  readonly exceptions: readonly (readonly [jobKey: string, attempt: number])[];
  readonly fault: FaultName;
  readonly server: ServerKind;
  readonly phase: 'begin' | 'end';
}

const CHECKS: { readonly [type in keyof FieldTypes]: (value: unknown) => boolean } = {
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number' && Number.isFinite(value),
  boolean: (value) => typeof value === 'boolean',
  exceptions: (value) =>
    Array.isArray(value) && value.every((pair) => typeof pair?.[0] === 'string' && typeof pair[1] === 'number'),
  fault: (value) => typeof value === 'string' && Object.hasOwn(FAULTS, value),
  server: (value) => value === 'nats' || value === 'kafka' || value === 'zeebe',
  phase: (value) => value === 'begin' || value === 'end',
};

type Kinds = typeof KINDS;
export type Kind = keyof Kinds;
type Field<Type> = Type extends `${infer Name extends keyof FieldTypes}?`
  ? FieldTypes[Name]
  : Type extends keyof FieldTypes
    ? FieldTypes[Type]
    : never;
type Optional<Fields> = { [Name in keyof Fields]: Fields[Name] extends `${string}?` ? Name : never }[keyof Fields];

/** What a participant says: an event without its time. */
export type Said<K extends Kind = Kind> = {
  readonly [Each in K]: { readonly kind: Each } & {
    readonly [Name in Exclude<keyof Kinds[Each], Optional<Kinds[Each]>>]: Field<Kinds[Each][Name]>;
  } & { readonly [Name in Optional<Kinds[Each]>]?: Field<Kinds[Each][Name]> | undefined };
}[K];
export type Event<K extends Kind = Kind> = { readonly [Each in K]: Said<Each> & { readonly atMs: number } }[K];

export class HistoryWriter implements Disposable {
  readonly #fd: number;

  /** A file of its own for each life of a participant. @throws when the file is there already */
  constructor(directory: string, participant: string) {
    this.#fd = openSync(join(directory, `${participant}.jsonl`), 'ax');
  }

  /** The line is handed to the system when this returns: it outlives the process. */
  write(event: Said, atMs: number = Date.now()): void {
    writeSync(this.#fd, `${JSON.stringify({ atMs, ...event })}\n`);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

/** Everything that the participants wrote, in no order that means anything. @throws HistoryUnreadable */
export function readHistory(directory: string): Event[] {
  const files = readdirSync(directory).filter((name) => name.endsWith('.jsonl'));
  return files.flatMap((name) => parseHistory(join(directory, name), readFileSync(join(directory, name), 'utf8')));
}

/** @param text what is behind its last line break is a line that was being written */
export function parseHistory(file: string, text: string): Event[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line, index) => {
      const where = `${file}:${index + 1}`;
      try {
        return parseEvent(JSON.parse(line));
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new HistoryUnreadable(`${where} is no event: ${reason}: ${line.slice(0, 200)}`, { cause });
      }
    });
}

export class HistoryUnreadable extends Error {
  override readonly name = 'HistoryUnreadable';
}

function parseEvent(value: unknown): Event {
  const event = value as Readonly<Record<string, unknown>> | null;
  if (typeof event !== 'object' || event === null) throw new Error('not an object');
  const { kind, atMs } = event;
  if (typeof kind !== 'string' || !Object.hasOwn(KINDS, kind)) throw new Error(`unknown kind ${kind}`);
  if (!CHECKS.number(atMs)) throw new Error('atMs is not a number');
  for (const [name, type] of Object.entries(KINDS[kind as Kind]) as [string, string][]) {
    const optional = type.endsWith('?');
    if (optional && event[name] === undefined) continue;
    const check = CHECKS[type.replace('?', '') as keyof FieldTypes];
    if (!check(event[name])) throw new Error(`${name} is not what it must be (${type})`);
  }
  return event as unknown as Event;
}
