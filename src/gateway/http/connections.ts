// So many connections and no more: each costs a file descriptor, which the connections to the servers need too. Who comes when
// all are taken is let in, and the oldest one that asks nothing is closed for it. Turning away the newcomer would let anybody who
// opens enough silent connections keep probes and operators out. Only when each of them is being answered is the newcomer closed.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export function limitConnections(server: Server, most: number): void {
  // By peer: with TLS a request has another socket than the connection that it came on.
  const open = new Map<string, Socket>();
  const asking = new Set<string>();
  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket);
    open.set(peer, socket);
    socket.once('close', () => {
      if (open.get(peer) === socket) open.delete(peer);
    });
    if (open.size <= most) return;
    const oldest = [...open.keys()].find((one) => !asking.has(one)) ?? peer;
    open.get(oldest)?.destroy();
    open.delete(oldest);
  });
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    const peer = peerOf(socket);
    asking.add(peer);
    response.once('close', () => asking.delete(peer));
  });
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
