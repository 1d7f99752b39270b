// How the latest jobs ended, newest first, as far back as tombstones are kept.
import type { VNode } from 'preact';
import type { OutcomePage, OutcomeView } from '../../../operations/model/jobs.ts';
import { h } from './element.ts';
import { Filters } from './filters.ts';
import { duration } from './format.ts';
import { useLiveState, usePages } from './hooks.ts';
import { type Query, searchOf } from './route.ts';
import { type Column, More, Table } from './table.ts';
import { Key, Moment, Nothing, State, Title, Trouble } from './ui.ts';
import { OUTCOME, OUTCOMES } from './words.ts';

export function Outcomes({ query }: { readonly query: Query }): VNode {
  const { routes } = useLiveState();
  const { pages, failure, loading, reload, more } = usePages<OutcomePage>(`outcomes${searchOf(query)}`);
  const outcomes = pages.flatMap((page) => page.outcomes);
  const lanes = routes?.value.routes.map(({ lane }) => [lane, lane] as const) ?? [];
  return h(
    'div',
    {},
    h(
      Title,
      { aside: h('button', { type: 'button', onClick: reload, 'aria-busy': loading }, 'Refresh') },
      'Recent outcomes',
    ),
    h(Filters, {
      at: { view: 'outcomes', query },
      filters: [
        {
          name: 'text',
          label: 'Text',
          kind: 'text',
          wide: true,
          hint: 'key, id, process, element, business key, error',
        },
        {
          name: 'outcome',
          label: 'Outcome',
          kind: 'choice',
          choices: [['', 'any'], ...OUTCOMES.map((outcome) => [outcome, OUTCOME[outcome].text] as const)],
        },
        { name: 'lane', label: 'Route', kind: 'choice', choices: [['', 'any'], ...lanes] },
        { name: 'process', label: 'Process', kind: 'text' },
        { name: 'instance', label: 'Instance', kind: 'text' },
      ],
    }),
    h(Trouble, { failure }),
    pages.length > 0 && outcomes.length === 0 && !loading && more === undefined
      ? h(Nothing, {}, 'No job has ended so within the time that tombstones are kept.')
      : h(Table<OutcomeView>, {
          label: 'Recent outcomes, newest first',
          columns: COLUMNS,
          rows: outcomes,
          busy: loading,
          idOf: ({ jobKey, attempt }) => `${jobKey} ${attempt}`,
          to: ({ jobKey }) => ({ view: 'job', jobKey }),
        }),
    (outcomes.length > 0 || more) && h(More, { more, shown: outcomes.length, what: 'outcomes' }),
  );
}

const COLUMNS: readonly Column<OutcomeView>[] = [
  { name: 'Job', kind: 'main', cell: ({ jobKey }) => h(Key, {}, jobKey) },
  { name: 'Outcome', cell: ({ outcome }) => h(State, { of: OUTCOME[outcome] }) },
  { name: 'Ended', kind: 'number', cell: ({ endedAtMs }) => h(Moment, { atMs: endedAtMs, ago: true }) },
  { name: 'Took', kind: 'number', cell: ({ heldAtMs, endedAtMs }) => duration(Math.max(0, endedAtMs - heldAtMs)) },
  { name: 'Route', cell: ({ lane }) => lane },
  {
    name: 'Process',
    kind: 'wide',
    cell: ({ processId, elementId, lastStep, outcome }) => [
      h('span', {}, processId, h('span', { class: 'quiet' }, ' / '), elementId),
      outcome !== 'completed' && lastStep !== '' && h('small', {}, lastStep),
    ],
  },
  { name: 'Attempt', kind: 'number', cell: ({ attempt }) => attempt },
];
