// The variables that an instance is started with: an order, as a business would send one, and as long as a scenario wants it.

/** Of the token that every instance has. */
const TOKEN_CHARS = 36;
const SHORTEST = JSON.stringify(orderOf('', '')).length + TOKEN_CHARS;

/** @param bytes of the JSON; never less than what an order has anyway @returns JSON, by the instance's token */
export function variablesOf(bytes: number): (token: string) => string {
  const filler = 'x'.repeat(Math.max(0, Math.round(bytes) - SHORTEST));
  return (token) => JSON.stringify(orderOf(token, filler));
}

function orderOf(token: string, filler: string) {
  return { token, customer: 'c-4711', amount: 99.9, currency: 'EUR', filler };
}
