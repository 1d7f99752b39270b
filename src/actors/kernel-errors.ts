// What the kernel says to whoever sent or asked. Errors that an actor throws itself travel to the asker as they are.

/** The actor has as many messages waiting as it may; nothing was taken. Try again when it has caught up. */
export class MailboxFull extends Error {
  readonly code = 'MAILBOX_FULL';
  readonly retryable = true;
  constructor(actor: string, limit: number) {
    super(`actor ${actor} has ${limit} messages waiting, its limit; try again later`);
  }
}

/** No answer within the asker's deadline. The message may have been handled all the same, or may still be. */
export class AskTimeout extends Error {
  readonly code = 'ASK_TIMEOUT';
  readonly retryable = true;
  constructor(actor: string, timeoutMs: number) {
    super(`actor ${actor} did not answer within ${timeoutMs} ms; it may still handle the message`);
  }
}

/** The actor takes no more messages; this one was not handled. `cause`: what stopped it, when it was an error. */
export class ActorStopped extends Error {
  readonly code = 'ACTOR_STOPPED';
  readonly retryable = false;
  constructor(actor: string, cause?: unknown) {
    super(`actor ${actor} is stopped; find or spawn it anew`, { cause });
  }
}

/** An actor of that name lives, or has not finished stopping. */
export class NameTaken extends Error {
  readonly code = 'NAME_TAKEN';
  readonly retryable = false;
  constructor(actor: string) {
    super(`an actor named ${actor} exists; find it, or wait until it has stopped`);
  }
}
