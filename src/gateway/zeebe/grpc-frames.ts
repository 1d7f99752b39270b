// gRPC's wire over HTTP/2 (grpc's PROTOCOL-HTTP2), as far as both of our own transports need it: a message stands behind five
// bytes (not compressed, its length); the answer's status stands in the trailers, or in the headers when nothing else came.
import type { IncomingHttpHeaders } from 'node:http2';
import { status } from '@grpc/grpc-js';
import { ZeebeCallError } from './answers.ts';

export const HEAD_BYTES = 5;
/** As CHANNEL_OPTIONS: the engine's own limit is 4 MB, and some raise it. */
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;

/**
 * Names and values in turn, complete: whatever is not so, node:http2 makes into that for each call, which is a tenth of what the call costs.
 * @param origin `http://host:port`, or https @param headers lower-case names
 */
export function requestHeaders(origin: string, path: string, headers: Readonly<Record<string, string>>): string[] {
  const at = origin.indexOf('://');
  const list = [':method', 'POST', ':scheme', origin.slice(0, at), ':authority', origin.slice(at + 3), ':path', path];
  list.push('te', 'trailers', 'content-type', 'application/grpc+proto');
  for (const name of Object.keys(headers)) list.push(name, headers[name] as string);
  return list;
}

export function framed(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(HEAD_BYTES + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  message.copy(frame, HEAD_BYTES);
  return frame;
}

/** Puts messages together out of what the network cuts them into. */
export class FrameReader {
  #pending: Buffer[] = [];
  #pendingBytes = 0;

  /** @returns the messages that are whole now @throws when it is not gRPC, is compressed or too large */
  read(chunk: Buffer): Buffer[] {
    let bytes = chunk;
    if (this.#pendingBytes > 0) {
      this.#pending.push(chunk);
      this.#pendingBytes += chunk.length;
      if (this.#pendingBytes < this.#neededBytes()) return [];
      bytes = Buffer.concat(this.#pending);
    }
    const messages: Buffer[] = [];
    let at = 0;
    while (bytes.length - at >= HEAD_BYTES) {
      const end = at + HEAD_BYTES + lengthAt(bytes, at);
      if (bytes.length < end) break;
      messages.push(bytes.subarray(at + HEAD_BYTES, end));
      at = end;
    }
    this.#pending = at < bytes.length ? [bytes.subarray(at)] : [];
    this.#pendingBytes = bytes.length - at;
    return messages;
  }

  /** A large message comes in many chunks: they are put together once. */
  #neededBytes(): number {
    const [first] = this.#pending;
    return first === undefined || first.length < HEAD_BYTES ? HEAD_BYTES : HEAD_BYTES + lengthAt(first, 0);
  }
}

function lengthAt(bytes: Buffer, at: number): number {
  if (bytes[at] !== 0) throw new Error(`a message is compressed, or no gRPC message (it begins with ${bytes[at]})`);
  const length = bytes.readUInt32BE(at + 1);
  if (length > MAX_MESSAGE_BYTES) throw new Error(`a message of ${length} bytes; allowed are ${MAX_MESSAGE_BYTES}`);
  return length;
}

/** What the headers and trailers say of how a call ended. undefined: nothing, the connection broke. */
export function statusSaid(headers: IncomingHttpHeaders | undefined): { code: number; details: string } | undefined {
  const said = headers?.['grpc-status'];
  if (said !== undefined) return { code: Number(said), details: detailsOf(headers) };
  const http = Number(headers?.[':status'] ?? 200);
  return http === 200 ? undefined : { code: HTTP_STATUS[http] ?? status.UNKNOWN, details: `HTTP status ${http}` };
}

/** Of answers without a gRPC status: from a proxy in between (grpc's http-grpc-status-mapping). */
const HTTP_STATUS: Readonly<Record<number, number>> = {
  400: status.INTERNAL,
  401: status.UNAUTHENTICATED,
  403: status.PERMISSION_DENIED,
  404: status.UNIMPLEMENTED,
  429: status.UNAVAILABLE,
  502: status.UNAVAILABLE,
  503: status.UNAVAILABLE,
  504: status.UNAVAILABLE,
};

function detailsOf(headers: IncomingHttpHeaders | undefined): string {
  const text = String(headers?.['grpc-message'] ?? '');
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // not percent-encoded as it should be
  }
}

/** @param reason '' when nothing is known @param sent whether it may have reached the engine */
export function unavailable(method: string, what: string, reason: string, sent: boolean): ZeebeCallError {
  const details = reason === '' ? what : `${what}: ${reason}`;
  return new ZeebeCallError(method, status.UNAVAILABLE, details, sent);
}
