// Standard output of a command. Whoever reads it may go away (`holdfast jobs --all | head`): then there is nothing left to
// do, and that is no failure. Each write waits for the stream, so that a slow reader slows the pages down, not fills memory.
import { styleText } from 'node:util';
import type { Screen } from '../io.ts';
import type { Sheet } from '../table.ts';

export class OutputClosed extends Error {
  readonly code = 'OUTPUT_CLOSED';
  readonly retryable = false;
}

export class Output {
  readonly #stream: Screen;

  constructor(stream: Screen) {
    this.#stream = stream;
    // The write itself is told too; without a listener the process would end with a stack trace.
    stream.on('error', () => undefined);
  }

  get isTerminal(): boolean {
    return this.#stream.isTTY === true && process.env.TERM !== 'dumb';
  }

  get rows(): number {
    return this.#stream.rows ?? 24;
  }

  get sheet(): Sheet {
    const stream = this.#stream;
    return {
      width: stream.isTTY ? stream.columns : undefined,
      // Colours only on a terminal, and not with NO_COLOR.
      paint: (style, text) => styleText(style, text, { stream }),
    };
  }

  onResize(redraw: () => void): void {
    this.#stream.on('resize', redraw);
  }

  /** @throws OutputClosed */
  write(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.write(text, (error) => {
        if (error) reject(new OutputClosed(error.message, { cause: error }));
        else resolve();
      });
    });
  }

  async lines(lines: readonly string[]): Promise<void> {
    if (lines.length > 0) await this.write(`${lines.join('\n')}\n`);
  }
}
