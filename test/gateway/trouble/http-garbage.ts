// What may come to an HTTP port besides HTTP: broken request lines, header bombs, bytes, and connections that never say a whole
// word. Raw sockets; none of them is an error to whoever opens them.
import { connect, type Socket } from 'node:net';

const CRLF = '\r\n';

/** Each is sent at once, whole. */
export const GARBAGE: readonly (string | Buffer)[] = [
  'GET',
  CRLF.repeat(1_000),
  `GET / HTTP/9.9${CRLF}${CRLF}`,
  `G\u0000T /metrics HTTP/1.1${CRLF}${CRLF}`,
  `GET /${'a'.repeat(100_000)} HTTP/1.1${CRLF}Host: x${CRLF}${CRLF}`,
  `GET /metrics HTTP/1.1${CRLF}${'x: y\r\n'.repeat(50_000)}${CRLF}`,
  `GET /metrics HTTP/1.1${CRLF}x: ${'y'.repeat(1_000_000)}${CRLF}${CRLF}`,
  `GET /metrics HTTP/1.1${CRLF}Host: x${CRLF}Content-Length: -1${CRLF}${CRLF}`,
  `POST /metrics HTTP/1.1${CRLF}Host: x${CRLF}Transfer-Encoding: chunked${CRLF}${CRLF}FFFFFFFFFFFFFFFF${CRLF}`,
  `POST /healthz/live HTTP/1.1${CRLF}Host: x${CRLF}Content-Length: 5${CRLF}Transfer-Encoding: chunked${CRLF}${CRLF}0${CRLF}`,
  `GET /%00%ff%c0%ae/..%2f..%2fetc HTTP/1.1${CRLF}Host: x${CRLF}${CRLF}`,
  `GET /healthz/ready HTTP/1.1${CRLF}Host: x${CRLF}Upgrade: websocket${CRLF}Connection: upgrade${CRLF}${CRLF}`,
  `PRI * HTTP/2.0${CRLF}${CRLF}SM${CRLF}${CRLF}`,
  `${`GET /metrics HTTP/1.1${CRLF}Host: x${CRLF}${CRLF}`.repeat(5)}`,
  Buffer.from(Array.from({ length: 5_000 }, (_, at) => (at * 131) % 256)),
];

export class HttpGarbage {
  readonly #address: { readonly host: string; readonly port: number };
  readonly #open = new Set<Socket>();
  sent = 0;
  closed = 0;

  /** @param url of the node */
  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.#address = { host: hostname, port: Number(port) };
  }

  get open(): number {
    return this.#open.size;
  }

  send(data: string | Buffer): void {
    this.#connect((socket) => void socket.write(data));
  }

  /** A connection that begins a request and goes no further. */
  dawdle(): void {
    this.#connect((socket) => void socket.write(`GET /metrics HTTP/1.1${CRLF}x: `));
  }

  close(): void {
    for (const socket of this.#open) socket.destroy();
  }

  #connect(then: (socket: Socket) => void): void {
    this.sent += 1;
    const socket = connect(this.#address, () => then(socket));
    this.#open.add(socket);
    socket.resume();
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed += 1;
      this.#open.delete(socket);
    });
  }
}
