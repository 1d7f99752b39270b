// Commands between members over core NATS: at most once, and never late. While disconnected a publish is dropped and a
// request answered with silence; the sender asks again when it must (a command has no other store than its sender).
import type { Bus, BusAnswer, BusMessage } from '../ports.ts';
import type { NatsLink } from './connection.ts';
import type { Inbox } from './inbox.ts';

export class NatsBus implements Bus {
  readonly #link: NatsLink;
  readonly #inbox: Inbox;

  constructor(link: NatsLink, inbox: Inbox) {
    this.#link = link;
    this.#inbox = inbox;
  }

  connected(): boolean {
    return this.#link.connected();
  }

  onConnection(listener: (connected: boolean) => void): () => void {
    return this.#link.onConnection(listener);
  }

  /** Drops, and reports, what is larger than `maxPayloadBytes()`: the sender splits by bytes. */
  publish(subject: string, data: Uint8Array): void {
    if (!this.#link.connected()) return;
    this.#link.guarded(`publish to ${subject}`, () => this.#link.nc.publish(subject, data));
  }

  async request(subject: string, data: Uint8Array, timeoutMs: number): Promise<BusAnswer> {
    const answer = await this.#inbox.ask(subject, data, timeoutMs);
    if (answer.kind === 'answer') return { kind: 'answer', data: answer.message.data };
    return answer.kind === 'noResponders' ? { kind: 'noResponders' } : { kind: 'silence' };
  }

  subscribe(subject: string, handler: (message: BusMessage) => Uint8Array | undefined): () => void {
    const subscription = this.#link.nc.subscribe(subject, {
      callback: (error, message) => {
        if (error !== null) return; // refused by the server: the link reports it
        this.#link.guarded(`handler of ${subject}`, () => {
          const reply = message.reply ?? '';
          const result = handler({ subject: message.subject, data: message.data, reply });
          if (result !== undefined && reply !== '') this.publish(reply, result);
        });
      },
    });
    return () => subscription.unsubscribe();
  }

  maxPayloadBytes(): number {
    return this.#link.maxPayloadBytes();
  }
}
