// Questions over core NATS with one shared inbox: each question carries `<inbox>.<n>` as its reply subject and one
// wildcard subscription takes all answers. Everything that waits for an answer goes through here: requests to members,
// writes and API calls to JetStream. The client's own publisher for JetStream costs several times the CPU.
// Questions of one turn of the event loop leave together: the client writes to its socket after every callback, and under load
// those writes are most of what a question costs.
// What must hold: every question is settled exactly once, within its timeout, and at once when the connection breaks; and
// while disconnected nothing is handed to the client, which would send it later.
import { createInbox, type Msg, type MsgHdrs } from '@nats-io/transport-node';
import { PassingMap } from '../../actors/passing-map.ts';
import type { NatsLink } from './connection.ts';

export type Answer =
  | { readonly kind: 'answer'; readonly message: Msg }
  /** The server says that nobody listens on that subject. */
  | { readonly kind: 'noResponders' }
  | { readonly kind: 'silence' }
  /** Not connected, or cut off while waiting. */
  | { readonly kind: 'disconnected'; readonly asked: boolean }
  /** Refused before it reached anybody: too large, or no permission. */
  | { readonly kind: 'denied'; readonly reason: string };

interface Question {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers: MsgHdrs | undefined;
  readonly settle: (answer: Answer) => void;
  readonly timer: NodeJS.Timeout;
}

export class Inbox {
  readonly #link: NatsLink;
  readonly #prefix: string;
  readonly #asked = new PassingMap<string, Question>();
  /** Asked in this turn, not handed to the client yet. */
  #unsent: string[] = [];
  #count = 0;

  constructor(link: NatsLink) {
    this.#link = link;
    this.#prefix = `${createInbox(link.inboxPrefix)}.`;
    link.nc.subscribe(`${this.#prefix}*`, { callback: (error, message) => this.#take(error, message) });
    link.onConnection((connected) => {
      if (!connected) this.#settleAll({ kind: 'disconnected', asked: true }, () => true);
    });
    link.onDenied((denied) =>
      this.#settleAll({ kind: 'denied', reason: `no permission to publish to ${denied}` }, (s) => s === denied),
    );
  }

  /** Asks once; never throws. */
  ask(subject: string, data: Uint8Array, timeoutMs: number, headers?: MsgHdrs): Promise<Answer> {
    if (!this.#link.connected()) return Promise.resolve({ kind: 'disconnected', asked: false });
    return new Promise((settle) => {
      const token = (++this.#count).toString(36);
      const timer = setTimeout(() => this.#settle(token, { kind: 'silence' }), timeoutMs);
      this.#asked.set(token, { subject, data, headers, settle, timer });
      if (this.#unsent.push(token) === 1) setImmediate(() => this.#send());
    });
  }

  /** Those that were settled meanwhile are not sent: the connection broke, or the loop stood still for all of their time. */
  #send(): void {
    const tokens = this.#unsent;
    this.#unsent = [];
    for (const token of tokens) {
      const question = this.#asked.get(token);
      if (question === undefined) continue;
      const { subject, data, headers } = question;
      const reply = this.#prefix + token;
      try {
        this.#link.nc.publish(subject, data, headers === undefined ? { reply } : { reply, headers });
      } catch (error) {
        this.#settle(token, { kind: 'denied', reason: (error as Error).message });
      }
    }
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
