// May this node act now? As it must itself know it, but seen from outside: from its writes to the bucket and their answers alone.
//
// The lease counts from when the renewal of its member record was sent that was then acknowledged, by an answer or by a
// refusal that names what it had sent itself. A new incarnation in that record begins with nothing. In doubt this judges
// for the node: what it takes for a renewal is never later than what the node can have heard, and never shorter.
import type { Incarnation, NodeName, Revision } from '../../src/actors/ids.ts';
import { parseMember } from '../../src/cluster/member-record.ts';
import { memberKey } from '../../src/cluster/names.ts';
import type { KvPutAnswer } from '../../src/cluster/ports.ts';
import type { ClockView } from '../support/manual-clock.ts';

/** As the design has them (§6), not as the code under test does. */
const LEASE_MARGIN_MS = 2_000;
const CUT_OFF_AFTER_MS = 1_000;

interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export class RightToAct {
  /** What the node was told; a node without a lease is only ever cut off. */
  leaseTtlMs = Number.POSITIVE_INFINITY;
  readonly #clock: ClockView;
  readonly #memberKey: string;
  readonly #connected: () => boolean;
  #incarnation: Incarnation | undefined;
  /** The latest renewal, and when it was first sent. */
  #renewal: { readonly value: Uint8Array; readonly sent: Moment } | undefined;
  #renewed: Moment | undefined;
  /**
   * The one before, while the node may not know of the latest yet: a refusal only names a revision, and the node has to read
   * what stands there. With a wall clock that was set to and fro meanwhile, the earlier one may be the one that lasts longer.
   */
  #renewedBefore: Moment | undefined;
  /** A renewal was acknowledged after the lease had ended: it stays void. */
  #void = false;
  /** Since when writes have had no answer, by key, monotonic ms. */
  readonly #unanswered = new Map<string, number>();

  constructor(node: string, clock: ClockView, connected: () => boolean) {
    this.#clock = clock;
    this.#memberKey = memberKey(node as NodeName);
    this.#connected = connected;
  }

  /** It sends a write. Tell what is returned of the answer; `at` is what stands at the revision that a refusal names. */
  writes(
    key: string,
    value: Uint8Array,
  ): (answer: KvPutAnswer, at: (revision: Revision) => Uint8Array | undefined) => void {
    const incarnation = key === this.#memberKey ? this.#renews(value) : undefined;
    if (!this.#unanswered.has(key)) this.#unanswered.set(key, this.#clock.monotonicMs());
    const renewal = this.#renewal;
    return (answer, at) => {
      if (answer.kind === 'inDoubt' || answer.kind === 'notSent') return;
      this.#unanswered.delete(key);
      if (incarnation === undefined || incarnation !== this.#incarnation || renewal === undefined) return;
      const ours = answer.kind === 'refused' && Buffer.compare(at(answer.revision) ?? Buffer.of(), value) === 0;
      if (answer.kind === 'stored' || ours) this.#acknowledged(renewal.sent, ours);
    };
  }

  /** Why an effect that leaves now, and may be under way for `takesMs`, must not; '' when it may. */
  barred(takesMs = 0): string {
    if (!this.#connected()) return 'while cut off from NATS';
    if (this.leaseTtlMs === Number.POSITIVE_INFINITY) return '';
    const leftMs = this.#void ? 0 : this.#leftMs();
    if (leftMs <= 0) return 'without a lease';
    if (takesMs > leftMs) return `for ${takesMs} ms with ${leftMs} ms of its lease left`;
    const nowMs = this.#clock.monotonicMs();
    for (const [key, sinceMs] of this.#unanswered) {
      if (nowMs - sinceMs > CUT_OFF_AFTER_MS) {
        return `with its write of ${key} unanswered for ${nowMs - sinceMs} ms`;
      }
    }
    return '';
  }

  #renews(value: Uint8Array): Incarnation | undefined {
    const incarnation = parseMember(value)?.incarnation;
    if (incarnation !== this.#incarnation) {
      this.#incarnation = incarnation;
      this.#renewal = undefined;
      this.#renewed = undefined;
      this.#renewedBefore = undefined;
      this.#void = false;
      // Writes of the life before: nobody asks for them again.
      this.#unanswered.clear();
    }
    if (this.#renewal === undefined || Buffer.compare(this.#renewal.value, value) !== 0) {
      const sent = { monotonicMs: this.#clock.monotonicMs(), wallMs: this.#clock.wallMs() };
      this.#renewal = { value, sent };
      this.#renewedBefore = undefined;
    }
    return incarnation;
  }

  #acknowledged(sent: Moment, byRefusal: boolean): void {
    // Of an earlier one: its answer was overtaken.
    if (this.#renewed !== undefined && sent.monotonicMs <= this.#renewed.monotonicMs) return;
    if (this.#renewed !== undefined && this.#leftMs() <= 0) this.#void = true;
    this.#renewedBefore = byRefusal ? this.#renewed : undefined;
    this.#renewed = sent;
  }

  #leftMs(): number {
    return Math.max(0, ...[this.#renewed, this.#renewedBefore].map((sent) => this.#leftSinceMs(sent)));
  }

  #leftSinceMs(sent: Moment | undefined): number {
    if (sent === undefined) return 0;
    const validMs = this.leaseTtlMs - Math.min(LEASE_MARGIN_MS, this.leaseTtlMs / 5);
    return Math.min(
      sent.monotonicMs + validMs - this.#clock.monotonicMs(),
      sent.wallMs + validMs - this.#clock.wallMs(),
    );
  }
}
