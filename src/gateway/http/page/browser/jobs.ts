// The pending jobs, longest held first, with filters; and the job that the text names itself, which may have ended long since.
import type { VNode } from 'preact';
import type { JobPage, JobSummary, JobView } from '../../../operations/model/jobs.ts';
import { h } from './element.ts';
import { type Filter, Filters } from './filters.ts';
import { age, duration, parseDuration, relative } from './format.ts';
import { useFetched, useLive, useLiveState, usePages } from './hooks.ts';
import { jobKeyIn, type Query, searchOf } from './route.ts';
import { type Column, More, Table } from './table.ts';
import { Go, Key, Missing, Nothing, State, Title, Trouble } from './ui.ts';
import { JOB, JOB_STATES, OUTCOME } from './words.ts';

export function Jobs({ query }: { readonly query: Query }): VNode {
  const nowMs = useLive().wallMs();
  const { pages, failure, loading, reload, more } = usePages<JobPage>(`jobs${searchOf(query)}`);
  const jobs = pages.flatMap((page) => page.jobs);
  const missing = [...new Set(pages.flatMap((page) => page.missing))];
  return h(
    'div',
    {},
    h(
      Title,
      { aside: h('button', { type: 'button', onClick: reload, 'aria-busy': loading }, 'Refresh') },
      'Pending jobs',
    ),
    h(JobFilters, { query }),
    h(Direct, { text: query.text ?? '', listed: jobs }),
    h(Trouble, { failure }),
    h(Missing, { nodes: missing, what: 'jobs may be lacking in this list.' }),
    pages.length > 0 && jobs.length === 0 && !loading
      ? h(
          Nothing,
          {},
          Object.keys(query).length > 0
            ? [
                'No pending job is like that. ',
                h(Go, { to: { view: 'outcomes', query: pick(query) } }, 'Look among the ended ones'),
              ]
            : 'No job is pending.',
        )
      : h(Table<JobSummary>, {
          label: 'Pending jobs, longest held first',
          columns: columns(nowMs),
          rows: jobs,
          busy: loading,
          idOf: ({ jobKey }) => jobKey,
          to: ({ jobKey }) => ({ view: 'job', jobKey }),
        }),
    jobs.length > 0 && h(More, { more, shown: jobs.length, what: jobs.length === 1 ? 'job' : 'jobs' }),
  );
}

/** What outcomes can be filtered by, too. */
function pick({ text = '', lane = '', process = '', instance = '' }: Query): Query {
  return { text, lane, process, instance };
}

function JobFilters({ query }: { readonly query: Query }): VNode {
  const { routes, cluster } = useLiveState();
  const lanes = routes?.value.routes.map(({ lane }) => [lane, lane] as const) ?? [];
  const nodes = cluster?.value.nodes.map(({ node }) => [node, node] as const) ?? [];
  const filters: readonly Filter[] = [
    { name: 'text', label: 'Text', kind: 'text', wide: true, hint: 'key, id, process, element, business key, error' },
    { name: 'lane', label: 'Route', kind: 'choice', choices: [['', 'any'], ...lanes] },
    {
      name: 'state',
      label: 'State',
      kind: 'choice',
      choices: [['', 'any'], ...JOB_STATES.map((state) => [state, JOB[state].text] as const)],
    },
    {
      name: 'olderThanMs',
      label: 'Older than',
      kind: 'text',
      hint: '10 min',
      to: toMs,
      from: (ms) => (ms === '' ? '' : duration(Number(ms))),
    },
    { name: 'process', label: 'Process', kind: 'text' },
    { name: 'instance', label: 'Instance', kind: 'text' },
    { name: 'node', label: 'Node', kind: 'choice', choices: [['', 'any'], ...nodes] },
    { name: 'shard', label: 'Shard', kind: 'text' },
  ];
  return h(Filters, { at: { view: 'jobs', query }, filters });
}

/** What is no duration goes out as it is: the node says what it wants. */
function toMs(typed: string): string {
  const ms = parseDuration(typed);
  return ms === undefined ? typed : String(ms);
}

function columns(nowMs: number): readonly Column<JobSummary>[] {
  return [
    { name: 'Job', kind: 'main', cell: ({ jobKey }) => h(Key, {}, jobKey) },
    {
      name: 'State',
      cell: ({ state, sent }) => [
        h(State, { of: JOB[state] }),
        state === 'held' && !sent && h('small', { class: 'tone-warn' }, 'not sent yet'),
      ],
    },
    { name: 'Held for', kind: 'number', cell: ({ heldAtMs }) => age(nowMs - heldAtMs) },
    {
      name: 'Deadline',
      kind: 'number',
      cell: ({ replyDeadlineMs }) =>
        replyDeadlineMs < nowMs
          ? h('span', { class: 'tone-bad' }, relative(replyDeadlineMs, nowMs))
          : relative(replyDeadlineMs, nowMs),
    },
    { name: 'Route', cell: ({ lane }) => lane },
    {
      name: 'Process',
      kind: 'wide',
      cell: ({ processId, elementId, error }) => [
        h('span', {}, processId, h('span', { class: 'quiet' }, ' / '), elementId),
        error !== null && h('small', { class: 'tone-bad' }, error),
      ],
    },
    { name: 'Attempt', kind: 'number', cell: ({ attempt }) => attempt },
    { name: 'Node', cell: ({ node }) => node },
  ];
}

/** The text is a job's key, or a correlation id that carries one: that job, whether it is pending or over. */
function Direct({ text, listed }: { readonly text: string; readonly listed: readonly JobSummary[] }): VNode | null {
  const jobKey = jobKeyIn(text);
  const { value } = useFetched<JobView>(jobKey === undefined ? undefined : `jobs/${jobKey}`);
  if (value === undefined || listed.some((job) => job.jobKey === value.jobKey)) return null;
  return h(
    'p',
    { class: 'note' },
    h(Go, { to: { view: 'job', jobKey: value.jobKey } }, 'Job ', h(Key, {}, value.jobKey)),
    h(State, { of: value.outcome === null ? JOB[value.state] : OUTCOME[value.outcome] }),
    h('span', {}, `${value.processId} / ${value.elementId}`),
  );
}
