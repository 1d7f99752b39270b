// An actor: state that only its own `receive` touches, one message at a time.
//
// `receive` may be async; the next message waits until it has settled, so "read, wait, write" is safe. What it returns
// goes to whoever asked, what it throws too. The kernel keeps nothing per actor but one small object (actor-cell.ts), and
// an actor adds no closures: hundreds of thousands of them sit idle.

/**
 * After an error, what becomes of the actor. The message that failed is over in any case.
 *  - `Restart`: shut down and start again on the same object (all four hooks); waiting messages stay.
 *  - `Resume`: keep the state as it is and take the next message.
 *  - `Shutdown`: stop; waiting messages are refused.
 */
export type Supervision = 'Restart' | 'Resume' | 'Shutdown';

export abstract class Actor<M, R = void> {
  /** Handles one message; what it returns or throws is the asker's answer. */
  abstract receive(message: M): R | Promise<R>;

  /** Sets the state up, also anew at each restart. Messages wait until it is done; when it throws, the actor stops. */
  beforeStart?(): void | Promise<void>;
  /** Runs when the state is set up, before the first message. */
  afterStart?(): void | Promise<void>;
  /** Runs when the message in flight is done; no other will come. */
  beforeShutdown?(): void | Promise<void>;
  /** Releases what the actor holds; runs also when a start failed. Only then is its name free. */
  afterShutdown?(): void | Promise<void>;

  /** What becomes of this actor after `receive` threw `error`; without this method: Restart. */
  onError?(error: unknown): Supervision;
}

/** The address of an actor, and all that others see of it. */
export interface ActorRef<M, R = void> {
  readonly name: string;
  /**
   * Hands over a message and expects nothing back.
   * @throws MailboxFull, ActorStopped when the message was not taken
   */
  send(message: M): void;
  /**
   * Hands over a message and resolves with the answer. Never await an actor that waits for you: only the deadline ends it.
   * @param timeoutMs the deadline, a duration; without it the system's; Infinity: none
   * @throws (rejects) MailboxFull, ActorStopped, AskTimeout, or what the actor threw
   */
  ask(message: M, timeoutMs?: number): Promise<R>;
}
