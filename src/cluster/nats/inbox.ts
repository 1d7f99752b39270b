// Questions over core NATS with one shared inbox: each question carries `<inbox>.<n>` as its reply subject and one
// wildcard subscription takes all answers. Everything that waits for an answer goes through here: requests to members,
// writes and API calls to JetStream. The client's own publisher for JetStream costs several times the CPU.
// What must hold: every question is settled exactly once, within its timeout, and at once when the connection breaks; and
// while disconnected nothing is handed to the client, which would send it later.
import { createInbox, type Msg, type MsgHdrs } from '@nats-io/transport-node';
import type { NatsLink } from './connection.ts';

export type Answer =
  | { readonly kind: 'answer'; readonly message: Msg }
  /** The server says that nobody listens on that subject. */
  | { readonly kind: 'noResponders' }
  | { readonly kind: 'silence' }
  /** Not connected, or cut off while waiting. */
  | { readonly kind: 'disconnected' }
  /** Refused before it reached anybody: too large, or no permission. */
  | { readonly kind: 'denied'; readonly reason: string };

interface Question {
  readonly subject: string;
  readonly settle: (answer: Answer) => void;
  readonly timer: NodeJS.Timeout;
}

export class Inbox {
  readonly #link: NatsLink;
  readonly #prefix: string;
  readonly #asked = new Map<string, Question>();
  #count = 0;

  constructor(link: NatsLink) {
    this.#link = link;
    this.#prefix = `${createInbox(link.inboxPrefix)}.`;
    link.nc.subscribe(`${this.#prefix}*`, { callback: (error, message) => this.#take(error, message) });
    link.onConnection((connected) => {
      if (!connected) this.#settleAll({ kind: 'disconnected' }, () => true);
    });
    link.onDenied((denied) =>
      this.#settleAll({ kind: 'denied', reason: `no permission to publish to ${denied}` }, (s) => s === denied),
    );
  }

  /** Asks once; never throws. */
  ask(subject: string, data: Uint8Array, timeoutMs: number, headers?: MsgHdrs): Promise<Answer> {
    if (!this.#link.connected()) return Promise.resolve({ kind: 'disconnected' });
    return new Promise((settle) => {
      const token = (++this.#count).toString(36);
      const reply = this.#prefix + token;
      try {
        this.#link.nc.publish(subject, data, headers === undefined ? { reply } : { reply, headers });
      } catch (error) {
        settle({ kind: 'denied', reason: (error as Error).message });
        return;
      }
      const timer = setTimeout(() => this.#settle(token, { kind: 'silence' }), timeoutMs);
      this.#asked.set(token, { subject, settle, timer });
    });
  }

  #take(error: Error | null, message: Msg): void {
    if (error !== null) return; // the subscription was refused: questions end in silence, the link reports the error
    const noResponders = message.data.length === 0 && message.headers?.code === 503;
    const token = message.subject.slice(this.#prefix.length);
    this.#settle(token, noResponders ? { kind: 'noResponders' } : { kind: 'answer', message });
  }

  #settle(token: string, answer: Answer): void {
    const question = this.#asked.get(token);
    if (question === undefined) return;
    this.#asked.delete(token);
    clearTimeout(question.timer);
    question.settle(answer);
  }

  #settleAll(answer: Answer, concerned: (subject: string) => boolean): void {
    for (const [token, question] of this.#asked) if (concerned(question.subject)) this.#settle(token, answer);
  }
}
