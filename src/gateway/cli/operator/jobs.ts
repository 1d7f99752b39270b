// `holdfast jobs` and `holdfast outcomes`: what waits, and what has ended as far back as it is remembered.
import {
  JOB_STATES,
  JobPage,
  type JobQuery,
  type JobSummary,
  OUTCOMES,
  OutcomePage,
  type OutcomeView,
} from '../../operations/model/jobs.ts';
import type { Arguments } from '../command-line.ts';
import type { Column, Style } from '../table.ts';
import { duration, engineKey, integer, length, nodeName, oneOf } from '../values.ts';
import { localTime, span } from '../words.ts';
import { listed } from './pages.ts';
import type { Session } from './session.ts';

const LARGEST_SHARD = 4_095;

export function jobs(session: Session): Promise<number> {
  return listed(session, {
    path: 'jobs',
    query: jobQuery(session.args),
    schema: JobPage,
    things: 'jobs',
    rowsOf: (page) => page.jobs,
    nextOf: (page) => page.next,
    missingOf: (page) => page.missing,
    columns: jobColumns,
  });
}

export function outcomes(session: Session): Promise<number> {
  const { args } = session;
  const outcome = args.value('outcome');
  return listed(session, {
    path: 'outcomes',
    query: { ...filter(args), outcome: outcome && oneOf('--outcome', outcome, OUTCOMES) },
    schema: OutcomePage,
    things: 'outcomes',
    rowsOf: (page) => page.outcomes,
    nextOf: (page) => page.next,
    columns: outcomeColumns,
  });
}

/** @throws UsageFault */
export function jobQuery(args: Arguments): Omit<JobQuery, 'limit' | 'after'> {
  const [state, olderThan, shard, node] = ['state', 'older-than', 'shard', 'node'].map((name) => args.value(name));
  return {
    ...filter(args),
    ...(state !== undefined && { state: oneOf('--state', state, JOB_STATES) }),
    ...(olderThan !== undefined && { olderThanMs: duration('--older-than', olderThan) }),
    ...(shard !== undefined && { shard: integer('--shard', shard, 0, LARGEST_SHARD) }),
    ...(node !== undefined && { node: nodeName('--node', node) }),
  };
}

function filter(args: Arguments): Pick<JobQuery, 'lane' | 'process' | 'instance' | 'text'> {
  const [lane, process, instance, text] = ['route', 'process', 'instance', 'text'].map((name) => args.value(name));
  return {
    ...(lane !== undefined && { lane: length('--route', lane, 1, 512) }),
    ...(process !== undefined && { process: length('--process', process, 1, 512) }),
    ...(instance !== undefined && { instance: engineKey('--instance', instance) }),
    ...(text !== undefined && { text: length('--text', text, 2, 200) }),
  };
}

const STATE_STYLES: Readonly<Record<string, Style>> = { failing: 'red', parked: 'yellow', replied: 'yellow' };

function jobColumns(nowMs: number): readonly Column<JobSummary>[] {
  return [
    { title: 'JOB', of: ({ jobKey }) => jobKey },
    { title: 'STATE', of: ({ state }) => state, style: ({ state }) => STATE_STYLES[state] },
    {
      title: 'SENT',
      extra: true,
      of: ({ sent }) => (sent ? 'yes' : 'no'),
      style: ({ sent }) => (sent ? undefined : 'yellow'),
    },
    { title: 'HELD', extra: true, of: ({ heldAtMs }) => localTime(heldAtMs) },
    { title: 'AGE', align: 'right', of: ({ heldAtMs }) => span(nowMs - heldAtMs) },
    {
      title: 'DUE IN',
      align: 'right',
      of: ({ replyDeadlineMs }) => span(replyDeadlineMs - nowMs),
      style: ({ replyDeadlineMs }) => (replyDeadlineMs < nowMs ? 'red' : undefined),
    },
    { title: 'TRY', extra: true, align: 'right', of: ({ attempt }) => attempt },
    { title: 'SHARD', extra: true, align: 'right', of: ({ shard }) => shard },
    { title: 'NODE', least: 8, of: ({ node }) => node },
    { title: 'ROUTE', least: 12, of: ({ lane }) => lane },
    { title: 'PROCESS', extra: true, least: 10, of: ({ processId }) => processId },
    { title: 'ELEMENT', least: 10, of: ({ elementId }) => elementId },
    { title: 'INSTANCE', extra: true, of: ({ instanceKey }) => instanceKey },
    { title: 'ERROR', least: 16, of: ({ error }) => error },
  ];
}

function outcomeColumns(nowMs: number): readonly Column<OutcomeView>[] {
  return [
    { title: 'JOB', of: ({ jobKey }) => jobKey },
    {
      title: 'OUTCOME',
      of: ({ outcome }) => outcome,
      style: ({ outcome }) => (outcome === 'completed' ? 'green' : 'yellow'),
    },
    { title: 'ENDED', extra: true, of: ({ endedAtMs }) => localTime(endedAtMs) },
    { title: 'AGE', align: 'right', of: ({ endedAtMs }) => span(nowMs - endedAtMs) },
    { title: 'TOOK', align: 'right', of: ({ endedAtMs, heldAtMs }) => span(endedAtMs - heldAtMs) },
    { title: 'TRY', extra: true, align: 'right', of: ({ attempt }) => attempt },
    { title: 'ROUTE', least: 12, of: ({ lane }) => lane },
    { title: 'PROCESS', extra: true, least: 10, of: ({ processId }) => processId },
    { title: 'ELEMENT', least: 10, of: ({ elementId }) => elementId },
    { title: 'INSTANCE', extra: true, of: ({ instanceKey }) => instanceKey },
    { title: 'LAST STEP', least: 16, of: ({ lastStep }) => lastStep },
  ];
}
