// The life of a shard on one node, as a table. Desired and actual are separate: this is the actual side.
//
//   released ──claim──▶ acquiring ──acknowledged──▶ rehydrating ──barrier──▶ owned ──release──▶ draining ──CAS──▶ released
//
// Only `owned` answers commands. Any state ends in `released` when the claim turns out to be another's; `lost` is not a
// state of a shard but the end of the whole incarnation: everything is forgotten and nothing answered.
export type ShardState = 'released' | 'acquiring' | 'rehydrating' | 'owned' | 'draining';

export type ShardEvent =
  /** Placement wants it here and its claim may be taken: a CAS is on its way. */
  | 'claim'
  /** The CAS was refused, or failed for good. */
  | 'claimRefused'
  | 'claimAcknowledged'
  /** Own claim seen by the wave's consumer, and pending was 0 once. */
  | 'barrierPassed'
  /** The target of placement asks for it, or this node leaves. */
  | 'release'
  /** Mailboxes empty, nothing unacknowledged, nothing in doubt, watermark flushed, claim released by CAS. */
  | 'drained'
  /** The claim names somebody else. */
  | 'claimLost';

const TRANSITIONS: Readonly<Record<ShardState, Partial<Record<ShardEvent, ShardState>>>> = {
  released: { claim: 'acquiring' },
  acquiring: { claimRefused: 'released', claimAcknowledged: 'rehydrating', claimLost: 'released' },
  rehydrating: { barrierPassed: 'owned', claimLost: 'released', release: 'draining' },
  owned: { release: 'draining', claimLost: 'released' },
  draining: { drained: 'released', claimLost: 'released' },
};

/** The next state, or undefined when the event means nothing in this one. */
export function shardTransition(state: ShardState, event: ShardEvent): ShardState | undefined {
  return TRANSITIONS[state][event];
}
