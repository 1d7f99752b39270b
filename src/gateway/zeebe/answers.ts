// What the engine's gRPC answers mean, all in one table; the first row that fits decides. Nothing else reads a code.
//
// What must hold: `unseen` is true whenever the command may have had its effect all the same, because a NOT_FOUND that
// follows an unseen try is our own success, and one that follows none is not. So only what is known to be refused
// before it was written is "not unseen": backpressure, a paused or unreachable partition, no connection, no permission;
// any text or code that is not listed is taken as unseen. `never` costs a job its reply, so it too is only said where
// the very same command could not succeed later.
//
// Codes that mean two things are told apart by their text, as seen on Zeebe 8.6, 8.8 and 8.9.
import { status } from '@grpc/grpc-js';
import type { EngineAnswer, EngineCommands } from '../../actors/ports.ts';

/** Most failures carry no variables, and then an answer without a word is about something else. */
export type SentCommand = keyof EngineCommands | 'failWithVariables';

/** A call that did not succeed. `status` is the gRPC code, `details` the text that came with it. */
export class ZeebeCallError extends Error {
  readonly code = 'ZEEBE_CALL_FAILED';
  readonly status: number;
  readonly details: string;
  /** False: it never left this process (no token, no time left, closed). */
  readonly sent: boolean;

  constructor(method: string, statusCode: number, details: string, sent: boolean) {
    super(`${method}: ${status[statusCode] ?? statusCode}${details === '' ? '' : `: ${details}`}`);
    this.name = 'ZeebeCallError';
    this.status = statusCode;
    this.details = details;
    this.sent = sent;
  }
}

interface Row {
  readonly status: number;
  /** Absent: any text. */
  readonly text?: RegExp;
  /** Absent: any command. */
  readonly commands?: readonly SentCommand[];
  readonly answer: 'ok' | 'notFound' | 'failedPrecondition' | 'never' | 'refusedForNow' | 'backpressure' | 'unseen';
}

const WITH_VARIABLES: readonly SentCommand[] = ['complete', 'failWithVariables', 'throwError', 'publishMessage'];

const TABLE: readonly Row[] = [
  { status: status.NOT_FOUND, answer: 'notFound' },
  { status: status.FAILED_PRECONDITION, answer: 'failedPrecondition' },
  { status: status.INVALID_ARGUMENT, answer: 'never' },

  // A message id is taken once: an earlier try of ours, or another node's.
  { status: status.ALREADY_EXISTS, commands: ['publishMessage'], answer: 'ok' },

  // The gateway's limit for one message, and grpc's own on this side.
  { status: status.RESOURCE_EXHAUSTED, text: /exceeds maximum size|with a size larger than/i, answer: 'never' },
  // HTTP/2 ENHANCE_YOUR_CALM, sent for a stream that may have been served.
  { status: status.RESOURCE_EXHAUSTED, text: /^Bandwidth exhausted/, answer: 'unseen' },
  // Backpressure, the append limit, a full disk: refused before it was written.
  { status: status.RESOURCE_EXHAUSTED, answer: 'backpressure' },

  // Variables that fit the message but not the broker's batch of records; the broker says nothing at all.
  { status: status.UNKNOWN, text: /^$/, commands: WITH_VARIABLES, answer: 'never' },

  // A name of more than 50,000 bytes, or whatever else the gateway cannot read, before anything goes to a broker.
  { status: status.INTERNAL, text: /Failed to convert JSON to MessagePack/, answer: 'never' },

  // grpc-js before anything was sent.
  {
    status: status.UNAVAILABLE,
    text: /^(No connection established|Name resolution failed|Channel closed before)/,
    answer: 'refusedForNow',
  },
  // The gateway has no broker for the job's partition: no leader for now, or a key of an engine with more partitions.
  { status: status.UNAVAILABLE, text: /partition/i, answer: 'refusedForNow' },
  { status: status.INTERNAL, text: /processing paused for partition/i, answer: 'refusedForNow' },

  // The engine may have a wrong token or a wrong gateway in front of it; the job is as it was, and people can mend it.
  { status: status.UNAUTHENTICATED, answer: 'refusedForNow' },
  { status: status.PERMISSION_DENIED, answer: 'refusedForNow' },
  { status: status.UNIMPLEMENTED, answer: 'refusedForNow' },

  // Named for the reader: the rest of what is seen in practice, and the same as any code that is not listed.
  { status: status.DEADLINE_EXCEEDED, answer: 'unseen' },
  { status: status.CANCELLED, answer: 'unseen' },
  { status: status.ABORTED, answer: 'unseen' },
  { status: status.UNAVAILABLE, answer: 'unseen' },
];

export const OK: EngineAnswer = { code: 'ok', unseen: false, message: '' };

/** The answer to a command whose call failed with `error`. */
export function answerTo(command: SentCommand, error: ZeebeCallError): EngineAnswer {
  const message = error.message;
  if (!error.sent) return { code: 'transient', unseen: false, message };
  const row = TABLE.find(
    (candidate) =>
      candidate.status === error.status &&
      (candidate.text?.test(error.details) ?? true) &&
      (candidate.commands?.includes(command) ?? true),
  );
  switch (row?.answer) {
    case 'ok':
      return OK;
    case 'notFound':
    case 'failedPrecondition':
    case 'never':
      return { code: row.answer, unseen: false, message };
    case 'refusedForNow':
      return { code: 'transient', unseen: false, message };
    case 'backpressure':
      return { code: 'transient', unseen: false, message, backpressure: true };
    default:
      return { code: 'transient', unseen: true, message };
  }
}

/** Variables above this are refused by the engine with default settings (2,096,536 pass), whatever else is sent. */
export const MAX_VARIABLES_BYTES = 2 * 1024 * 1024;

/** The answer when `variables` (JSON text) are larger than the engine takes; undefined when they may be sent. */
export function refuseVariables(variables: string): EngineAnswer | undefined {
  // A UTF-16 unit is at most three bytes of UTF-8: most texts need no count.
  if (variables.length * 3 <= MAX_VARIABLES_BYTES) return undefined;
  const bytes = Buffer.byteLength(variables, 'utf8');
  if (bytes <= MAX_VARIABLES_BYTES) return undefined;
  return {
    code: 'never',
    unseen: false,
    message: `the variables have ${bytes} bytes; the engine takes at most ${MAX_VARIABLES_BYTES}`,
  };
}

/** The engine cuts longer texts itself; cutting here keeps them out of the message limit too. */
const MAX_MESSAGE_CHARS = 10_000;

export function shortenMessage(message: string): string {
  return message.length <= MAX_MESSAGE_CHARS ? message : `${message.slice(0, MAX_MESSAGE_CHARS - 1)}…`;
}
