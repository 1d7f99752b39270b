// What a reply means under the settings of its job. Pure and total.
import type { CallSettings, ReplyAsSent, Verdict } from '../actors/messages.ts';

export function interpret(_: CallSettings, reply: ReplyAsSent): Verdict {
  return { kind: 'result', variables: reply.body };
}

export function checkExpression(_: string): string | undefined {
  return undefined;
}
