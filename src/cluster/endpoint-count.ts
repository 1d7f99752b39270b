// What one subject of a node was asked, and how that went: for NATS's own service monitoring (nats/service.ts). Plain numbers, for
// they are counted at every command.

export class EndpointCount {
  requests = 0;
  /** Of these, those that got no answer of the job's owner. */
  errors = 0;
  /** Added up over all of them. */
  processingMs = 0;
  /** '' when there was none. */
  lastError = '';

  done(tookMs: number): void {
    this.processingMs += tookMs;
  }

  failed(why: string): void {
    this.errors += 1;
    this.lastError = why;
  }
}

export interface Endpoint {
  readonly name: string;
  readonly subject: string;
  readonly count: EndpointCount;
}
