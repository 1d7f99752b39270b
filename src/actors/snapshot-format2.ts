// Version 2 of a stored snapshot: version 1, and what people do by hand. It adds the field `resend` at the end, and the word
// `byHand` to the reasons of a failure; everything else is written and read by version 1, and so stays as it is there.
//
// Nothing in this file may change once a bucket holds snapshots of version 2 (see snapshot-format1.ts).
import type { Failing, Snapshot } from './snapshot.ts';
import { failingWith, type Record1, readRecord1, STRUCTURES_1, toRecord1, WHYS_1 } from './snapshot-format1.ts';

export const STRUCTURES_2: readonly (readonly string[])[] = STRUCTURES_1.map((fields) => [...fields, 'resend']);

const WHYS_2: readonly Failing['why'][] = [...WHYS_1, 'byHand'];
const FAILING_2 = failingWith(WHYS_2);

type Record2 = Record1 & { readonly resend: unknown };

/** @throws TypeError, RangeError rather than write what no reader would take */
export function toRecord2(snapshot: Snapshot): Record2 {
  return Object.assign(toRecord1(snapshot, FAILING_2.write), { resend: snapshot.resend ? 1 : 0 });
}

/** @throws TypeError that says what is wrong with the record */
export function readRecord2(unpacked: unknown): Snapshot {
  const snapshot = readRecord1(unpacked, FAILING_2.read);
  const { resend } = unpacked as Record2;
  if (resend !== 0 && resend !== 1) throw new TypeError('resend is 0 or 1');
  return resend === 1 ? { ...snapshot, resend: true } : snapshot;
}

/** A snapshot as version 1 can say it: a failure by hand is one of the service or of the business, a wish is forgotten. */
export function forVersion1(snapshot: Snapshot): Snapshot {
  const { failing } = snapshot;
  if (failing?.why !== 'byHand') return snapshot;
  const why = failing.outcome === 'bpmnError' ? 'businessError' : 'technicalError';
  return { ...snapshot, failing: { ...failing, why } };
}
