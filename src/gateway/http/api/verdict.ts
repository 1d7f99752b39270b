// Whose token is it? What every way to tell answers.
import type { Operator } from '../../operations/operations.ts';

export type Verdict =
  | { readonly kind: 'known'; readonly operator: Operator }
  /** Nobody's token, or not valid any more; `why` without the token, for the caller and the log. */
  | { readonly kind: 'refused'; readonly why: string }
  /** Somebody, and nobody here. */
  | { readonly kind: 'noRole'; readonly name: string; readonly why: string }
  /** It cannot be told now. */
  | { readonly kind: 'unavailable'; readonly why: string };

export interface Authentication {
  verify(token: string): Promise<Verdict>;
  close(): void;
}
