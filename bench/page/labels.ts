// Labels of marks along a line, in few rows and never one over another: each in the first row that is free where its mark
// stands, in full if that is possible, else short, else not at all. Rows are kept free for the short ones of those that
// follow close by, so that one long text does not silence its neighbours. Pure.

export interface Label {
  /** Of its mark; labels come in order of it. */
  readonly x: number;
  /** Widths, with the gap to the next. */
  readonly full: number;
  readonly short: number;
}

export interface Place {
  readonly row: number;
  readonly left: number;
  readonly full: boolean;
}

/** @param right where all of them have to end */
export function layOut(labels: readonly Label[], rows: number, right: number): (Place | undefined)[] {
  const ends = Array.from({ length: rows }, () => Number.NEGATIVE_INFINITY);
  return labels.map(({ x, full, short }, i) => {
    const put = (width: number, isFull: boolean): Place | undefined => {
      const left = Math.min(x, right - width);
      const row = ends.findIndex((end) => end <= left);
      if (row < 0) return undefined;
      ends[row] = left + width;
      return { row, left, full: isFull };
    };
    const free = ends.filter((end) => end <= x).length;
    const next = labels[i + 1];
    const spared = free > 1 || next === undefined || next.x >= x + full;
    return (spared ? put(full, true) : undefined) ?? put(short, false);
  });
}
