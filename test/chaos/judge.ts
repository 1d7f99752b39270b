// What a chaos run proved, from what its participants wrote down and nothing else: pure, by sets of tokens, jobs, records and
// revisions. Each question has a file of its own (judge/); here they are put together. It judges for the system only where
// what was done to it explains what was seen (judge/disturbances.ts), and what no witness can tell is a doubt, named and
// counted, but no breach. A history that says too little is a breach too: silence proves nothing.
import type { Event, Kind } from './history.ts';
import { ClaimHistory } from './judge/claim-history.ts';
import { Disturbances } from './judge/disturbances.ts';
import { judgeSentAfterEnd } from './judge/ends.ts';
import { judgeEngineCalls } from './judge/engine-calls.ts';
import { type Breach, Evidence, type Finding, type Offence, percentile } from './judge/evidence.ts';
import { type InstanceFigures, judgeInstances } from './judge/instances.ts';
import { judgeOwnership } from './judge/ownership.ts';
import { judgeRepeats, type RepeatFigures } from './judge/repeats.ts';
import { type Takeover, takeovers } from './judge/takeovers.ts';

export interface Verdict {
  readonly run: Event<'run'>;
  /** Empty: everything that was promised was kept. In the order of time. */
  readonly breaches: readonly Breach[];
  readonly doubts: readonly Breach[];
  readonly figures: Figures;
}

export interface Figures extends InstanceFigures, RepeatFigures {
  readonly completedTwice: number;
  /** Calls and ownership by two at once, or by nobody's right. */
  readonly overlaps: number;
  /** Fewest and most at a time, as wanted. */
  readonly nodes: readonly [fewest: number, most: number];
  /** How often each was done; of a link by what is at its other end, as `cut-nats`. */
  readonly faults: Readonly<Record<string, number>>;
  readonly takeovers: readonly Takeover[];
  readonly takeoverP50Ms: number | undefined;
  readonly takeoverP99Ms: number | undefined;
  readonly flowingP50Ms: number | undefined;
  readonly flowingP99Ms: number | undefined;
}

const OVERLAPS: readonly Offence[] = [
  'actedWithoutClaim',
  'actedBeforeOwned',
  'ownedTogether',
  'ownedWithoutClaim',
  'claimWithoutCas',
];

/** @param events of all participants, in any order. @throws when the history does not name its run */
export function judge(events: readonly Event[]): Verdict {
  const evidence = new Evidence(events);
  const claims = new ClaimHistory(evidence);
  const disturbances = new Disturbances(evidence.of('fault'), evidence.of('lost'));
  const instances = judgeInstances(evidence);
  const calls = judgeEngineCalls(evidence, claims, disturbances);
  const ownership = judgeOwnership(evidence, claims, disturbances);
  const repeats = judgeRepeats(evidence, claims, disturbances);

  const sentAfterEnd = judgeSentAfterEnd(evidence, claims, disturbances);

  const findings: readonly Finding[] = [
    instances,
    calls,
    ownership,
    repeats,
    sentAfterEnd,
    { breaches: [...accidents(evidence), ...silence(evidence)] },
  ];
  const inTime = (found: readonly Breach[]) => found.toSorted((a, b) => a.atMs - b.atMs);
  const breaches = inTime(findings.flatMap((finding) => finding.breaches));
  const doubts = inTime(findings.flatMap((finding) => finding.doubts ?? []));
  const count = (...kinds: readonly Offence[]) => breaches.filter(({ what }) => kinds.includes(what)).length;

  const nodes = [evidence.run.nodes, ...evidence.of('scaled').map((scaled) => scaled.nodes)];
  const taken = takeovers(evidence, claims);
  const owned = taken.flatMap(({ ownedMs }) => ownedMs ?? []);
  const flowing = taken.flatMap(({ flowingMs }) => flowingMs ?? []);
  return {
    run: evidence.run,
    breaches,
    doubts,
    figures: {
      ...instances.figures,
      ...repeats.figures,
      completedTwice: count('completedTwice'),
      overlaps: count(...OVERLAPS),
      nodes: [Math.min(...nodes), Math.max(...nodes)],
      faults: faultCounts(evidence),
      takeovers: taken,
      takeoverP50Ms: percentile(owned, 0.5),
      takeoverP99Ms: percentile(owned, 0.99),
      flowingP50Ms: percentile(flowing, 0.5),
      flowingP99Ms: percentile(flowing, 0.99),
    },
  };
}

function faultCounts(evidence: Evidence): Figures['faults'] {
  const counts: Record<string, number> = {};
  for (const { what, server, phase } of evidence.of('fault')) {
    if (phase !== 'begin') continue;
    const name = server === undefined ? what : `${what}-${server}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** The bucket was never restored or made anew, so nobody may say so; and a process ends when it is told to, or killed. */
function accidents(evidence: Evidence): Breach[] {
  return [
    ...evidence
      .of('lost')
      .filter(({ alarm }) => alarm)
      .map((event): Breach => {
        const message = `${event.node} raised the alarm of a lost bucket`;
        return { what: 'alarm', atMs: event.atMs, message, events: [event] };
      }),
    ...evidence.of('died').map((event): Breach => {
      const message = `${event.node} ended by itself (code ${event.code}, signal ${event.signal})`;
      return { what: 'died', atMs: event.atMs, message, events: [event] };
    }),
  ];
}

const WITNESSES: Readonly<Record<string, readonly Kind[]>> = {
  driver: ['started', 'passed'],
  engine: ['call'],
  service: ['requested', 'replied'],
  bucket: ['claimed', 'sent', 'held', 'ended'],
  nodes: ['joined', 'owned', 'emitted'],
};

/** A participant that saw nothing, or a run that was broken off. */
function silence(evidence: Evidence): Breach[] {
  const atMs = evidence.events.at(-1)?.atMs ?? 0;
  const silent = Object.entries(WITNESSES).flatMap(([witness, kinds]) =>
    kinds
      .filter((kind) => evidence.of(kind).length === 0)
      .map((kind): Breach => ({ what: 'noWitness', atMs, message: `${witness} never said "${kind}"`, events: [] })),
  );
  if (evidence.of('settled').length > 0) return silent;
  const message = 'the run was broken off: it is not known how it would have ended';
  return [...silent, { what: 'neverSettled', atMs, message, events: [] }];
}
