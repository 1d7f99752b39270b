// The orders whose payment the demo's process instances are about: what a shop would send, with the things that get
// broken on the way between systems: unicode, decimals, nulls, nested lists, and whole numbers beyond 2^53.
import { randomBytes, randomInt, randomUUID } from 'node:crypto';

export interface OrderVariables {
  /** Random; the service returns it in its answer. */
  readonly token: string;
  readonly order: {
    readonly id: string;
    readonly placedAt: string;
    readonly currency: string;
    readonly total: number;
    readonly items: readonly { readonly sku: string; readonly name: string; readonly quantity: number }[];
    readonly note: string | null;
  };
  readonly customer: {
    readonly name: string;
    /** A 64-bit integer that no JavaScript number can hold. */
    readonly account: bigint;
    readonly loyal: boolean;
    readonly address: { readonly street: string; readonly city: string; readonly country: string };
  };
}

const CUSTOMERS = [
  { name: 'Zoë Ångström', address: { street: 'Sankt Eriksgatan 12', city: 'Malmö', country: 'SE' } },
  { name: 'José Núñez', address: { street: 'Calle de Alcalá 45', city: 'Cádiz', country: 'ES' } },
  { name: '山田 太郎', address: { street: '千代田 1-1', city: '東京', country: 'JP' } },
  { name: "Aoife O'Brien", address: { street: 'Shop Street "7"', city: 'Galway', country: 'IE' } },
  { name: 'Мария Иванова', address: { street: 'бул. Витоша 3', city: 'София', country: 'BG' } },
] as const;

const GOODS = ['Café crème ☕', 'Schlüssel 3/8"', 'naïve résumé', '抹茶 100 g', 'plain mug'] as const;

export function makeOrder(number: number): OrderVariables {
  const { name, address } = CUSTOMERS[number % CUSTOMERS.length] ?? CUSTOMERS[0];
  const items = Array.from({ length: 1 + (number % 4) }, (_, i) => ({
    sku: `SKU-${randomInt(1_000, 9_999)}`,
    name: GOODS[(number + i) % GOODS.length] ?? GOODS[0],
    quantity: 1 + i,
  }));
  return {
    token: randomUUID(),
    order: {
      id: `ORD-${String(number).padStart(6, '0')}`,
      placedAt: new Date().toISOString(),
      currency: 'EUR',
      total: randomInt(100, 1_000_000) / 100,
      items,
      note: number % 3 === 0 ? null : 'leave it at the door\n“please”',
    },
    customer: { name, address, loyal: number % 2 === 0, account: largeInteger() },
  };
}

/** Between 2^62 and 2^63. */
function largeInteger(): bigint {
  return BigInt.asUintN(62, randomBytes(8).readBigUInt64BE()) | (1n << 62n);
}
