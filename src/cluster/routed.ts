// What routers say to each other: a batch of commands to the owner of their shards, and batches of answers, each by the number
// of its command. A batch holds commands as long as their bytes together stay below a limit; one that is larger alone goes alone.
//
// What must hold: every message stands for itself, whatever came before it; and what is not from one of us is told as such.
import { Packr } from 'msgpackr';
import type { JobKey } from '../actors/ids.ts';
import type { ActAnswer, Activation, ActivationAnswer, OperatorAct, Reply, ReplyAnswer } from '../actors/messages.ts';

export type RoutedCommand =
  | { readonly type: 'activated'; readonly activation: Activation }
  | { readonly type: 'replied'; readonly reply: Reply }
  | { readonly type: 'operated'; readonly jobKey: JobKey; readonly act: OperatorAct };

export type RoutedAnswer = ActivationAnswer | ReplyAnswer | ActAnswer;

/** What the router gets back besides an answer: not (or no longer) ours, or not decidable now. */
export type HostAnswer<A> = A | 'notOwner' | 'retry';

export interface CommandBatch {
  /** Where the answers go. */
  readonly from: string;
  readonly commands: readonly (readonly [id: number, shard: number, command: RoutedCommand])[];
}

export type AnswerBatch = readonly (readonly [id: number, answer: HostAnswer<RoutedAnswer>])[];

// No record structures between nodes: every message stands for itself.
const packr = new Packr({ useRecords: false });

export function messageOf(batch: CommandBatch | AnswerBatch): Uint8Array {
  return packr.pack(batch);
}

/** undefined: it is no batch of commands. */
export function commandsIn(data: Uint8Array): CommandBatch | undefined {
  const batch = unpack(data) as CommandBatch | undefined;
  if (batch === undefined || typeof batch.from !== 'string' || !Array.isArray(batch.commands)) return undefined;
  return batch;
}

/** undefined: it is no batch of answers. */
export function answersIn(data: Uint8Array): AnswerBatch | undefined {
  const batch = unpack(data) as AnswerBatch | undefined;
  return Array.isArray(batch) ? (batch as AnswerBatch) : undefined;
}

function unpack(data: Uint8Array): unknown {
  try {
    return packr.unpack(data);
  } catch {
    return undefined; // not from one of us
  }
}

/** Chunks whose payloads stay below `bytes` together; one that is larger alone goes alone. */
export function* split<A extends { readonly command: RoutedCommand }>(
  asked: readonly A[],
  bytes: number,
): Generator<A[]> {
  let chunk: A[] = [];
  let size = 0;
  for (const one of asked) {
    const weight = weightOf(one.command);
    if (chunk.length > 0 && size + weight > bytes) {
      yield chunk;
      chunk = [];
      size = 0;
    }
    chunk.push(one);
    size += weight;
  }
  if (chunk.length > 0) yield chunk;
}

/** About so many bytes it takes in a message. */
export function weightOf(command: RoutedCommand): number {
  if (command.type === 'activated') return 1000 + Buffer.byteLength(command.activation.request.body);
  if (command.type === 'operated')
    return 1000 + ('variables' in command.act ? Buffer.byteLength(command.act.variables) : 0);
  const { content } = command.reply;
  if (content.kind === 'malformed') return 300 + content.message.length;
  const headers = content.headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  return 300 + Buffer.byteLength(content.body) + 3 * (headers + content.message.length);
}
