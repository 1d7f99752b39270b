// The commands that end a job, as they passed in front of the engine. Was a job completed again although its node had been
// told and could make use of that; was it ended again after its end had been stored; did everything that a service answered
// go this way; and did each command come from a node whose claim on the job's shard stood, and which had loaded the shard?
import { type CompleteCall, completedTwice, unanswered } from '../../../deploy/demo/complete-calls.ts';
import type { Event } from '../history.ts';
import type { ClaimHistory } from './claim-history.ts';
import { actedWhileCutOff } from './cut-off.ts';
import { type Act, couldKnow, type Disturbances } from './disturbances.ts';
import { Emissions } from './emissions.ts';
import { actedAfterEnd, endsForGood } from './ends.ts';
import type { Breach, Evidence, Finding } from './evidence.ts';
import { Rights } from './rights.ts';

/** A node that is stopped or cut off sooner after an answer, or was about to give the call up, has not made use of it. */
const HEARD_AFTER_MS = 1_000;

type Call = Event<'call'>;

export function judgeEngineCalls(evidence: Evidence, claims: ClaimHistory, disturbances: Disturbances): Finding {
  const calls = evidence.of('call').toSorted((a, b) => a.sentMs - b.sentMs);
  const repliedMs = firstReplies(evidence);
  const emissions = new Emissions(evidence);
  const again = completedAgain(calls, disturbances, repliedMs, emissions, evidence.run.leaseTtlMs);
  const cutOff = actedWhileCutOff(calls, disturbances, evidence.run.leaseTtlMs);
  const breaches = [...again.breaches, ...unseen(evidence, calls), ...cutOff];
  const doubts = [...again.doubts];
  const rights = new Rights(evidence, claims);
  const ends = endsForGood(evidence);
  for (const call of calls) {
    for (const suspicion of [actedAfterEnd(call, ends.get(call.jobKey)), rights.suspicion(call)]) {
      if (suspicion === undefined) continue;
      const { what, message, events, changedMs } = suspicion;
      const causeMs = call.command === 'CompleteJob' ? repliedMs.get(call.jobKey) : undefined;
      const act: Act = { node: call.node, changedMs, actedMs: call.sentMs, causeMs, emittedMs: emissions.ofMs(call) };
      const answer = couldKnow(act, disturbances, evidence.run.leaseTtlMs);
      if (answer === 'innocent') continue;
      const breach = { what, atMs: call.sentMs, jobKey: call.jobKey, message, events: [...events, call] };
      (answer === 'doubt' ? doubts : breaches).push(breach);
    }
  }
  return { breaches, doubts };
}

/** A command that left when its node went on after a stop may be older than the answer: a doubt. */
function completedAgain(
  calls: readonly Call[],
  disturbances: Disturbances,
  repliedMs: ReadonlyMap<string, number>,
  emissions: Emissions,
  leaseTtlMs: number,
): Required<Finding> {
  const completions = calls.filter(({ command }) => command === 'CompleteJob');
  const breaches: Breach[] = [];
  const doubts: Breach[] = [];
  for (const [jobKey, ofJob] of Map.groupBy(completions, ({ jobKey }) => jobKey)) {
    const [, again] = ofJob;
    if (again === undefined || !twice(ofJob, disturbances, leaseTtlMs)) continue;
    const message = `${again.node} completed it again after its node had been told that it is done`;
    const breach: Breach = { what: 'completedTwice', atMs: again.sentMs, jobKey, message, events: ofJob };
    const causeMs = repliedMs.get(jobKey);
    // What left on waking was sent when its log says; where that does not tell, it may have been at any time.
    const certain = ofJob.flatMap((call) => {
      const emittedMs = emissions.ofMs(call);
      if (!disturbances.leftOnWaking({ node: call.node, actedMs: call.sentMs, causeMs, emittedMs })) return [call];
      return emittedMs === undefined ? [] : [{ ...call, sentMs: emittedMs }];
    });
    (twice(certain, disturbances, leaseTtlMs) ? breaches : doubts).push(breach);
  }
  return { breaches, doubts };
}

/** By job, when a service first answered: no completion was on its way before that. */
function firstReplies(evidence: Evidence): ReadonlyMap<string, number> {
  const jobs = new Map(evidence.of('requested').map(({ correlationId, jobKey }) => [correlationId, jobKey]));
  const first = new Map<string, number>();
  for (const { correlationId, atMs } of evidence.of('replied')) {
    const jobKey = jobs.get(correlationId);
    if (jobKey !== undefined && !first.has(jobKey)) first.set(jobKey, atMs);
  }
  return first;
}

function twice(ofJob: readonly Call[], disturbances: Disturbances, leaseTtlMs: number): boolean {
  const witnessed = ofJob.map((call, connection) => {
    const seen: CompleteCall = {
      ...{ node: call.node, connection, jobKey: call.jobKey, sentMs: call.sentMs, timeoutMs: call.timeoutMs },
      ...(call.code !== undefined && { status: call.code }),
      ...(call.answeredMs !== undefined && { answeredMs: call.answeredMs }),
    };
    return wasHeard(call, disturbances, leaseTtlMs) ? seen : unanswered(seen);
  });
  return completedTwice(witnessed, (connection) => ofJob[connection]?.closedMs).size > 0;
}

/** By a node that ran, and could write down what it had heard; whoever loses its lease has heard nothing of JetStream for about a TTL. */
function wasHeard(
  { node, sentMs, timeoutMs, answeredMs }: Call,
  disturbances: Disturbances,
  leaseTtlMs: number,
): boolean {
  if (answeredMs === undefined) return false;
  if (answeredMs > sentMs + (timeoutMs ?? Number.POSITIVE_INFINITY) - HEARD_AFTER_MS) return false;
  if (disturbances.lost(node, sentMs, answeredMs + leaseTtlMs)) return false;
  const untilMs = answeredMs + HEARD_AFTER_MS;
  if (disturbances.felt(node, ['process'], sentMs, untilMs).length > 0) return false;
  return disturbances.felt(node, ['nats'], answeredMs, untilMs).length === 0;
}

/** Whoever passed was completed by a call that was seen; else there is a way to the engine that nobody watches. */
function unseen(evidence: Evidence, calls: readonly Call[]): Breach[] {
  const completed = new Set(calls.filter(({ command }) => command === 'CompleteJob').map(({ jobKey }) => jobKey));
  const seen = new Set<string>();
  for (const { jobKey, token } of evidence.of('requested')) if (completed.has(jobKey)) seen.add(token);
  const passed = evidence.of('passed').filter(({ token }) => !seen.has(token));
  return passed.map((event) => {
    const message = 'passed, and neither a request nor a completion of its job was seen';
    return { what: 'noWitness', atMs: event.atMs, token: event.token, message, events: [event] };
  });
}
