// How long a service takes for a request: the distributions of a scenario. `never` is a service that leaves a share of its
// requests without an answer for good.

export type Delay =
  | { readonly kind: 'constant'; readonly ms: number }
  | { readonly kind: 'exponential'; readonly meanMs: number }
  /** Pareto: most near the least, the mean at `alpha / (alpha - 1)` of it, and some far away. */
  | { readonly kind: 'heavyTail'; readonly leastMs: number; readonly alpha: number; readonly mostMs: number }
  | { readonly kind: 'never'; readonly share: number; readonly otherwise: Delay };

/** @param random a number in [0, 1) @returns ms; undefined: no answer at all */
export function drawDelayMs(delay: Delay, random: () => number): number | undefined {
  switch (delay.kind) {
    case 'constant':
      return delay.ms;
    case 'exponential':
      return -Math.log(1 - random()) * delay.meanMs;
    case 'heavyTail':
      return Math.min(delay.leastMs / (1 - random()) ** (1 / delay.alpha), delay.mostMs);
    case 'never':
      return random() < delay.share ? undefined : drawDelayMs(delay.otherwise, random);
  }
}
