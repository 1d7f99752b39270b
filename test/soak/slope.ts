// How a series of samples rises: the slope after Theil and Sen, the median of the slopes of all pairs. A few samples that are
// far off do not move it, as they would a least-squares line; its confidence interval is that of Sen (1968), which assumes
// nothing of how the samples scatter.

export interface Sample {
  readonly atMs: number;
  readonly value: number;
}

export interface Slope {
  readonly perHour: number;
  /** 95 of 100 such intervals contain the true slope. */
  readonly from: number;
  readonly to: number;
  readonly samples: number;
}

const HOUR_MS = 3_600_000;
const NORMAL_975 = 1.959964;

/** @throws RangeError when there are fewer than three samples */
export function slopeOf(samples: readonly Sample[]): Slope {
  const count = samples.length;
  if (count < 3) throw new RangeError(`${count} samples have no slope that says anything`);
  const slopes: number[] = [];
  for (const [index, a] of samples.entries()) {
    for (const b of samples.slice(index + 1)) {
      if (b.atMs !== a.atMs) slopes.push(((b.value - a.value) / (b.atMs - a.atMs)) * HOUR_MS);
    }
  }
  slopes.sort((a, b) => a - b);
  const spread = NORMAL_975 * Math.sqrt((count * (count - 1) * (2 * count + 5)) / 18);
  const at = (rank: number) => slopes[Math.max(0, Math.min(slopes.length - 1, Math.round(rank)))] ?? 0;
  const middle = (slopes.length - 1) / 2;
  return {
    perHour: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    from: at(middle - spread / 2),
    to: at(middle + spread / 2),
    samples: count,
  };
}

/** What is left of a series when its first part, in which caches fill and code is compiled, is taken away. */
export function settledPart(samples: readonly Sample[]): readonly Sample[] {
  return samples.slice(Math.floor(samples.length / 3));
}

/** The least of each window of so many samples. */
export function minima(samples: readonly Sample[], window: number): readonly Sample[] {
  const found: Sample[] = [];
  for (let from = 0; from + window <= samples.length; from += window) {
    const part = samples.slice(from, from + window);
    found.push(part.reduce((least, sample) => (sample.value < least.value ? sample : least)));
  }
  return found;
}
