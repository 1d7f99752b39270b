// Acknowledgements, asked of a history: each reply whose offset is committed has one, and what it says is true.
//
// An acknowledgement names its reply by the correlation id alone. So there are at least as many as settled replies with that
// id; and where only one reply has the id, whatever was said under it is held against what became of that reply.
import type { EventOf } from './history.ts';
import type { ReplyFates, ReplyRecord } from './reply-fates.ts';

export class Acks {
  readonly #said = new Map<string, { readonly answer: string; readonly reason: string }[]>();

  written({ correlationId, value = '{}' }: EventOf<'written'>): void {
    const said = this.#said.get(correlationId) ?? [];
    this.#said.set(correlationId, [...said, JSON.parse(value)]);
  }

  /** At the end: what is wrong. */
  *breaches(fates: ReplyFates): Iterable<{ readonly jobKey: string; readonly message: string }> {
    const byId = Map.groupBy(fates.all(), ({ record }) => record.correlationId);
    for (const [correlationId, records] of byId) {
      const owed = records.filter(({ record, settled }) => settled && record.meant !== 'heartbeat');
      const said = this.#said.get(correlationId) ?? [];
      const record = owed[0]?.record;
      if (correlationId === '' || record === undefined) continue;
      const { jobKey } = record;
      if (said.length < owed.length)
        yield { jobKey, message: `${said.length} acknowledgements of ${owed.length} replies as ${correlationId}` };
      if (records.length > 1) continue;
      for (const { answer, reason } of said)
        if (!isTrue(answer, record, fates))
          yield { jobKey, message: `reply ${record.name} is not ${answer} (${reason})` };
    }
  }
}

function isTrue(answer: string, record: ReplyRecord, fates: ReplyFates): boolean {
  if (answer === 'applied') return fates.mayBeApplied(record);
  // One that came too late, and is read again after a later reply counted, is a duplicate then.
  if (answer === 'duplicate')
    return fates.mayBeApplied(record) || fates.mayBeLate(record) || fates.mayBeDuplicate(record);
  return answer === 'late' ? fates.mayBeLate(record) : answer === 'rejected' && record.deadLettered;
}
