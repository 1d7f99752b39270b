// One life of a node's process, as the servers see it: a clock that can be stopped, and a link to each server.
//
// What must hold: nothing enters a process but through its clock (so a frozen one hears everything late, a dead one
// nothing), and nothing leaves it but through a link. What has left arrives even if the sender dies meanwhile.
//
// A link is `up`; `down`: both ends know, calls in flight end at once, unanswered; or `silent`: a link that swallows. Then
// whatever was sent waits, as TCP makes it wait, and arrives when the link heals; or it is lost when the ends give the
// connection up, after `SILENCE_NOTICED_MS`.
import type { ClockView, ManualClock } from '../support/manual-clock.ts';
import { RightToAct } from './right-to-act.ts';

export type ServerName = 'nats' | 'kafka' | 'engine';
export const SERVERS: readonly ServerName[] = ['nats', 'kafka', 'engine'];

/** About what two missed pings of 5 s take. */
export const SILENCE_NOTICED_MS = 12_000;
const RECONNECT_MS = 150;

export class Link {
  readonly #world: ManualClock;
  readonly #clock: ClockView;
  readonly #listeners = new Set<(up: boolean) => void>();
  readonly #calls = new Set<() => void>();
  #state: 'up' | 'down' | 'silent' = 'up';
  #connection = 1;
  #cuts = 0;
  #held: (() => void)[] = [];

  constructor(world: ManualClock, clock: ClockView) {
    this.#world = world;
    this.#clock = clock;
  }

  get state(): 'up' | 'down' | 'silent' {
    return this.#state;
  }

  /** Whether the server believes that this client is connected. */
  get open(): boolean {
    return this.#state !== 'down';
  }

  /** From the process to the server. False: it could not leave. */
  toServer(delayMs: number, run: () => void): boolean {
    if (this.#state === 'down') return false;
    if (this.#state === 'silent') this.#held.push(run);
    else this.#world.setTimer(delayMs, run);
    return true;
  }

  /** From the server to the process, on the connection of now; lost with it. */
  toHost(delayMs: number, run: () => void): void {
    if (this.#state === 'down') return;
    const connection = this.#connection;
    const arrive = () => {
      if (connection === this.#connection) run();
    };
    if (this.#state === 'silent') this.#held.push(() => this.#clock.deliver(0, arrive));
    else this.#clock.deliver(delayMs, arrive);
  }

  /** A call in flight: `lost` runs when the connection breaks. Returns what takes it back. */
  onLoss(lost: () => void): () => void {
    this.#calls.add(lost);
    return () => this.#calls.delete(lost);
  }

  /** Told to the server's side at once whenever the connection comes or goes. */
  onChange(listener: (up: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  cut(kind: 'down' | 'silent'): void {
    const cut = ++this.#cuts;
    if (kind === 'down') this.#break();
    if (this.#state !== 'up') return;
    this.#state = 'silent';
    this.#world.setTimer(SILENCE_NOTICED_MS, () => {
      if (cut === this.#cuts && this.#state === 'silent') this.#break();
    });
  }

  heal(): void {
    const cut = ++this.#cuts;
    if (this.#state === 'silent') {
      this.#state = 'up';
      const held = this.#held;
      this.#held = [];
      for (const run of held) this.#world.setTimer(0, run);
    } else if (this.#state === 'down') {
      // The client comes back by itself, so not before its process runs again.
      this.#clock.deliver(RECONNECT_MS, () => {
        if (cut !== this.#cuts || this.#state !== 'down') return;
        this.#state = 'up';
        for (const listener of [...this.#listeners]) listener(true);
      });
    }
  }

  #break(): void {
    if (this.#state === 'down') return;
    this.#state = 'down';
    this.#connection++;
    this.#held = [];
    const calls = [...this.#calls];
    this.#calls.clear();
    for (const lost of calls) this.#clock.deliver(0, lost);
    for (const listener of [...this.#listeners]) listener(false);
  }
}

export class Host {
  readonly name: string;
  readonly clock: ClockView;
  readonly links: Readonly<Record<ServerName, Link>>;
  readonly rightToAct: RightToAct;

  constructor(name: string, world: ManualClock, clock: ClockView) {
    this.name = name;
    this.clock = clock;
    const link = () => new Link(world, clock);
    this.links = { nats: link(), kafka: link(), engine: link() };
    this.rightToAct = new RightToAct(name, clock, () => this.links.nats.state !== 'down');
  }

  /** SIGKILL: the kernel closes the sockets, so the servers know at once. */
  kill(): void {
    this.clock.kill();
    for (const server of SERVERS) this.links[server].cut('down');
  }
}
