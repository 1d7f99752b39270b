// Reads a log of JSON lines while another process writes it.
import { type FileHandle, open } from 'node:fs/promises';

const EVERY_MS = 40;
const CHUNK_BYTES = 256 * 1024;

export class LogFollower {
  readonly #file: string;
  readonly #onLine: (line: Readonly<Record<string, unknown>>) => void;
  readonly #buffer = Buffer.alloc(CHUNK_BYTES);
  #handle: FileHandle | undefined;
  #rest = Buffer.alloc(0);
  #position = 0;
  #reading: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param onLine is told of each line that is a JSON object, from the file's beginning */
  constructor(file: string, onLine: (line: Readonly<Record<string, unknown>>) => void) {
    this.#file = file;
    this.#onLine = onLine;
  }

  start(): this {
    this.#timer = setInterval(() => void this.catchUp(), EVERY_MS);
    return this;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#reading;
    await this.#handle?.close();
    this.#handle = undefined;
  }

  /** Reads to the present end. */
  catchUp(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #read(): Promise<void> {
    this.#handle ??= await open(this.#file, 'r').catch(() => undefined); // not there yet
    if (this.#handle === undefined) return;
    for (;;) {
      const { bytesRead } = await this.#handle.read(this.#buffer, 0, CHUNK_BYTES, this.#position);
      if (bytesRead === 0) return;
      this.#position += bytesRead;
      this.#rest = Buffer.concat([this.#rest, this.#buffer.subarray(0, bytesRead)]);
      const end = this.#rest.lastIndexOf('\n') + 1;
      for (const text of this.#rest.subarray(0, end).toString('utf8').split('\n')) this.#line(text);
      this.#rest = this.#rest.subarray(end);
    }
  }

  #line(text: string): void {
    if (!text.startsWith('{')) return;
    let line: Readonly<Record<string, unknown>>;
    try {
      line = JSON.parse(text);
    } catch {
      return; // something else that a process prints
    }
    this.#onLine(line);
  }
}
