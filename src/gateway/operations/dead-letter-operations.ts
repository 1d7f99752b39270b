// The dead-letter half of `Operations`: the list, one letter, and driving letters again.
//
// A run belongs to the node that was asked for it, one at a time, and ends with that node's process. Its id names that node, so any
// other asks there what has become of it, and has it stopped. To stop one is an act of its own, audited where it was asked for; it
// makes things safer, so it does not wait for the audit: with NATS away a run is still stopped on its own node.
import { endByError } from './audit.ts';
import type { AuditEnd } from './audit-records.ts';
import type { ClusterOperations } from './cluster-operations.ts';
import { viewOf } from './dead-letter-decoding.ts';
import { pageOf } from './dead-letter-pages.ts';
import type { RedriveView } from './model/dead-letters.ts';
import { beforehand, OperationRefused, type Operations } from './operations.ts';
import { RedriveRuns, type RedriveRunsOptions } from './redrive-runs.ts';

export interface DeadLetterOperationsOptions extends RedriveRunsOptions {
  /** Asks the other nodes. */
  readonly seen: Pick<ClusterOperations, 'redriveState' | 'stopRedrive'>;
}

export type DeadLetterOperations = Pick<
  Operations,
  'deadLetters' | 'deadLetter' | 'redrive' | 'redriveState' | 'stopRedrive'
> & {
  /** Of this node. */
  readonly runs: Pick<RedriveRuns, 'view' | 'stop'>;
  /** Stops what runs, and waits until the audit has it. */
  close(): Promise<void>;
};

const OFFSET = /^\d{1,19}$/;
/** Lists and previews at the same time; each holds some megabytes. */
const READERS = 4;
/** A letter on its way to Kafka is waited for so long by whoever stops its run. */
const STOP_WITHIN_MS = 2_000;

export function deadLetterOperations(options: DeadLetterOperationsOptions): DeadLetterOperations {
  const { log, names, seen, audit } = options;
  const runs = new RedriveRuns(options);
  let readers = 0;
  const reading = async <T>(read: () => Promise<T>): Promise<T> => {
    if (readers >= READERS) {
      throw new OperationRefused('TOO_MANY', `${READERS} others read dead letters through this node now; ask again`);
    }
    readers += 1;
    try {
      return await read();
    } finally {
      readers -= 1;
    }
  };
  const state = async (id: string): Promise<RedriveView | undefined> => runs.view(id) ?? (await seen.redriveState(id));
  return {
    deadLetters: (query) => reading(() => pageOf(options, query)),
    deadLetter: (partition, offset, withPayload) =>
      reading(async () => {
        if (!OFFSET.test(offset)) return undefined;
        const at = BigInt(offset);
        const bounds = (await log.bounds()).find((range) => range.partition === partition);
        if (bounds === undefined || at < bounds.from || at >= bounds.to) return undefined;
        const { records } = await log.read({ partition, from: at, to: at + 1n });
        return records[0] && viewOf(partition, records[0], names, withPayload);
      }),
    redrive: (body, by) => ((body.dryRun ?? true) ? reading(() => runs.preview(body)) : runs.begin(body, by)),
    redriveState: state,
    stopRedrive: async (id, by, reason) => {
      const before = await beforehand(state(id));
      if (before === undefined) return undefined;
      const act = { by, reason, act: 'deadLetters.stopRedrive', target: id, before: inShort(before) };
      let after: RedriveView | undefined;
      try {
        after = (await runs.stop(id, by.name, STOP_WITHIN_MS)) ?? (await seen.stopRedrive(id, by.name));
      } catch (error) {
        await audit.done(act, endByError(error)).catch(() => undefined);
        throw error;
      }
      try {
        await audit.done(act, endOf(after));
        return after;
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        return after && { ...after, detail: `${after.detail}; this stop is not audited: ${why}` };
      }
    },
    runs,
    close: () => runs.close(),
  };
}

function endOf(view: RedriveView | undefined): AuditEnd {
  if (view === undefined) return { result: 'gone', after: 'its node does not know it any more' };
  return { result: view.state === 'running' ? 'later' : 'done', after: inShort(view) };
}

function inShort({ state, detail }: RedriveView): string {
  return `${state}: ${detail}`;
}
