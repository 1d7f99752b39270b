// What happens in a bridge, counted: for Prometheus, for the page's flow, for how long shards took to move.
import type { Lane } from '../actors/ids.ts';
import type { ActivationAnswer, RequestOutcome } from '../actors/messages.ts';
import type { ClusterEvent } from '../cluster/events.ts';
import type { Metrics } from './metrics.ts';
import type { Flow } from './operations/flow.ts';
import type { RepliesEvent } from './replies/replies-options.ts';
import type { ShardTimes } from './shard-times.ts';

export class BridgeCounts {
  readonly #metrics: Metrics;
  readonly #flow: Flow;
  readonly #shardTimes: ShardTimes;

  constructor(metrics: Metrics, flow: Flow, shardTimes: ShardTimes) {
    this.#metrics = metrics;
    this.#flow = flow;
    this.#shardTimes = shardTimes;
  }

  hold(lane: Lane, answer: ActivationAnswer): void {
    this.#metrics.hold(lane, answer);
    this.#flow.hold(lane, answer);
  }

  request(lane: Lane, outcome: RequestOutcome['kind']): void {
    this.#metrics.request(lane, outcome);
    this.#flow.request(outcome);
  }

  clusterEvent(event: ClusterEvent): void {
    switch (event.kind) {
      case 'joining':
        this.#metrics.incarnation();
        this.#shardTimes.tell(event);
        break;
      case 'shard':
        this.#shardTimes.tell(event);
        break;
      case 'rehydrated':
        this.#metrics.rehydrated(event.jobs);
        if (event.republished > 0) this.#metrics.republished(event.republished);
        break;
      case 'takeover':
        this.#metrics.takeover();
        this.#shardTimes.tell(event);
        break;
      case 'conflict':
        this.#metrics.casConflict();
        break;
      case 'stored':
        if (event.snapshot.kind === 'ended' && event.snapshot.outcome !== undefined) {
          const { lane, outcome, endedAtMs, heldAtMs } = event.snapshot;
          this.#metrics.outcome(lane, outcome, endedAtMs - heldAtMs);
          this.#flow.outcome(lane, outcome);
        }
        break;
    }
  }

  repliesEvent(event: RepliesEvent): void {
    if (event.kind !== 'settled') return;
    const { outcome } = event;
    switch (outcome) {
      case 'applied':
      case 'duplicate':
      case 'latePublished':
      case 'lateDropped':
        this.#metrics.reply(outcome);
        this.#flow.reply(outcome);
        break;
      case 'late':
      case 'unknown':
      case 'forged':
      case 'unreadable':
        this.#metrics.reply(outcome);
        this.#metrics.deadLetter(outcome);
        break;
      default:
        this.#metrics.reply('malformed');
        this.#metrics.deadLetter(outcome);
    }
  }
}
