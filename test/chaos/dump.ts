// What is to be known when a run stands still: who is ready and why not, the ends of the logs, who claims what, and for the
// instances that are open, what stands in the bucket for their jobs.
import { inspect } from 'node:util';
import { partsOf } from '../support/service.ts';
import type { Stage } from './stage.ts';

const OPEN_SHOWN = 50;

export async function dumpOf({ driver, service, nodes, bucket, watched }: Stage): Promise<string> {
  const open = driver.open();
  const jobs = await bucket.jobs().catch((error: unknown) => String(error));
  const claims = await bucket.claims().catch((error: unknown) => String(error));
  const instances = open.slice(0, OPEN_SHOWN).map((token) => {
    const requests = service.about(token).map(({ correlationId, atMs }) => ({ ...partsOf(correlationId), atMs }));
    const instanceKey = driver.started.get(token);
    const stored = typeof jobs === 'string' ? [] : jobs.filter(({ origin }) => origin.instanceKey === instanceKey);
    return { token, instanceKey, requests, stored: stored.map(({ request: _, settings: __, ...rest }) => rest) };
  });
  const state = {
    open: open.length,
    instances,
    service: service.diagnose(),
    recorder: { resets: watched.resets, untold: watched.untold },
    claims: typeof claims === 'string' ? claims : Object.groupBy([...claims], ([, { node }]) => node || 'nobody'),
  };
  const said = await Promise.all(nodes.all.map((node) => node.diagnose().catch((error: unknown) => String(error))));
  return [state, ...said]
    .map((part) => inspect(part, { depth: 8, maxArrayLength: 200, maxStringLength: null }))
    .join('\n\n');
}
