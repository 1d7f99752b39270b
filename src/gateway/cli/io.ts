// The streams of a command. Given in, so that tests run commands without a process each.
import type { Readable, Writable } from 'node:stream';

/** A terminal says so, and how large it is. */
export interface Screen extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

export interface Io {
  readonly stdin: Readable;
  /** What was asked for. */
  readonly stdout: Screen;
  /** What went wrong, and remarks. */
  readonly stderr: Writable;
}
