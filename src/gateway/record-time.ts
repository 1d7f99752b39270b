// Times in records of Kafka: anybody may write any 64 bits there, the oldest format of records has none, and what is no date ends
// whoever shows it or writes it down again.

const LAST_MS = Date.UTC(9999, 11, 31);

/** Wall clock ms; undefined: no time, or none that a date of four digits can be. */
export function timeOf(millis: number | bigint | string | undefined): number | undefined {
  const ms = Number(millis);
  return ms >= 0 && ms <= LAST_MS ? ms : undefined;
}
