// `holdfast job KEY`: all that is known of one job, with its timeline; and with an act behind it, what is done to it (act.ts).
import { JOB_ACTS } from '../../operations/model/acts.ts';
import { JobView } from '../../operations/model/jobs.ts';
import { UsageFault } from '../command-line.ts';
import { type Column, fields, type Sheet, table } from '../table.ts';
import { engineKey, oneOf } from '../values.ts';
import { localTime, span, when } from '../words.ts';
import { ACT_OPTIONS, act } from './act.ts';
import { read } from './api-client.ts';
import type { Session } from './session.ts';
import { shown } from './watch.ts';

export function job(session: Session): Promise<number> {
  const { api, args, json, out } = session;
  const [key = '', name] = args.positionals;
  const jobKey = engineKey('KEY', key);
  if (name !== undefined) return act(session, jobKey, oneOf('ACT', name, JOB_ACTS));
  const stray = args.given.find((option) => ACT_OPTIONS.includes(option));
  if (stray !== undefined)
    throw new UsageFault(`job KEY takes no --${stray} without an act; acts are ${JOB_ACTS.join(', ')}`, 'job');
  return shown(session, async () => {
    const answer = await api.get(`jobs/${jobKey}`);
    return json ? [answer.text] : jobLines(await read(JobView, answer), answer.atMs, out.sheet);
  });
}

function jobLines(view: JobView, nowMs: number, sheet: Sheet): readonly string[] {
  const state = view.outcome === null ? view.state : `${view.state}: ${view.outcome}`;
  return [
    ...fields(
      [
        ['job', view.jobKey],
        ['state', state],
        ['held', when(view.heldAtMs, nowMs)],
        ['ended', when(view.endedAtMs, nowMs)],
        ['reply due', view.outcome === null ? when(view.replyDeadlineMs, nowMs) : null],
        ['heartbeat due', when(view.heartbeatDeadlineMs, nowMs)],
        ['engine lock ends', when(view.lockDeadlineMs, nowMs)],
        ['next look', when(view.nextLookMs, nowMs)],
        ['request', view.sent ? 'Kafka has it' : 'Kafka has not acknowledged it'],
        ['topic', view.request?.topic ?? null],
        ['record key', view.request?.key ?? null],
        ['correlation id', view.correlationId],
        ['business key', view.businessKey],
        ['attempt', view.attempt],
        ['retries', view.retries],
        ['process', `${view.processId} version ${view.processVersion}`],
        ['element', `${view.elementId} (${view.elementInstanceKey})`],
        ['instance', view.instanceKey],
        ['tenant', view.tenantId],
        ['route', view.lane],
        ['job type', view.jobType === view.lane ? null : view.jobType],
        ['node', view.node ?? 'none'],
        ['shard', view.shard],
        ['revision', `${view.revision}, by ${view.incarnation}`],
        ['trace', view.trace],
        ['failing', failingWords(view)],
        ['reply', replyWords(view)],
        ...payloadOf(view),
      ],
      sheet,
    ),
    ...settingLines(view, sheet),
    '',
    ...table(timelineColumns(nowMs), view.timeline, sheet),
  ];
}

function failingWords({ failing }: JobView): string | null {
  if (failing === null) return null;
  const { why, cause, outcome, retries, backoffMs, errorCode } = failing;
  const then = errorCode === '' ? `${retries} retries left, backoff ${span(backoffMs)}` : `error code ${errorCode}`;
  return `${why}: ${cause}; ends as ${outcome}, ${then}`;
}

function replyWords({ reply }: JobView): string | null {
  if (reply === null) return null;
  const where = reply.partition < 0 ? 'given by an operator' : `partition ${reply.partition}, offset ${reply.offset}`;
  return `${reply.status}, for attempt ${reply.attempt}, ${where}`;
}

function payloadOf({ payload }: JobView): readonly (readonly [string, string | null])[] {
  if (payload === null) return [['payload', 'not for this role']];
  return [
    ['request body', payload.request],
    ['reply body', payload.reply],
    ['progress', payload.progress],
    ['error variables', payload.variables],
  ];
}

function settingLines({ settings }: JobView, sheet: Sheet): readonly string[] {
  const pairs = Object.entries(settings).map(([name, value]): [string, string | number] => [
    name,
    name.endsWith('Ms') && typeof value === 'number' ? `${value} (${span(value)})` : value,
  ]);
  return pairs.length === 0 ? [] : ['', sheet.paint('bold', 'held with'), ...fields(pairs, sheet)];
}

function timelineColumns(nowMs: number): readonly Column<JobView['timeline'][number]>[] {
  return [
    { title: 'AT', of: ({ atMs }) => localTime(atMs) },
    { title: 'AGE', align: 'right', of: ({ atMs }) => span(nowMs - atMs) },
    { title: 'NODE', of: ({ node }) => node },
    { title: 'REVISION', align: 'right', of: ({ revision }) => String(revision ?? '-') },
    { title: 'WHAT', least: 20, of: ({ what }) => what },
  ];
}
