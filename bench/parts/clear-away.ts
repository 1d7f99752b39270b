// What nodes of a run have made on servers that are not the run's own, deleted when the nodes have ended. Each deletion has a
// deadline. What could not be deleted is told with its reason, and is no reason for a run to fail: its figures are there.
import { readFileSync } from 'node:fs';
import { callApi, ErrCode, JsApiError } from '../../src/cluster/nats/api.ts';
import { connectNats } from '../../src/cluster/nats/connection.ts';
import { Inbox } from '../../src/cluster/nats/inbox.ts';
import { ConfigError, type Fault } from '../../src/gateway/config/faults.ts';
import { natsAccessOf, natsLink } from '../../src/gateway/config/nats.ts';
import { EnvReader } from '../../src/gateway/config/secret.ts';
import { within } from '../../src/gateway/kafka/renewable.ts';
import { kafkaClient } from './kafka-client.ts';

const DEADLINE_MS = 10_000;
const GOODBYE_MS = 3_000;

/** One line for each that stays, or for all of them; one that is not there is no fault. */
export type Warnings = readonly string[];

export async function deleteTopics(
  brokers: string,
  topics: readonly string[],
  deadlineMs = DEADLINE_MS,
): Promise<Warnings> {
  const admin = kafkaClient('load', brokers).admin();
  try {
    const known = await within(
      deadlineMs,
      admin.connect().then(() => admin.listTopics()),
    );
    const deleted = (topic: string) => within(deadlineMs, admin.deleteTopics({ topics: [topic], timeout: deadlineMs }));
    return await each(
      'topic',
      topics.filter((topic) => known.includes(topic)),
      deleted,
    );
  } catch (error) {
    return [stays(`topics ${topics.join(', ')}`, error)];
  } finally {
    await within(GOODBYE_MS, admin.disconnect()).catch(() => undefined);
  }
}

/** Buckets are streams too. @param natsUrl of the environment, which also says how one is let in */
export async function deleteStreams(
  natsUrl: string,
  streams: readonly string[],
  deadlineMs = DEADLINE_MS,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Warnings> {
  let waitingFor: string | undefined;
  try {
    await using link = await connectNats({
      ...linkOf(natsUrl, env),
      name: 'load',
      signal: AbortSignal.timeout(deadlineMs),
      onStatus: (status) => {
        if (status.kind === 'waiting') waitingFor = status.reason;
      },
    });
    const inbox = new Inbox(link);
    return await each('stream', streams, (stream) => deleteStream(inbox, stream, deadlineMs));
  } catch (error) {
    return [stays(`streams ${streams.join(', ')}`, waitingFor ?? error)];
  }
}

export async function warned(deleting: Promise<Warnings>): Promise<void> {
  for (const warning of await deleting) process.stderr.write(`${warning}\n`);
}

async function deleteStream(inbox: Inbox, stream: string, deadlineMs: number): Promise<void> {
  try {
    await callApi(inbox, `STREAM.DELETE.${stream}`, {}, deadlineMs);
  } catch (error) {
    if (!(error instanceof JsApiError && error.errCode === ErrCode.streamNotFound)) throw error;
  }
}

async function each(
  what: string,
  names: readonly string[],
  deleted: (name: string) => Promise<unknown>,
): Promise<Warnings> {
  const ends = await Promise.allSettled(names.map(deleted));
  return ends.flatMap((end, i) => (end.status === 'rejected' ? [stays(`${what} ${names[i]}`, end.reason)] : []));
}

function stays(what: string, reason: unknown): string {
  return `cannot delete the ${what}: ${reason instanceof Error ? reason.message : reason}`;
}

function linkOf(natsUrl: string, env: NodeJS.ProcessEnv) {
  const faults: Fault[] = [];
  const natsUrls = natsUrl.split(',').map((url) => url.trim());
  const reader = new EnvReader({ env, readFile: (path) => readFileSync(path, 'utf8') }, faults);
  const natsAccess = natsAccessOf(reader, natsUrls);
  if (faults.length > 0) throw new ConfigError('', faults);
  return natsLink({ natsUrls, natsAccess });
}
