// Where a list of dead letters goes on: of each partition the offset below which nothing was shown yet, in base 36, in the
// order of the partitions: `1.a3.0.7f`. What came to the topic after the first page is not part of the list.
import { OperationRefused } from './operations.ts';

const FORM = /^1(\.[0-9a-z]{1,13})+$/;

export function cursorOf(offsets: readonly bigint[]): string {
  return ['1', ...offsets.map((offset) => offset.toString(36))].join('.');
}

/** @throws OperationRefused when it is none of ours */
export function offsetsIn(cursor: string): readonly bigint[] {
  if (!FORM.test(cursor)) {
    const found = JSON.stringify(cursor.length <= 40 ? cursor : `${cursor.slice(0, 39)}…`);
    throw new OperationRefused('BAD_CURSOR', `after is ${found}; allowed is what stood in \`next\` of the page before`);
  }
  return cursor
    .split('.')
    .slice(1)
    .map((digits) => [...digits].reduce((sum, digit) => sum * 36n + BigInt(Number.parseInt(digit, 36)), 0n));
}
