// What a person sees while the demo runs: one line per phase, and below it one line that changes in place. Without a
// terminal the changing line is printed every few seconds instead.
const TERMINAL_EVERY_MS = 200;
const PLAIN_EVERY_MS = 5_000;
const CLEAR_LINE = '\r\x1b[K';

export class Progress {
  readonly #out: NodeJS.WriteStream;
  readonly #beganMs = performance.now();
  #timer: NodeJS.Timeout | undefined;

  constructor(out: NodeJS.WriteStream = process.stdout) {
    this.#out = out;
  }

  /** Something that happened, with the time since the beginning. */
  tell(what: string): void {
    this.#print(`${this.#time()}  ${what}`);
  }

  /** A line as it is. */
  line(text: string): void {
    this.#print(text);
  }

  /** Shows what `text` says now and from now on, until `still`. */
  live(text: () => string): void {
    this.still();
    const show = () => {
      const line = `${this.#time()}  ${text()}`;
      if (this.#out.isTTY) this.#out.write(`${CLEAR_LINE}${line.slice(0, this.#out.columns - 1)}`);
      else this.#out.write(`${line}\n`);
    };
    this.#timer = setInterval(show, this.#out.isTTY ? TERMINAL_EVERY_MS : PLAIN_EVERY_MS);
  }

  still(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.#out.isTTY) this.#out.write(CLEAR_LINE);
  }

  /** Since the beginning. */
  elapsedMs(): number {
    return Math.round(performance.now() - this.#beganMs);
  }

  #print(line: string): void {
    if (this.#out.isTTY) this.#out.write(CLEAR_LINE);
    this.#out.write(`${line}\n`);
  }

  #time(): string {
    return `${(this.elapsedMs() / 1_000).toFixed(1).padStart(5)} s`;
  }
}
