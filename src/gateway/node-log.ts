// One log line per transition, with fixed field names. What happens per job is debug, what happens to the node is info.
import { Lost } from '../cluster/effects-gate.ts';
import type { ClusterEvent } from '../cluster/events.ts';
import type { BridgeEvent } from './bridge-ports.ts';
import type { Log } from './log.ts';
import { traced } from './traced-line.ts';

export function logEvent(log: Log, cluster: string, { from, event, ...more }: BridgeEvent): void {
  if (from === 'cluster') return logClusterEvent(log, cluster, event as ClusterEvent);
  const line = `${from}: ${event.kind}`;
  if (event.kind === 'retry') {
    // That this node is not a member is said once, by the cluster; each reply that waits for it says so again.
    if (event.error instanceof Lost) log.debug(`${line} ${event.what}`);
    else log.warn(`${line} ${event.what}`, { err: event.error });
  } else if (event.kind === 'notWritten') log.warn('Kafka takes nothing on this topic', { ...event });
  else if (event.kind === 'writtenAgain') log.info('Kafka takes records on this topic again', { ...event });
  else if (event.kind === 'assigned' || event.kind === 'unassigned') log.info(line, { ...event });
  else if ('trace' in event) {
    const { trace, instanceKey, ...fields } = event;
    log.debug(line, traced(cluster, { origin: { instanceKey }, trace }, { ...more, ...fields }));
  } else log.debug(line, { ...more, ...event });
}

function logClusterEvent(log: Log, cluster: string, event: ClusterEvent): void {
  switch (event.kind) {
    case 'stored': {
      const { shard, jobKey, snapshot } = event;
      const { kind, attempt, outcome, lane } = snapshot;
      return log.debug(`job ${outcome ?? kind}`, traced(cluster, snapshot, { shard, jobKey, attempt, lane }));
    }
    case 'takeover':
      return log.debug('shard taken over', { shard: event.shard, from: event.from });
    case 'shard':
      return log.debug(`shard ${event.to}`, { shard: event.shard, from: event.from, epoch: event.epoch });
    case 'rehydrated': {
      const { shard, jobs, republished } = event;
      return republished > 0 || jobs > 0
        ? log.info('shard rehydrated', { shard, jobs, republished })
        : log.debug('shard rehydrated', { shard, jobs, republished });
    }
    case 'suspected':
    case 'dead':
      // `node` is who writes the line.
      return log.info(`cluster: ${event.kind}`, { peer: event.node, incarnation: event.incarnation });
    case 'lost':
      return event.alarm
        ? log.error('lost: everything is forgotten, a new incarnation begins', { ...event })
        : log.warn('lost: everything is forgotten, a new incarnation begins', { ...event });
    case 'commandFailed':
      return log.warn('a command of a job failed', { actor: event.actor, err: event.error });
    case 'unreadable':
      return log.error('a snapshot cannot be read', { shard: event.shard, jobKey: event.jobKey, err: event.error });
    case 'conflict':
      return log.debug(
        'another write came first',
        traced(cluster, event.snapshot, { shard: event.shard, jobKey: event.jobKey }),
      );
    default:
      return log.info(`cluster: ${event.kind}`, { ...event });
  }
}
