// What happened in a world, in one order: the only thing that the checker sees, and the trace that a failure prints.
//
// Every simulated server records what it accepted, every port what a node tried. The order of the list is the true order in the world.
// The hash over all of it is what "replays exactly" means: two runs of one seed are the same if their hashes are.
import type { OperatorAct } from '../../src/actors/messages.ts';
import type { EngineCommands, FailJob } from '../../src/actors/ports.ts';

export type CommandName = keyof EngineCommands;

/** `node` is '' where no node is concerned; `jobKey` is '' where it is not known. */
export type WorldEvent =
  /** A process instance began and its job was created. */
  | { readonly kind: 'started'; readonly jobKey: string; readonly variables: string; readonly retries: number }
  | {
      readonly kind: 'activated';
      readonly jobKey: string;
      readonly node: string;
      readonly deadlineMs: number;
      readonly retries: number;
    }
  /** An owner told this node that there is no room for a job that it took: it may give one back. */
  | { readonly kind: 'full'; readonly node: string }
  /** A node emitted a command; `barred`: why it must not have (right-to-act.ts), '' when it may. */
  | (Command<'command'> & { readonly barred: string })
  /**
   * The engine accepted it: this is the effect. `payload`: variables of a completion, `failPayload`, code of an error, id of
   * a message.
   */
  | Command<'accepted'>
  /** The answer reached the node. */
  | (Command<'answered'> & { readonly code: string })
  | { readonly kind: 'incident'; readonly jobKey: string; readonly message: string }
  | { readonly kind: 'ended'; readonly jobKey: string; readonly how: 'completed' | 'cancelled' | 'errorCaught' }
  /** A node emitted records; as `command`. */
  | {
      readonly kind: 'sending';
      readonly node: string;
      readonly topic: string;
      readonly keys: string;
      readonly barred: string;
    }
  /** The answer that Kafka has these records (their keys) reached the node that sent them. */
  | { readonly kind: 'acked'; readonly node: string; readonly topic: string; readonly keys: string }
  /**
   * A record is in Kafka. `correlationId` '' where there is none; `value` as text, undefined for a null body. `origin`:
   * of a dead letter, the reply that it keeps, as partition/offset; '' of any other record.
   */
  | {
      readonly kind: 'written';
      readonly node: string;
      readonly topic: string;
      readonly partition: number;
      readonly offset: number;
      readonly jobKey: string;
      readonly attempt: number;
      readonly correlationId: string;
      readonly value: string | undefined;
      readonly origin: string;
    }
  /** What the service that wrote this reply meant by it. */
  | {
      readonly kind: 'replied';
      readonly jobKey: string;
      readonly partition: number;
      readonly offset: number;
      readonly meant: ReplyKind;
      /** Which request it answers. */
      readonly attempt?: number;
      /** Of an error or a failure: its text, which no other reply has. */
      readonly said?: string;
      /** Of a failure: how many retries are to be left; undefined: it does not say. */
      readonly retries?: number | undefined;
    }
  | { readonly kind: 'committed'; readonly node: string; readonly partition: number; readonly offset: number }
  /** A write in the bucket; `previous`: the revision that it replaced, 0 for none. */
  | {
      readonly kind: 'stored';
      readonly node: string;
      readonly key: string;
      readonly revision: number;
      readonly previous: number;
      readonly value: Uint8Array;
    }
  /** A node began to write a job, or heard what became of that. */
  | { readonly kind: 'writing' | 'heard'; readonly node: string; readonly key: string }
  /** A person acted on it by hand. `said`: variables of a completion, or the message of a failure or an error. */
  | {
      readonly kind: 'operated';
      readonly node: string;
      readonly jobKey: string;
      readonly act: OperatorAct['act'];
      readonly said: string;
      readonly id: string;
    }
  /** A node has two writes to this key on their way that cannot be told apart (twins.ts). */
  | { readonly kind: 'twins'; readonly node: string; readonly key: string }
  /** A node began anew with an alarm: something is as it cannot be. */
  | { readonly kind: 'alarm'; readonly node: string; readonly what: string }
  /** Something was done to a node or a server. */
  | { readonly kind: 'fault'; readonly node: string; readonly what: string }
  | { readonly kind: 'log'; readonly node: string; readonly what: string };

interface Command<Kind extends string> {
  readonly kind: Kind;
  readonly command: CommandName;
  readonly jobKey: string;
  readonly node: string;
  readonly payload: string;
}

export type ReplyKind = 'result' | 'malformed' | 'forged' | 'withoutId' | ErrorKind | 'garbage' | 'heartbeat';
/** `garbage`: JSON with headers that mean nothing. */
export type ErrorKind = 'error' | 'failure';

export type Recorded<E extends WorldEvent = WorldEvent> = E & { readonly atMs: number };

/** A FailJob as payload; `failIn` reads it. */
export function failPayload({ retries, backoffMs, message }: FailJob): string {
  return `retries=${retries} backoffMs=${backoffMs} ${message}`;
}

export function failIn(payload: string): FailJob | undefined {
  const [, retries, backoffMs, message] = /^retries=(-?\d+) backoffMs=(\d+) (.*)$/s.exec(payload) ?? [];
  return message === undefined ? undefined : { retries: Number(retries), backoffMs: Number(backoffMs), message };
}

/** How the fault begins by which the bucket was made anew. */
export const REMADE = 'bucket remade';

/** Events of one kind. */
export type EventOf<Kind extends WorldEvent['kind']> = Recorded<Extract<WorldEvent, { kind: Kind }>>;

export class History {
  readonly events: Recorded[] = [];
  /** What came up that the events do not tell, and how often; not part of the hash. */
  readonly sights = new Map<string, number>();
  readonly #nowMs: () => number;
  #hash = 0x811c9dc5;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  add(event: WorldEvent): void {
    const recorded = Object.assign(event, { atMs: this.#nowMs() });
    this.events.push(recorded);
    if (event.kind === 'log') return;
    for (const value of Object.values(recorded)) this.#mix(value);
  }

  sight(name: string, times = 1): void {
    this.sights.set(name, (this.sights.get(name) ?? 0) + times);
  }

  /** Eight hex digits over everything so far; what nodes log does not count. */
  hash(): string {
    return this.#hash.toString(16).padStart(8, '0');
  }

  of<Kind extends WorldEvent['kind']>(kind: Kind): EventOf<Kind>[] {
    return this.events.filter((event): event is EventOf<Kind> => event.kind === kind);
  }

  /** The last events up to then that name this job, or say what was done to nodes and servers, one line each. */
  tail(jobKey: string, count: number, untilMs = Infinity): string[] {
    const named = (event: Recorded) =>
      ('jobKey' in event && event.jobKey === jobKey) ||
      ('key' in event && event.key.endsWith(`.${jobKey}`)) ||
      event.kind === 'fault';
    const silent = (event: Recorded) => event.kind === 'writing' || event.kind === 'heard';
    return this.events
      .filter((event) => event.atMs <= untilMs && named(event) && !silent(event))
      .slice(-count)
      .map(line);
  }

  #mix(value: string | number | boolean | Uint8Array | undefined): void {
    let hash = this.#hash;
    const text = typeof value === 'string' || value instanceof Uint8Array ? value : String(value);
    if (typeof text === 'string') {
      for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    } else {
      for (const byte of text) hash = Math.imul(hash ^ byte, 0x01000193);
    }
    this.#hash = Math.imul(hash ^ 0x1f, 0x01000193) >>> 0;
  }
}

/** For people; two histories are compared by their hashes. */
export function line(event: Recorded): string {
  const { atMs, kind, ...rest } = event;
  const fields = Object.entries(rest).map(([name, value]) =>
    value instanceof Uint8Array ? `${name}=<${value.length} bytes>` : `${name}=${String(value).slice(0, 120)}`,
  );
  return `${atMs.toFixed(2).padStart(10)} ${kind.padEnd(10)} ${fields.join(' ')}`;
}
