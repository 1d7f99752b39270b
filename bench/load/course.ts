// What the command line makes of a scenario's course: another rate, another length, or both, and the same shape. Of a rate it
// is the highest that is named, for that is what a cluster has to carry; the others keep their proportion to it. A length
// stretches all phases, and moves faults to where they were in them; how long a fault lasts stays. A phase that is
// stretched is not shorter than one that is written down may be.
import { type Phase, secondsOf } from './arrivals.ts';
import { LEAST_PHASE_S, type Scenario, ScenarioError } from './scenario.ts';

export interface CourseChange {
  /** Highest rate. */
  readonly perSecond: number | undefined;
  readonly seconds: number | undefined;
}

/** @throws ScenarioError when nothing arrives that could be more or less, or a phase would be too short */
export function recast(scenario: Scenario, { perSecond, seconds }: CourseChange): Scenario {
  const { name, phases, faults } = scenario;
  const highest = Math.max(...phases.flatMap(({ fromPerSecond, toPerSecond }) => [fromPerSecond, toPerSecond]));
  if (perSecond !== undefined && highest === 0) throw new ScenarioError(`${name}: --rate: all its rates are 0`);
  const length = secondsOf(phases);
  const shortest = Math.min(...phases.map((phase) => phase.seconds));
  const leastS = Math.ceil((1_000 * length * LEAST_PHASE_S) / shortest) / 1_000;
  if (seconds !== undefined && seconds < leastS)
    throw new ScenarioError(
      `${name}: --seconds: found ${seconds}; allowed: from ${leastS}, where its shortest phase takes ${LEAST_PHASE_S} s`,
    );
  const longer = seconds === undefined ? 1 : seconds / length;
  const more = perSecond === undefined ? 1 : perSecond / highest;
  return {
    ...scenario,
    phases: phases.map((phase) => ({
      seconds: rounded(phase.seconds * longer),
      fromPerSecond: rounded(phase.fromPerSecond * more),
      toPerSecond: rounded(phase.toPerSecond * more),
    })),
    faults: faults.map((fault) => ({ ...fault, atS: rounded(fault.atS * longer) })),
  };
}

export interface PhaseBegin {
  readonly atS: number;
  readonly what: string;
}

/** Where phases begin, in words; the first one begins with the run, and is worth a word only when others follow. */
export function phaseBegins(phases: readonly Phase[]): PhaseBegin[] {
  let atS = 0;
  const begins = phases.map(({ seconds, fromPerSecond: from, toPerSecond: to }) => {
    const begin = { atS, what: `phase: ${from === to ? from : `from ${from} to ${to}`} calls/s` };
    atS += seconds;
    return begin;
  });
  return begins.length > 1 ? begins : [];
}

/** 1/3 of 60 is 20, and not 19.999999999999996. */
function rounded(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
