// How long each part of a call takes, as the owner of its job sees it:
//
//   activated ── hold ──▶ stored ── publish ──▶ acknowledged ── service ──▶ replied ── complete ──▶ completed
//       └────────────────────────── call ──────────────────────────────────────┘
//       └────────────────────────── whole ─────────────────────────────────────────────────────────────┘
//
// Kept beside the job for as long as it is warm (upkeep.ts), and told of results that the engine took at the first try:
// what waits for longer, or moves to another node, is seen in hold_duration_seconds, which comes from the snapshot.

/** `service` includes the way there and back through Kafka, and begins before Kafka's acknowledgement when the reply is sooner. */
export const LEGS = ['hold', 'publish', 'service', 'complete', 'call', 'whole'] as const;
export type Leg = (typeof LEGS)[number];

export class Legs {
  readonly #activatedMs: number;
  #storedMs: number | undefined;
  #ackedMs: number | undefined;
  #repliedMs: number | undefined;

  constructor(nowMs: number) {
    this.#activatedMs = nowMs;
  }

  stored(nowMs: number): void {
    this.#storedMs ??= nowMs;
  }

  acked(nowMs: number): void {
    this.#ackedMs ??= nowMs;
  }

  /** A result has come, and goes to the engine. */
  replied(nowMs: number): void {
    this.#repliedMs = nowMs;
  }

  completed(nowMs: number, tell: (leg: Leg, ms: number) => void): void {
    const [activated, stored, replied] = [this.#activatedMs, this.#storedMs, this.#repliedMs];
    if (stored === undefined || replied === undefined) return;
    tell('hold', stored - activated);
    // The service may be faster than Kafka's acknowledgement.
    const acked = Math.min(this.#ackedMs ?? replied, replied);
    tell('publish', acked - stored);
    tell('service', replied - acked);
    tell('complete', nowMs - replied);
    tell('call', replied - activated);
    tell('whole', nowMs - activated);
  }
}
