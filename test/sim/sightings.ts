// What came up in a simulated world, and how often. A storm in which a rare interleaving never happens proves nothing about
// it, so over a batch of seeds none of these may be zero (`SIGHTS`).
//
// Three sources: the typed events and metrics of the product's nodes, what the simulated servers notice on the way
// (`History.sight`), and one look at the history when it is over.
import { decodeSnapshot } from '../../src/actors/snapshot-codec.ts';
import type { ShardState } from '../../src/cluster/shard-lifecycle.ts';
import type { BridgeEvent } from '../../src/gateway/bridge-ports.ts';
import { type Metrics, NO_METRICS } from '../../src/gateway/metrics.ts';
import type { History } from './history.ts';
import { NAMES, OPERATOR } from './names.ts';

export const SIGHTS = [
  // The bucket.
  'CAS conflict',
  'write without a lease',
  'write after the claim went to another',
  'put in doubt that landed',
  'put that landed after its caller gave up',
  'put turned away, another one being proposed',
  'stale read',
  'watch reset',
  'watch narrowed',
  'watch on a replica that lags',
  // The cluster.
  'node suspected',
  'node dead by its record',
  'takeover',
  'takeover during rehydration',
  'takeover during hand-over',
  'incarnation lost',
  'zombie after pause',
  'replaced process exited',
  // Requests.
  'republish above the watermark',
  'request repeated',
  'attempt reopened',
  'job given back',
  'lock lost and job handed out again',
  'job locked for longer than as a rule',
  // Replies.
  'reply to an attempt not known yet',
  'duplicate absorbed',
  'late reply completed',
  'late reply dead-lettered',
  'late reply published',
  'result stored while the engine was away',
  'unknown dead-lettered',
  'forged dead-lettered',
  'malformed reply failed its attempt',
  'rebalance',
  // The engine.
  'unknown outcome of complete',
  'unknown outcome of fail or throw',
  'complete answered NOT_FOUND',
  'engine answered FAILED_PRECONDITION',
  'cancelled noticed',
  'gone noticed',
  'cancel record sent',
  'reply timeout fired',
  'heartbeat timeout fired',
  'business error thrown',
  'technical error failed',
  'business key taken',
  'request not sent in time',
  // People.
  'resend by hand',
  'extend by hand',
  'complete by hand',
  'fail by hand',
  'throw by hand',
  'drop by hand',
  'drained node gave a shard away',
] as const;

export type Sight = (typeof SIGHTS)[number];

/** As an act is noted in the timeline. */
const ACTED = new RegExp(`^(\\w+) by ${OPERATOR} `);

/** A write that is made to learn whether what is known of a job is old, because of a reply. */
const LATER = /^reply \S+ (is to a later attempt|came under the business key)$/;

/** What one node believes of its shards, per incarnation. */
type Lives = Map<string, Map<number, ShardState>>;

export class Sightings {
  readonly counts = new Map<string, number>(SIGHTS.map((name) => [name, 0]));
  readonly #lives: Lives = new Map();
  readonly #incarnations = new Map<string, string>();

  /** Is this node drained by hand now? */
  drained: (node: string) => boolean = () => false;

  /** For `bridgeNodes`. */
  readonly hooks = {
    onEvent: (node: string, event: BridgeEvent): void => this.#event(node, event),
    metrics: (): Metrics => ({
      ...NO_METRICS,
      casConflict: () => this.#saw('CAS conflict'),
      republished: (count) => this.#saw('republish above the watermark', count),
    }),
  };

  /** Once no more is to come. */
  read(history: History): void {
    for (const [name, times] of history.sights) this.#saw(name as Sight, times);
    this.#readEvents(history);
  }

  #saw(name: Sight, times = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + times);
  }

  #event(node: string, said: BridgeEvent): void {
    if (said.from === 'replies') {
      const { event } = said;
      if (event.kind === 'assigned') this.#saw('rebalance');
      if (event.kind !== 'settled') return;
      if (event.outcome === 'duplicate') this.#saw('duplicate absorbed');
      else if (event.outcome === 'late') this.#saw('late reply dead-lettered');
      else if (event.outcome === 'latePublished') this.#saw('late reply published');
      else if (event.outcome === 'unknown') this.#saw('unknown dead-lettered');
      else if (event.outcome === 'forged') this.#saw('forged dead-lettered');
    } else if (said.from === 'intake') {
      if (said.event.kind === 'gaveBack') this.#saw('job given back');
    } else {
      const { event } = said;
      if (event.kind === 'joining') {
        this.#incarnations.set(node, event.incarnation);
        this.#lives.set(event.incarnation, new Map());
      } else if (event.kind === 'lost') this.#saw('incarnation lost');
      else if (event.kind === 'conflict') {
        if (LATER.test(event.snapshot.timeline.at(-1)?.what ?? '')) this.#saw('reply to an attempt not known yet');
      } else if (event.kind === 'suspected') this.#saw('node suspected');
      else if (event.kind === 'dead') this.#saw('node dead by its record');
      else if (event.kind === 'shard') {
        this.#lives.get(this.#incarnations.get(node) ?? '')?.set(event.shard, event.to);
        if (event.from === 'draining' && event.to === 'released' && this.drained(node))
          this.#saw('drained node gave a shard away');
      } else if (event.kind === 'takeover') {
        this.#saw('takeover');
        const stood = this.#lives.get(event.from)?.get(event.shard);
        if (stood === 'acquiring' || stood === 'rehydrating') this.#saw('takeover during rehydration');
        else if (stood === 'draining') this.#saw('takeover during hand-over');
      }
    }
  }

  #readEvents(history: History): void {
    const jobs = new Map<string, { kind: string; attempt: number }>();
    const results = new Map<string, number>();
    const sent = new Set<string>();
    const handedOut = new Set<string>();
    for (const event of history.events) {
      if (event.kind === 'stored') {
        const jobKey = /^\d+\.(\d+)$/.exec(event.key)?.[1];
        if (jobKey === undefined) continue;
        const { kind, attempt, outcome, failing, timeline } = decodeSnapshot(event.value);
        const [, act] = ACTED.exec(timeline.at(-1)?.what ?? '') ?? [];
        if (act !== undefined) this.#saw(`${act} by hand` as Sight);
        const before = jobs.get(jobKey);
        jobs.set(jobKey, { kind, attempt });
        if (kind === 'held' && attempt > 1 && attempt !== before?.attempt) this.#saw('attempt reopened');
        else if (kind === 'replied') this.#saw('result stored while the engine was away');
        else if (kind === 'ended') {
          if (outcome === 'cancelled') this.#saw('cancelled noticed');
          else if (outcome === 'gone') this.#saw('gone noticed');
        } else if (kind === 'failing' && failing !== undefined) {
          const why = WHY[failing.why];
          if (why !== undefined) this.#saw(why);
        }
      } else if (event.kind === 'replied' && event.meant === 'result') {
        results.set(`${event.jobKey} ${event.said}`, event.attempt ?? 0);
      } else if (event.kind === 'accepted' && event.command === 'complete') {
        const job = jobs.get(event.jobKey);
        const said = /^\{"served":(\d+),/.exec(event.payload)?.[1];
        const attempt = results.get(`${event.jobKey} reply ${said}`);
        if (job !== undefined && attempt !== undefined && attempt < job.attempt) this.#saw('late reply completed');
      } else if (event.kind === 'answered') {
        if (event.command === 'complete' && event.code === 'notFound') this.#saw('complete answered NOT_FOUND');
        if (event.code === 'failedPrecondition') this.#saw('engine answered FAILED_PRECONDITION');
      } else if (event.kind === 'written' && event.topic === NAMES.requestTopic) {
        const id = `${event.jobKey}/${event.attempt}`;
        if (event.value === undefined) this.#saw('cancel record sent');
        else if (sent.has(id)) this.#saw('request repeated');
        else sent.add(id);
      } else if (event.kind === 'activated') {
        const held = jobs.get(event.jobKey)?.kind === 'held' && handedOut.has(event.jobKey);
        if (held) this.#saw('lock lost and job handed out again');
        handedOut.add(event.jobKey);
      } else if (event.kind === 'fault' && event.what.startsWith('the replaced process: exit'))
        this.#saw('replaced process exited');
    }
  }
}

const WHY: Readonly<Record<string, Sight>> = {
  malformed: 'malformed reply failed its attempt',
  replyTimeout: 'reply timeout fired',
  heartbeatTimeout: 'heartbeat timeout fired',
  businessError: 'business error thrown',
  technicalError: 'technical error failed',
  businessKeyTaken: 'business key taken',
  notSent: 'request not sent in time',
};
