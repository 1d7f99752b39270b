// Messages waiting for one actor, first in, first out. A linked list: taking the first is cheap at any length, and an
// empty mailbox holds nothing. An actor has a mailbox only while it has something to do.

export interface Envelope<M, R> {
  readonly message: M;
  /** Who asked; undefined for `send`. */
  readonly asker: Asker<R> | undefined;
}

export interface Asker<R> {
  resolve(answer: R): void;
  reject(error: unknown): void;
}

interface Link<E> {
  readonly envelope: E;
  next: Link<E> | undefined;
}

export class Mailbox<E> {
  #first: Link<E> | undefined;
  #last: Link<E> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(envelope: E): void {
    const link: Link<E> = { envelope, next: undefined };
    if (this.#last) this.#last.next = link;
    else this.#first = link;
    this.#last = link;
    this.#size++;
  }

  shift(): E | undefined {
    const link = this.#first;
    if (!link) return undefined;
    this.#first = link.next;
    if (!link.next) this.#last = undefined;
    this.#size--;
    return link.envelope;
  }
}
