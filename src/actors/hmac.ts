// HMAC-SHA-256 (RFC 2104) under one key, out of two one-shot hashes: node's own Hmac makes three objects with native parts for
// each text, which costs several times what is computed. (Texts here are short, and there are two for each call.)
import { hash } from 'node:crypto';

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
/** Texts up to this many bytes find room without a new buffer. */
const ROOM_BYTES = 256;

export class HmacSha256 {
  /** What is hashed first: the key with the inner pad, then the text. */
  #inner: Buffer;
  /** And then: the key with the outer pad, then the first digest. */
  readonly #outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES);

  constructor(key: Uint8Array) {
    const block = Buffer.alloc(BLOCK_BYTES);
    block.set(key.byteLength > BLOCK_BYTES ? hash('sha256', key, 'buffer') : key);
    this.#inner = Buffer.alloc(BLOCK_BYTES + ROOM_BYTES);
    for (const [i, byte] of block.entries()) {
      this.#inner[i] = byte ^ 0x36;
      this.#outer[i] = byte ^ 0x5c;
    }
  }

  /** @param text is taken as UTF-8 @returns 64 digits */
  hex(text: string): string {
    const bytes = Buffer.byteLength(text);
    if (BLOCK_BYTES + bytes > this.#inner.length) {
      this.#inner = Buffer.concat([this.#inner.subarray(0, BLOCK_BYTES)], BLOCK_BYTES + 2 * bytes);
    }
    this.#inner.write(text, BLOCK_BYTES);
    const digest = hash('sha256', this.#inner.subarray(0, BLOCK_BYTES + bytes), 'hex');
    this.#outer.write(digest, BLOCK_BYTES, 'hex');
    return hash('sha256', this.#outer, 'hex');
  }
}
