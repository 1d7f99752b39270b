// A link between one node and one server that can be hurt: a TCP proxy that looks at no byte.
//
//  - `pass`: as if it were not there.
//  - `cut`: every connection is reset, and new ones are too.
//  - `slow`: whatever is sent arrives `delayMs` later, in order, at any rate.
//  - `silent`: half-open. Connections stay, new ones are accepted, and nothing arrives, not even that the other side has
//    gone. When the link passes again everything that was sent arrives, late: what TCP does after a partition that was
//    shorter than its patience, and harder on both sides than a connection that has died.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export type LinkState =
  | { readonly kind: 'pass' | 'cut' | 'silent' }
  | { readonly kind: 'slow'; readonly delayMs: number };

/** Per direction of a connection; the sender is held up beyond it, as by a full window. */
const HELD_BYTES = 1 << 20;

export class TcpLink {
  /** `host:port` at which the node finds the server. */
  readonly address: string;
  readonly port: number;
  readonly #server: Server;
  readonly #pipes = new Set<Pipe>();
  #target: { readonly host: string; readonly port: number };
  #state: LinkState = { kind: 'pass' };

  private constructor(server: Server, target: string) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    this.address = `127.0.0.1:${this.port}`;
    this.#target = parse(target);
    server.on('connection', (socket) => this.#connected(socket));
  }

  /** @param target `host:port` of the server, which need not be there yet */
  static async open(target: string): Promise<TcpLink> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TcpLink(server, target);
  }

  set target(address: string) {
    this.#target = parse(address);
  }

  get state(): LinkState {
    return this.#state;
  }

  set(state: LinkState): void {
    this.#state = state;
    for (const pipe of [...this.#pipes]) {
      if (state.kind === 'cut') pipe.reset();
      else pipe.flush();
    }
  }

  close(): void {
    this.#server.close();
    for (const pipe of [...this.#pipes]) pipe.reset();
  }

  #connected(near: Socket): void {
    if (this.#state.kind === 'cut') {
      near.on('error', () => undefined);
      near.resetAndDestroy();
      return;
    }
    const far = connect({ ...this.#target, allowHalfOpen: true, noDelay: true });
    const pipe = new Pipe(
      near,
      far,
      () => this.#state,
      () => this.#pipes.delete(pipe),
    );
    this.#pipes.add(pipe);
  }
}

/** One connection: both directions, and what has ended on one side and is not known on the other. */
class Pipe {
  readonly #sockets: readonly [Socket, Socket];
  readonly #lanes: readonly [OneWay, OneWay];
  readonly #state: () => LinkState;
  readonly #onGone: () => void;
  #broken = false;

  constructor(near: Socket, far: Socket, state: () => LinkState, onGone: () => void) {
    this.#sockets = [near, far];
    this.#state = state;
    this.#onGone = onGone;
    this.#lanes = [new OneWay(near, far, state), new OneWay(far, near, state)];
    for (const socket of this.#sockets) {
      socket.on('error', () => undefined); // it closes after one
      socket.on('close', () => this.#closed(socket));
    }
  }

  flush(): void {
    for (const lane of this.#lanes) lane.flush();
    if (this.#broken && this.#state().kind !== 'silent') this.reset();
  }

  reset(): void {
    for (const lane of this.#lanes) lane.stop();
    for (const socket of this.#sockets) socket.resetAndDestroy();
    this.#onGone();
  }

  /** In order, after both sides have said so; or broken, and then the other side is told, unless nothing gets there. */
  #closed(socket: Socket): void {
    if (this.#sockets.every(({ destroyed }) => destroyed)) return this.#onGone();
    if (socket.readableEnded && socket.writableFinished) return;
    this.#broken = true;
    if (this.#state().kind !== 'silent') this.reset();
  }
}

/** undefined: the sender has ended its side. */
interface Parcel {
  readonly chunk: Buffer | undefined;
  readonly dueMs: number;
}

class OneWay {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #state: () => LinkState;
  readonly #parcels: Parcel[] = [];
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, state: () => LinkState) {
    this.#from = from;
    this.#to = to;
    this.#state = state;
    from.on('data', (chunk: Buffer) => this.#take(chunk));
    from.on('end', () => this.#take(undefined));
    to.on('drain', () => this.flush());
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#parcels.length = 0;
  }

  #take(chunk: Buffer | undefined): void {
    const state = this.#state();
    this.#parcels.push({ chunk, dueMs: performance.now() + (state.kind === 'slow' ? state.delayMs : 0) });
    this.#bytes += chunk?.length ?? 0;
    this.flush();
    if (this.#bytes > HELD_BYTES) this.#from.pause();
  }

  flush(): void {
    clearTimeout(this.#timer);
    while (this.#state().kind !== 'silent' && !this.#to.writableNeedDrain) {
      const [parcel] = this.#parcels;
      if (parcel === undefined) break;
      const waitMs = parcel.dueMs - performance.now();
      if (waitMs > 0 && this.#state().kind === 'slow') {
        this.#timer = setTimeout(() => this.flush(), waitMs);
        break;
      }
      this.#parcels.shift();
      this.#bytes -= parcel.chunk?.length ?? 0;
      if (parcel.chunk === undefined) this.#to.end();
      else this.#to.write(parcel.chunk);
    }
    if (this.#bytes <= HELD_BYTES && this.#from.isPaused()) this.#from.resume();
  }
}

function parse(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
}
