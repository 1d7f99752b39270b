// Dead letters: replies that nobody could use, newest first; some or all that match can be put on the reply topic once more.
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import type { DeadLetterPage, DeadLetterSummary } from '../../../operations/model/dead-letters.ts';
import { h } from './element.ts';
import { type Filter, Filters } from './filters.ts';
import { bytes, many } from './format.ts';
import { useLive, useLiveState, usePages } from './hooks.ts';
import type { Scope } from './redrive-body.ts';
import { RedriveDialog } from './redrive-dialog.ts';
import { type Query, searchOf } from './route.ts';
import { type Column, More, Table } from './table.ts';
import { Go, Key, Moment, Nothing, Title, Trouble } from './ui.ts';
import { LETTER_REASONS, mayAct } from './words.ts';

const HOUR_MS = 3_600_000;
const SINCE = [
  ['', 'ever'],
  [String(HOUR_MS), 'the last hour'],
  [String(24 * HOUR_MS), 'the last day'],
  [String(7 * 24 * HOUR_MS), 'the last 7 days'],
] as const;
/** As the API says. */
const MOST_PICKED = 200;

const idOf = ({ partition, offset }: DeadLetterSummary) => `${partition}/${offset}`;

export function Letters({ query }: { readonly query: Query }): VNode {
  const { who } = useLiveState();
  const wallMs = useLive().wallMs();
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const [scope, setScope] = useState<Scope>();
  const { pages, failure, loading, reload, more } = usePages<DeadLetterPage>(`dead-letters${searchOf(query)}`);
  const letters = pages.flatMap((page) => page.letters);
  const chosen = letters.filter((letter) => picked.has(idOf(letter)));
  const may = mayAct(who, 'operator');
  const toggle = (id: string) =>
    setPicked((now) => {
      const next = new Set(now);
      if (!next.delete(id) && next.size < MOST_PICKED) next.add(id);
      return next;
    });
  const pick: Column<DeadLetterSummary> = {
    name: 'Choose',
    kind: 'pick',
    cell: (letter) =>
      h('input', {
        type: 'checkbox',
        checked: picked.has(idOf(letter)),
        'aria-label': `Choose partition ${letter.partition}, offset ${letter.offset}`,
        onChange: () => toggle(idOf(letter)),
      }),
  };
  const filtered = Object.keys(query).length > 0;
  return h(
    'div',
    {},
    h(
      Title,
      {
        aside: h(
          'div',
          { class: 'acts' },
          may &&
            chosen.length > 0 &&
            h(
              'button',
              {
                type: 'button',
                class: 'main',
                onClick: () =>
                  setScope({
                    kind: 'positions',
                    positions: chosen.map(({ partition, offset }) => ({ partition, offset })),
                  }),
              },
              `Re-drive ${many(chosen.length, 'chosen one')}…`,
            ),
          may &&
            chosen.length === 0 &&
            letters.length > 0 &&
            h(
              'button',
              { type: 'button', onClick: () => setScope({ kind: 'filter', query }) },
              filtered ? 'Re-drive all like these…' : 'Re-drive all…',
            ),
          h('button', { type: 'button', onClick: reload, 'aria-busy': loading }, 'Refresh'),
        ),
      },
      'Dead letters',
    ),
    h(Filters, { at: { view: 'letters', query }, filters: filtersAt(wallMs) }),
    h(Trouble, { failure }),
    pages.length > 0 && letters.length === 0 && !loading && more === undefined
      ? h(Nothing, {}, filtered ? 'No dead letter is like that.' : 'There are no dead letters.')
      : h(Table<DeadLetterSummary>, {
          label: 'Dead letters, newest first',
          columns: may ? [pick, ...COLUMNS] : COLUMNS,
          rows: letters,
          busy: loading,
          idOf,
          to: ({ partition, offset }) => ({ view: 'letter', partition: String(partition), offset }),
        }),
    (letters.length > 0 || more) &&
      h(More, { more, shown: letters.length, what: letters.length === 1 ? 'letter' : 'letters' }),
    scope &&
      h(RedriveDialog, {
        scope,
        onClose: () => {
          setScope(undefined);
          setPicked(new Set());
          reload();
        },
      }),
  );
}

/** Ages are chosen, moments asked for: rounded to the minute, so that the same choice is the same address for a while. */
function filtersAt(wallMs: number): readonly Filter[] {
  const minute = (ms: number) => String(Math.floor(ms / 60_000) * 60_000);
  return [
    { name: 'text', label: 'Text', kind: 'text', wide: true, hint: 'key, reason, message or correlation id' },
    {
      name: 'reason',
      label: 'Reason',
      kind: 'choice',
      choices: [['', 'any'], ...LETTER_REASONS.map((reason) => [reason, reason] as const)],
    },
    {
      name: 'sinceMs',
      label: 'Since',
      kind: 'choice',
      choices: SINCE,
      to: (ago) => (ago === '' ? '' : minute(wallMs - Number(ago))),
      from: (atMs) => (atMs === '' ? '' : nearest(wallMs - Number(atMs))),
    },
  ];
}

/** The choice that a moment was made from. */
function nearest(agoMs: number): string {
  const choices = SINCE.slice(1).map(([ago]) => Number(ago));
  return String(choices.reduce((best, ago) => (Math.abs(ago - agoMs) < Math.abs(best - agoMs) ? ago : best)));
}

const COLUMNS: readonly Column<DeadLetterSummary>[] = [
  { name: 'When', kind: 'main', cell: ({ atMs }) => h(Moment, { atMs }) },
  {
    name: 'Reason',
    kind: 'word',
    cell: ({ reason, redriven, truncated }) => [
      h('b', { title: reason }, reason),
      redriven && h('small', { class: 'tone-warn' }, 'again, after a re-drive'),
      truncated !== null && h('small', {}, 'cut'),
    ],
  },
  { name: 'Message', kind: 'wide', cell: ({ message }) => message },
  {
    name: 'Job',
    cell: ({ jobKey }) =>
      jobKey === null ? h('span', { class: 'quiet' }, '–') : h(Go, { to: { view: 'job', jobKey } }, h(Key, {}, jobKey)),
  },
  {
    name: 'From',
    cell: ({ original }) =>
      h(
        'span',
        { title: original.topic },
        `${original.topic} `,
        h('span', { class: 'whole' }, `${original.partition}/${original.offset}`),
      ),
  },
  { name: 'Size', kind: 'number', cell: ({ bytes: size }) => bytes(size) },
];
