// When instances are to be started. Open loop: at times that the plan alone decides, so that a slow system finds as many
// arrivals as a fast one, and its delay is counted from when an arrival was due. Closed loop: the next one when one has
// ended, which measures what a system can do at most and says nothing of latency.

/** So many seconds, from one rate to the other. */
export interface Phase {
  readonly seconds: number;
  readonly fromPerSecond: number;
  readonly toPerSecond: number;
}

export type Plan =
  | { readonly kind: 'open'; readonly phases: readonly Phase[] }
  | { readonly kind: 'closed'; readonly inFlight: number; readonly seconds: number };

export function secondsOf(phases: readonly Phase[]): number {
  return phases.reduce((sum, { seconds }) => sum + seconds, 0);
}

/** All arrivals of the plan. */
export function plannedOf(phases: readonly Phase[]): number {
  return arrivalsBy(phases, secondsOf(phases));
}

/** Arrivals of an open plan up to a moment; not a whole number. */
export function arrivalsBy(phases: readonly Phase[], second: number): number {
  let arrivals = 0;
  let beginS = 0;
  for (const { seconds, fromPerSecond, toPerSecond } of phases) {
    const inPhase = Math.min(Math.max(0, second - beginS), seconds);
    const rateThen = fromPerSecond + ((toPerSecond - fromPerSecond) * inPhase) / seconds;
    arrivals += ((fromPerSecond + rateThen) / 2) * inPhase;
    beginS += seconds;
  }
  return arrivals;
}

/** The second at which arrival number `number` (from 0) is due; undefined: the plan has fewer. */
export function dueAtSecond(phases: readonly Phase[], number: number): number | undefined {
  let left = number;
  let beginS = 0;
  for (const { seconds, fromPerSecond, toPerSecond } of phases) {
    const inPhase = ((fromPerSecond + toPerSecond) / 2) * seconds;
    if (left < inPhase) return beginS + secondsUntil(left, fromPerSecond, (toPerSecond - fromPerSecond) / seconds);
    left -= inPhase;
    beginS += seconds;
  }
  return undefined;
}

/** The time in which a rate that begins so and rises by so much a second brings that many. */
function secondsUntil(arrivals: number, perSecond: number, rise: number): number {
  if (Math.abs(rise) < 1e-9) return arrivals / perSecond;
  return (-perSecond + Math.sqrt(perSecond ** 2 + 2 * rise * arrivals)) / rise;
}
