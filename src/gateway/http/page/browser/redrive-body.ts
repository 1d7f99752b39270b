// Which dead letters are driven, and what is asked of the API for it.
import type { RedriveBody } from '../../../operations/model/dead-letters.ts';
import { count } from './format.ts';
import type { Query } from './route.ts';

export type Scope =
  | { readonly kind: 'filter'; readonly query: Query }
  | {
      readonly kind: 'positions';
      readonly positions: readonly { readonly partition: number; readonly offset: string }[];
    };

export function redriveBody(
  scope: Scope,
  typed: { readonly reason: string; readonly perSecond: string; readonly max: string },
  dryRun: boolean,
): RedriveBody {
  const { text, reason, sinceMs, untilMs } = scope.kind === 'filter' ? scope.query : ({} as Query);
  return {
    reason: typed.reason.trim(),
    filter: {
      ...(text && { text }),
      ...(reason && { reason }),
      ...(sinceMs && { sinceMs: Number(sinceMs) }),
      ...(untilMs && { untilMs: Number(untilMs) }),
      ...(scope.kind === 'positions' && { positions: [...scope.positions] }),
    },
    dryRun,
    perSecond: Number(typed.perSecond),
    max: Number(typed.max),
  };
}

/** undefined: none. */
export function reasonFault(reason: string): string | undefined {
  return reason.trim().length < 3 ? 'A reason has at least 3 characters.' : undefined;
}

/** By field; undefined: none. */
export function redriveFaults({
  reason,
  perSecond,
  max,
}: {
  readonly reason: string;
  readonly perSecond: string;
  readonly max: string;
}) {
  const whole = (text: string, most: number) =>
    /^[1-9]\d{0,5}$/.test(text.trim()) && Number(text) <= most
      ? undefined
      : `A whole number from 1 to ${count(most)} is wanted.`;
  return {
    reason: reasonFault(reason),
    perSecond: whole(perSecond, 1_000),
    max: whole(max, 100_000),
  };
}
